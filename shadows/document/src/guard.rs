//! What Weir's own report may overwrite: nothing that is newer. Pure.
//!
//! The event time of `readings.{sensor}` is its `timestamp`; that of `lastUpdate`
//! is its value, and `alerts` are as of `lastUpdate`. What stands in the shadow
//! has a time too:
//!
//! - a reading with a `timestamp`, whoever wrote it, has that one;
//! - what a client wrote without one has the second in which it came.
//!
//! Whatever of a report is older than what stands there leaves the report. AWS
//! has no such guard; its updates count in the order in which they come.

use serde_json::{Map, Value};

use crate::tree::{Node, Tree};

/// Removes from a report's members what is older than in `reported`.
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
            // A client has put something else there, all of it at once.
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

/// When a reading was taken, as far as the shadow knows.
fn reading_millis(present: &Node) -> i64 {
    let Node::Object(members) = present else {
        return client_millis(present);
    };
    match members.get("timestamp") {
        // A client that says when is believed.
        Some(Node::Leaf(leaf, at)) => leaf.millis().unwrap_or(at.saturating_mul(1_000)),
        Some(own) => number(own).unwrap_or(i64::MIN).max(client_millis(present)),
        None => client_millis(present),
    }
}

fn number(node: &Node) -> Option<i64> {
    node.leaf().and_then(|(leaf, _)| leaf.millis())
}

/// When a client last wrote into this, at the resolution of metadata.
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
