//! [`Alert`] in postcard: every field in its order, none left out.
//!
//! The JSON form omits absent fields, which a format without names cannot read
//! back. Doubles come back exactly. Use it as
//! `#[serde(with = "weir_alarms::stored_alert")]`, or as a value of its own:
//! [`StoredAlert`].

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use weir_model::{Alert, AlertKind, AlertState, Severity};

/// An alert as a value of its own.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StoredAlert(#[serde(with = "self")] pub Alert);

/// The layout.
#[derive(Serialize, Deserialize)]
struct Fields<S> {
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

pub fn serialize<S: Serializer>(alert: &Alert, serializer: S) -> Result<S::Ok, S::Error> {
    let fields = Fields::<&str> {
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
    fields.serialize(serializer)
}

pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Alert, D::Error> {
    let fields = Fields::<String>::deserialize(deserializer)?;
    Ok(Alert {
        id: fields.id,
        alarm_id: fields.alarm_id,
        kind: AlertKind::Alert,
        severity: fields.severity,
        state: fields.state,
        device_id: fields.device_id,
        sensor: fields.sensor,
        value: fields.value,
        threshold: fields.threshold,
        function: fields.function,
        location: fields.location,
        unit: fields.unit,
        timestamp: fields.timestamp,
        raised_at: fields.raised_at,
        reason: fields.reason,
    })
}
