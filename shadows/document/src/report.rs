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

/// Absent members are omitted: an array in a shadow must not contain null, and one
/// null would reject the whole report. What is not a number is absent.
#[derive(Serialize)]
struct OpenAlarm<'a> {
    id: &'a str,
    sensor: &'a str,
    severity: Severity,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
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
        value: Some(alert.value).filter(|value| value.is_finite()),
        text: alert.text.as_deref(),
        threshold: alert.threshold.filter(|limit| limit.is_finite()),
        since: alert.raised_at,
        function: &alert.function,
        reason: &alert.reason,
    });
    // A null would delete the value of the last report.
    let readings = readings.iter().filter(|(_, value, _)| !value.is_null());
    let readings = readings.map(|(sensor, value, timestamp)| {
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

#[cfg(test)]
mod tests {
    use serde_json::json;
    use weir_config::Shadows;
    use weir_model::{AlertKind, AlertState};

    use super::*;
    use crate::request::UpdateRequest;

    #[test]
    fn what_is_not_a_number_costs_no_report() {
        let door = Alert {
            id: "transition".to_owned(),
            alarm_id: "episode".to_owned(),
            kind: AlertKind::Alert,
            severity: Severity::Warning,
            state: AlertState::Raised,
            device_id: "gate".to_owned(),
            sensor: "door".to_owned(),
            value: f64::NAN,
            text: Some("open".to_owned()),
            threshold: Some(f64::INFINITY),
            function: "door".to_owned(),
            location: None,
            unit: None,
            timestamp: 2,
            raised_at: 1,
            recorded_at: Some(3),
            reason: "door is open; allowed: closed".to_owned(),
        };
        let readings = [("t", json!(3), 2), ("odd", json!(f64::NAN), 2)];
        let payload = report_payload(&[&door], 2, &readings);
        let parsed = UpdateRequest::parse(&payload, &Shadows::default());
        assert!(parsed.request.is_ok(), "the report is valid");
        let report: Value = serde_json::from_slice(&payload).unwrap();
        let reported = &report["state"]["reported"];
        assert_eq!(
            reported["alerts"],
            json!([{
                "id": "episode", "sensor": "door", "severity": "WARNING", "text": "open",
                "since": 1, "function": "door", "reason": "door is open; allowed: closed",
            }])
        );
        assert_eq!(
            reported["readings"],
            json!({"t": {"value": 3, "timestamp": 2}})
        );
    }
}
