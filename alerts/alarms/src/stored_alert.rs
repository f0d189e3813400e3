//! [`Alert`] in postcard: every field in its order, none left out.
//!
//! The JSON form omits absent fields, which a format without names cannot read
//! back. Doubles come back exactly. Use it as
//! `#[serde(with = "weir_alarms::stored_alert")]`, or as a value of its own:
//! [`StoredAlert`].
//!
//! ```text
//! id alarm_id severity state device_id sensor value threshold function location
//! unit timestamp raised_at reason [text recorded_at]
//! ```
//!
//! The state is a number: 0 raised, 1 escalated, 2 deescalated, 3 cleared. Plus 4,
//! the fields in brackets follow. Alerts of older versions do not have them.

use std::fmt;

use serde::de::{Error as _, SeqAccess, Visitor};
use serde::ser::SerializeTuple;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use weir_model::{Alert, AlertKind, AlertState};

/// An alert as a value of its own.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StoredAlert(#[serde(with = "self")] pub Alert);

/// Fields of an alert without the bracketed ones.
const FIELDS: usize = 14;
const ALL_FIELDS: usize = 16;
/// Added to the state if the bracketed fields follow.
const EXTENDED: u32 = 4;

const STATES: [AlertState; EXTENDED as usize] = [
    AlertState::Raised,
    AlertState::Escalated,
    AlertState::Deescalated,
    AlertState::Cleared,
];

fn number_of(state: AlertState) -> u32 {
    match state {
        AlertState::Raised => 0,
        AlertState::Escalated => 1,
        AlertState::Deescalated => 2,
        AlertState::Cleared => 3,
    }
}

pub fn serialize<S: Serializer>(alert: &Alert, serializer: S) -> Result<S::Ok, S::Error> {
    let extended = alert.text.is_some() || alert.recorded_at.is_some();
    let (fields, flag) = if extended {
        (ALL_FIELDS, EXTENDED)
    } else {
        (FIELDS, 0)
    };
    let mut tuple = serializer.serialize_tuple(fields)?;
    tuple.serialize_element(&alert.id)?;
    tuple.serialize_element(&alert.alarm_id)?;
    tuple.serialize_element(&alert.severity)?;
    tuple.serialize_element(&(number_of(alert.state) + flag))?;
    tuple.serialize_element(&alert.device_id)?;
    tuple.serialize_element(&alert.sensor)?;
    tuple.serialize_element(&alert.value)?;
    tuple.serialize_element(&alert.threshold)?;
    tuple.serialize_element(&alert.function)?;
    tuple.serialize_element(&alert.location)?;
    tuple.serialize_element(&alert.unit)?;
    tuple.serialize_element(&alert.timestamp)?;
    tuple.serialize_element(&alert.raised_at)?;
    tuple.serialize_element(&alert.reason)?;
    if extended {
        tuple.serialize_element(&alert.text)?;
        tuple.serialize_element(&alert.recorded_at)?;
    }
    tuple.end()
}

pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Alert, D::Error> {
    deserializer.deserialize_tuple(ALL_FIELDS, AlertVisitor)
}

struct AlertVisitor;

impl<'de> Visitor<'de> for AlertVisitor {
    type Value = Alert;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a stored alert")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut fields: A) -> Result<Alert, A::Error> {
        let fields = &mut fields;
        let id = next(fields)?;
        let alarm_id = next(fields)?;
        let severity = next(fields)?;
        let state: u32 = next(fields)?;
        let known = STATES.get((state % EXTENDED) as usize);
        let known = known.filter(|_| state < 2 * EXTENDED);
        let mut alert = Alert {
            id,
            alarm_id,
            kind: AlertKind::Alert,
            severity,
            state: *known.ok_or_else(|| A::Error::custom("unknown state of an alert"))?,
            device_id: next(fields)?,
            sensor: next(fields)?,
            value: next(fields)?,
            text: None,
            threshold: next(fields)?,
            function: next(fields)?,
            location: next(fields)?,
            unit: next(fields)?,
            timestamp: next(fields)?,
            raised_at: next(fields)?,
            recorded_at: None,
            reason: next(fields)?,
        };
        if state >= EXTENDED {
            alert.text = next(fields)?;
            alert.recorded_at = next(fields)?;
        }
        Ok(alert)
    }
}

fn next<'de, A: SeqAccess<'de>, T: Deserialize<'de>>(fields: &mut A) -> Result<T, A::Error> {
    fields
        .next_element()?
        .ok_or_else(|| A::Error::custom("the stored alert ends early"))
}

#[cfg(test)]
mod tests {
    use weir_model::Severity;

    use super::*;

    /// The layout of older versions.
    #[derive(Serialize)]
    struct Old<'a> {
        id: &'a str,
        alarm_id: &'a str,
        severity: Severity,
        state: AlertState,
        device_id: &'a str,
        sensor: &'a str,
        value: f64,
        threshold: Option<f64>,
        function: &'a str,
        location: Option<&'a str>,
        unit: Option<&'a str>,
        timestamp: i64,
        raised_at: i64,
        reason: &'a str,
    }

    fn alert(state: AlertState) -> Alert {
        Alert {
            id: "transition".to_owned(),
            alarm_id: "episode".to_owned(),
            kind: AlertKind::Alert,
            severity: Severity::Critical,
            state,
            device_id: "gate".to_owned(),
            sensor: "door".to_owned(),
            value: 2.5,
            text: None,
            threshold: Some(0.1),
            function: "door".to_owned(),
            location: Some("hall-2".to_owned()),
            unit: None,
            timestamp: 1_790_000_000_123,
            raised_at: 1_790_000_000_000,
            recorded_at: None,
            reason: "because".to_owned(),
        }
    }

    #[test]
    fn alerts_of_older_versions_are_read_and_their_bytes_stay() {
        for state in STATES {
            let alert = alert(state);
            let old = Old {
                id: &alert.id,
                alarm_id: &alert.alarm_id,
                severity: alert.severity,
                state,
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
            let bytes = postcard::to_stdvec(&(old, 7u8)).unwrap();
            let (StoredAlert(found), after): (_, u8) = postcard::from_bytes(&bytes).unwrap();
            assert_eq!((&found, after), (&alert, 7));
            assert_eq!(
                postcard::to_stdvec(&(StoredAlert(alert), 7u8)).unwrap(),
                bytes
            );
        }
    }

    #[test]
    fn texts_and_times_of_receipt_come_back_between_other_values() {
        for state in STATES {
            let alert = Alert {
                text: Some("open".to_owned()),
                recorded_at: Some(1_790_000_000_456),
                ..alert(state)
            };
            let bytes = postcard::to_stdvec(&(StoredAlert(alert.clone()), 7u8)).unwrap();
            let (StoredAlert(found), after): (_, u8) = postcard::from_bytes(&bytes).unwrap();
            assert_eq!((found, after), (alert, 7));
        }
        assert!(postcard::from_bytes::<StoredAlert>(&[0, 0, 0, 8, 0]).is_err());
    }
}
