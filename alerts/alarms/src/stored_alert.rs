//! [`Alert`] in postcard: every field in its order, none left out.
//!
//! The JSON form leaves absent fields out, which a format without names cannot
//! read back; and binary floats come back exactly. For use as
//! `#[serde(with = "stored_alert")]`.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use weir_model::{Alert, AlertKind, AlertState, Severity};

#[derive(Serialize, Deserialize)]
struct StoredAlert<S> {
    id: S,
    alarm_id: S,
    severity: Severity,
    state: AlertState,
    device_id: S,
    sensor: S,
    value: f64,
    threshold: Option<f64>,
    function: S,
    location: Option<S>,
    unit: Option<S>,
    timestamp: i64,
    raised_at: i64,
    reason: S,
}

pub(crate) fn serialize<S: Serializer>(alert: &Alert, serializer: S) -> Result<S::Ok, S::Error> {
    let stored = StoredAlert::<&str> {
        id: &alert.id,
        alarm_id: &alert.alarm_id,
        severity: alert.severity,
        state: alert.state,
        device_id: &alert.device_id,
        sensor: &alert.sensor,
        value: alert.value,
        threshold: alert.threshold,
        function: &alert.function,
        location: alert.location.as_deref(),
        unit: alert.unit.as_deref(),
        timestamp: alert.timestamp,
        raised_at: alert.raised_at,
        reason: &alert.reason,
    };
    stored.serialize(serializer)
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Alert, D::Error> {
    let stored = StoredAlert::<String>::deserialize(deserializer)?;
    Ok(Alert {
        id: stored.id,
        alarm_id: stored.alarm_id,
        kind: AlertKind::Alert,
        severity: stored.severity,
        state: stored.state,
        device_id: stored.device_id,
        sensor: stored.sensor,
        value: stored.value,
        threshold: stored.threshold,
        function: stored.function,
        location: stored.location,
        unit: stored.unit,
        timestamp: stored.timestamp,
        raised_at: stored.raised_at,
        reason: stored.reason,
    })
}
