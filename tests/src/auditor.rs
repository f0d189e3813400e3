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

const NANOS_PER_MILLI: i64 = 1_000_000;
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

    let faults = compare(&stored, loads);
    assert!(
        faults.is_empty(),
        "{} faults:\n{}",
        faults.len(),
        first_lines(&faults)
    );
}

/// Every breach of: acknowledged ⊆ stored ⊆ sent, with equal values.
fn compare(stored: &Stored, loads: &[&LoadReport]) -> Vec<String> {
    let mut faults = Vec::new();
    let mut known = 0;
    for load in loads {
        for message in 0..load.sent {
            let device = load.spec.device(message);
            let time = load.spec.time_ms(message) * NANOS_PER_MILLI;
            for (sensor, value) in load.spec.readings(message) {
                let what = || format!("message {message}, {device} {sensor} {time}");
                match stored.get(&(device.clone(), sensor.to_owned(), time)) {
                    Some(found) if *found == value => known += 1,
                    Some(found) => {
                        known += 1;
                        faults.push(format!("{found} instead of {value}: {}", what()));
                    }
                    None if load.acknowledged[message] => {
                        faults.push(format!("acknowledged and lost: {}", what()));
                    }
                    None => {}
                }
            }
        }
    }
    if known < stored.len() {
        faults.push(format!(
            "{} are stored that were never sent",
            stored.len() - known
        ));
    }
    faults
}

fn first_lines(faults: &[String]) -> String {
    faults
        .iter()
        .take(10)
        .map(String::as_str)
        .collect::<Vec<_>>()
        .join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::LoadSpec;

    /// Four messages, of which the last was not acknowledged.
    fn load() -> LoadReport {
        let spec = LoadSpec::new("x", 4);
        LoadReport {
            spec,
            sent: 4,
            acknowledged: vec![true, true, true, false],
            reconnects: 0,
        }
    }

    /// What a store holds that has taken all of it.
    fn complete(load: &LoadReport) -> Stored {
        let rows = |message| {
            let (device, time) = (load.spec.device(message), load.spec.time_ms(message));
            let readings = load.spec.readings(message);
            readings.map(|(sensor, value)| {
                (
                    (device.clone(), sensor.to_owned(), time * NANOS_PER_MILLI),
                    value,
                )
            })
        };
        (0..load.sent).flat_map(rows).collect()
    }

    fn key(load: &LoadReport, message: usize) -> Key {
        let [(sensor, _), _] = load.spec.readings(message);
        (
            load.spec.device(message),
            sensor.to_owned(),
            load.spec.time_ms(message) * NANOS_PER_MILLI,
        )
    }

    #[test]
    fn an_audit_finds_what_is_lost_changed_or_invented() {
        let load = load();
        let good = complete(&load);
        assert_eq!(compare(&good, &[&load]), [""; 0]);

        let mut lost = good.clone();
        lost.remove(&key(&load, 2));
        assert!(compare(&lost, &[&load])[0].contains("lost"));

        let mut unacknowledged = good.clone();
        unacknowledged.remove(&key(&load, 3));
        assert_eq!(compare(&unacknowledged, &[&load]), [""; 0]);

        let mut changed = good.clone();
        changed.insert(key(&load, 0), -1.0);
        assert!(compare(&changed, &[&load])[0].contains("instead of"));

        let mut invented = good;
        invented.insert(("y".to_owned(), "temperature".to_owned(), 0), 1.0);
        assert!(compare(&invented, &[&load])[0].contains("never sent"));
    }
}
