//! What was acknowledged against what is stored, after any fault.
//!
//! Acknowledged ⊆ stored; stored ⊆ sent, with equal values; each reading once;
//! the counters conserve. Loads send only good readings, so none of them may
//! be in the quarantine.

use std::collections::HashMap;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use weir_model::Timestamp;

use crate::{Flow, LoadReport, Weir};

/// The identity of a reading: device, sensor, nanoseconds since the epoch.
type Key = (String, String, i64);

const READINGS_PER_MESSAGE: u64 = 2;
/// How long an audit waits for what is on its way.
const PATIENCE: Duration = Duration::from_secs(60);

/// The readings that a Weir holds, by identity.
pub type Stored = HashMap<Key, f64>;

/// All numeric readings. Panics when one is there twice.
#[track_caller]
pub fn stored_readings(weir: &Weir) -> Stored {
    let mut stored = Stored::new();
    for row in weir.sql("SELECT device, sensor, time, value FROM readings WHERE value IS NOT NULL")
    {
        let text = |name: &str| match &row[name] {
            Value::String(text) => text.clone(),
            other => panic!("{name} is {other} in {row}"),
        };
        let time = parse_time(&text("time"));
        let value = row["value"]
            .as_f64()
            .unwrap_or_else(|| panic!("no value in {row}"));
        let twice = stored.insert((text("device"), text("sensor"), time), value);
        assert!(twice.is_none(), "stored twice: {row}");
    }
    stored
}

/// Nanoseconds since the epoch.
fn parse_time(text: &str) -> i64 {
    let time = Timestamp::parse_rfc3339(text);
    time.unwrap_or_else(|| panic!("{text} is not an RFC 3339 time"))
        .0
}

/// Waits until everything that was acknowledged is stored and nothing is in
/// flight. When that does not come, the comparison says what is missing.
fn settle(weir: &Weir, loads: &[&LoadReport]) -> Flow {
    let acknowledged: usize = loads.iter().map(|load| load.acknowledged_count()).sum();
    let start = Instant::now();
    loop {
        let flow = weir.flow();
        let stored = flow.readings.stored >= READINGS_PER_MESSAGE * acknowledged as u64;
        if (stored && flow.is_settled()) || start.elapsed() > PATIENCE {
            return flow;
        }
        thread::sleep(Duration::from_millis(20));
    }
}

/// Waits until nothing is in flight, then compares.
#[track_caller]
pub fn audit(weir: &Weir, loads: &[&LoadReport]) {
    let flow = settle(weir, loads);
    flow.assert_conserved();
    let stored = stored_readings(weir);
    assert_eq!(
        flow.readings.stored,
        stored.len() as u64,
        "the counter and SQL differ: {flow:#?}"
    );
    assert_eq!(flow.quarantined(), 0, "{flow:#?}");

    let mut known = 0;
    for load in loads {
        for message in 0..load.sent {
            let device = load.spec.device(message);
            let time = load.spec.time_ms(message) * 1_000_000;
            for (sensor, value) in load.spec.readings(message) {
                let found = stored.get(&(device.clone(), sensor.to_owned(), time));
                known += usize::from(found.is_some());
                if found.is_none() && load.acknowledged[message] {
                    panic!("acknowledged and lost: message {message}, {device} {sensor} {time}");
                }
                if let Some(found) = found {
                    assert_eq!(*found, value, "message {message}, {device} {sensor} {time}");
                }
            }
        }
    }
    assert_eq!(
        known,
        stored.len(),
        "something is stored that was never sent"
    );
}
