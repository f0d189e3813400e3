//! What a report of Weir may overwrite: nothing that is newer. Pure.
//!
//! The event time of `readings.{sensor}` is its `timestamp`; that of `lastUpdate`
//! is its value, and `alerts` have the time of `lastUpdate`. The values in the
//! shadow have a time too:
//!
//! - a reading with a `timestamp`, by any writer, has that time;
//! - a value that a client wrote without one has the second of its arrival.
//!
//! Members of a report that are older than the value in the shadow are removed from
//! the report. AWS has no such guard; its updates count in the order of arrival.

use serde_json::{Map, Value};

use crate::tree::{Node, Tree};

/// Removes the members of a report that are older than in `reported`.
pub(crate) fn keep_newer(report: &mut Map<String, Value>, reported: &Tree) {
    let last_update = report.get("lastUpdate").and_then(Value::as_i64);
    if let Some(present) = reported.get("alerts")
        && last_update.is_some_and(|event| event < client_millis(present))
    {
        report.remove("alerts");
    }
    if let Some(present) = reported.get("lastUpdate")
        && last_update
            .is_some_and(|event| event < number(present).unwrap_or(client_millis(present)))
    {
        report.remove("lastUpdate");
    }
    let Some(Value::Object(readings)) = report.get_mut("readings") else {
        return;
    };
    readings.retain(|sensor, reading| {
        let present = match reported.get("readings") {
            Some(Node::Object(present)) => present.get(sensor),
            // A client has written another value there.
            present => present,
        };
        let event = reading["timestamp"].as_i64();
        event
            .zip(present)
            .is_none_or(|(event, present)| event >= reading_millis(present))
    });
    if readings.is_empty() {
        report.remove("readings");
    }
}

/// The time of a reading in the shadow.
fn reading_millis(present: &Node) -> i64 {
    let Node::Object(members) = present else {
        return client_millis(present);
    };
    match members.get("timestamp") {
        // The timestamp of a client is trusted.
        Some(Node::Leaf(leaf, at)) => leaf.millis().unwrap_or(at.saturating_mul(1_000)),
        Some(own) => number(own).unwrap_or(i64::MIN).max(client_millis(present)),
        None => client_millis(present),
    }
}

fn number(node: &Node) -> Option<i64> {
    node.leaf().and_then(|(leaf, _)| leaf.millis())
}

/// When a client last wrote to this, at the resolution of the metadata.
fn client_millis(node: &Node) -> i64 {
    match node {
        Node::Leaf(_, at) => at.saturating_mul(1_000),
        Node::Own(..) => i64::MIN,
        Node::Object(members) => members
            .values()
            .map(client_millis)
            .max()
            .unwrap_or(i64::MIN),
    }
}

#[cfg(test)]
mod tests;
