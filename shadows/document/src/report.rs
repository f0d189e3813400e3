//! What Weir reports in the shadow of a device: its open alarms, the time of its
//! last reading, and its latest readings.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;
use weir_model::{Alert, Severity};

#[derive(Serialize)]
struct Body<'a> {
    state: State<'a>,
}

#[derive(Serialize)]
struct State<'a> {
    reported: Reported<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Reported<'a> {
    alerts: Vec<OpenAlarm<'a>>,
    last_update: i64,
    readings: BTreeMap<&'a str, Reading<'a>>,
}

/// Absent members are omitted: an array in a shadow must not contain null.
#[derive(Serialize)]
struct OpenAlarm<'a> {
    id: &'a str,
    sensor: &'a str,
    severity: Severity,
    value: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    threshold: Option<f64>,
    since: i64,
    function: &'a str,
    reason: &'a str,
}

#[derive(Serialize)]
struct Reading<'a> {
    value: &'a Value,
    timestamp: i64,
}

/// The update for one device: `state.reported.alerts` (`[]` if no alarm is open),
/// `lastUpdate`, and `readings.{sensor}` = `{value, timestamp}`. Times are
/// milliseconds since the epoch. The last of two readings of a sensor counts.
pub fn report_payload(
    alerts: &[&Alert],
    last_update_ms: i64,
    readings: &[(&str, Value, i64)],
) -> Vec<u8> {
    let alerts = alerts.iter().map(|alert| OpenAlarm {
        id: &alert.alarm_id,
        sensor: &alert.sensor,
        severity: alert.severity,
        value: alert.value,
        threshold: alert.threshold,
        since: alert.raised_at,
        function: &alert.function,
        reason: &alert.reason,
    });
    let readings = readings.iter().map(|(sensor, value, timestamp)| {
        (
            *sensor,
            Reading {
                value,
                timestamp: *timestamp,
            },
        )
    });
    let reported = Reported {
        alerts: alerts.collect(),
        last_update: last_update_ms,
        readings: readings.collect(),
    };
    serde_json::to_vec(&Body {
        state: State { reported },
    })
    .expect("texts and numbers are JSON")
}
