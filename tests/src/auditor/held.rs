//! What a Weir holds: its readings by SQL, its quarantine against the loads.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use serde_json::Value;
use weir_model::Timestamp;

use crate::{DEADLINE, Flow, LoadReport, LoadSpec, Spoilt, Weir, wait_until};

/// The identity of a reading: device, sensor, nanoseconds since the epoch.
pub(super) type Key = (String, String, i64);

/// Readings by identity.
pub(super) type Stored = HashMap<Key, f64>;

pub(super) const NANOS_PER_MILLI: i64 = 1_000_000;

/// The numeric readings of some messages of a load. Panics when one is there
/// twice.
#[track_caller]
pub(super) fn stored(weir: &Weir, spec: &LoadSpec, messages: &Range<usize>) -> Stored {
    let time = |message| Timestamp(spec.time_ms(message) * NANOS_PER_MILLI);
    let sql = format!(
        "SELECT device, sensor, CAST(time AS BIGINT), value FROM readings \
         WHERE value IS NOT NULL AND device LIKE '{}-%' \
         AND time >= TIMESTAMP '{}' AND time < TIMESTAMP '{}'",
        spec.name,
        time(messages.start),
        time(messages.end),
    );
    let mut stored = Stored::new();
    // As CSV: a soak holds tens of millions of them.
    for line in weir.sql_csv(&sql).lines().skip(1) {
        let mut fields = line.split(',');
        let mut next = || {
            fields
                .next()
                .unwrap_or_else(|| panic!("not four fields: {line}"))
        };
        let (device, sensor, time, value) = (next(), next(), next(), next());
        let time = time.parse().unwrap_or_else(|_| panic!("no time in {line}"));
        let value = value
            .parse()
            .unwrap_or_else(|_| panic!("no value in {line}"));
        let twice = stored.insert((device.to_owned(), sensor.to_owned(), time), value);
        assert!(twice.is_none(), "stored twice: {line}");
    }
    stored
}

/// Every breach of: what is spoilt and acknowledged is in the quarantine, and
/// nothing else is.
#[track_caller]
pub(super) fn quarantine(weir: &Weir, flow: &Flow, loads: &[&LoadReport]) -> Vec<String> {
    let (mut held, mut listed) = (HashSet::new(), 0);
    wait_until(
        "the quarantine has as many entries as are counted",
        DEADLINE,
        || {
            let rows = weir.sql(
                // What InfluxDB refused is stored here all the same.
                "SELECT payload, reading FROM quarantine WHERE reason <> 'store_rejected'",
            );
            listed = rows.len() as u64;
            let entry = |row: &Value| (text(row, "payload").to_owned(), row["reading"].as_u64());
            held = rows.iter().map(entry).collect();
            listed == flow.quarantined()
        },
    );
    let mut faults = Vec::new();
    for load in loads {
        for message in 0..load.sent {
            let reading = match load.spec.spoilt(message) {
                Spoilt::No => continue,
                Spoilt::Message => None,
                Spoilt::Reading => Some(1),
            };
            let there = held.remove(&(load.spec.payload(message), reading));
            if !there && load.acknowledged[message] {
                faults.push(format!("acknowledged and not quarantined: {message}"));
            }
        }
    }
    let strange = held.iter().map(|entry| format!("quarantined: {entry:?}"));
    faults.extend(strange);
    faults
}

#[track_caller]
pub(super) fn text<'a>(row: &'a Value, name: &str) -> &'a str {
    row[name]
        .as_str()
        .unwrap_or_else(|| panic!("{name} is no text in {row}"))
}

/// Nanoseconds since the epoch.
#[track_caller]
pub(super) fn parse_time(text: &str) -> i64 {
    let time = Timestamp::parse_rfc3339(text);
    time.unwrap_or_else(|| panic!("{text} is not an RFC 3339 time"))
        .0
}
