//! Ids of alarms and of their transitions, derived from their content.
//!
//! An id is the first 128 bits of SHA-256, as 32 hexadecimal digits, over the
//! fields, each preceded by its length (u64, little-endian). The same reading
//! gives the same id on every machine and in every version, so redelivery and
//! replay repeat an alert and never create a second one. The hash is
//! cryptographic because devices choose sensor names: no name can be chosen to
//! collide with another alarm.

use sha2::{Digest, Sha256};
use weir_model::{AlertState, Severity, Timestamp, hex};

use crate::slot_names::SlotNames;

/// The id of an alarm, from raise to clear: (device, sensor, unit, function, time
/// of the raising reading). A sensor in two units is two series, so the unit counts.
pub(crate) fn alarm_id(names: &SlotNames, raised: Timestamp) -> String {
    hash(&[
        b"alarm",
        names.device.as_bytes(),
        names.sensor.as_bytes(),
        names.unit.as_deref().unwrap_or_default().as_bytes(),
        names.function.as_bytes(),
        &raised.0.to_le_bytes(),
    ])
}

/// The id of one transition: (alarm, state, severity, time of the deciding reading).
pub fn alert_id(
    alarm_id: &str,
    state: AlertState,
    severity: Severity,
    decided: Timestamp,
) -> String {
    hash(&[
        b"alert",
        alarm_id.as_bytes(),
        state.as_str().as_bytes(),
        severity.as_str().as_bytes(),
        &decided.0.to_le_bytes(),
    ])
}

pub(crate) fn hash(fields: &[&[u8]]) -> String {
    let mut sha = Sha256::new();
    for field in fields {
        sha.update((field.len() as u64).to_le_bytes());
        sha.update(field);
    }
    hex(&sha.finalize()[..16])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(device: &str, sensor: &str) -> SlotNames {
        SlotNames {
            device: device.into(),
            sensor: sensor.into(),
            function: "overheat".into(),
            ..SlotNames::default()
        }
    }

    /// Subscribers remember ids: a change here repeats every open alarm. The
    /// expected ids were computed with Python's hashlib.
    #[test]
    fn the_ids_of_version_1_stay() {
        let alarm = alarm_id(
            &names("pump-1", "temperature"),
            Timestamp(1_700_000_000_000_000_000),
        );
        assert_eq!(alarm, "e3c79da6f573b757755e943b05dc673c");
        let alert = alert_id(&alarm, AlertState::Raised, Severity::Critical, Timestamp(1));
        assert_eq!(alert, "7a85ddbf65585551408bc04318ef8fca");
    }

    #[test]
    fn text_that_moves_between_fields_gives_another_id() {
        let id = |device, sensor| alarm_id(&names(device, sensor), Timestamp(1));
        assert_ne!(id("ab", "c"), id("a", "bc"));
        assert_ne!(id("a", "bc"), id("abc", ""));
    }

    #[test]
    fn every_part_of_a_transition_counts() {
        let id = |state, severity, time| alert_id("a", state, severity, Timestamp(time));
        let base = id(AlertState::Raised, Severity::Warning, 1);
        assert_ne!(base, id(AlertState::Cleared, Severity::Warning, 1));
        assert_ne!(base, id(AlertState::Raised, Severity::Critical, 1));
        assert_ne!(base, id(AlertState::Raised, Severity::Warning, 2));
    }
}
