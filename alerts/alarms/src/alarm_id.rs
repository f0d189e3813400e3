//! Names for episodes and their transitions, derived from what they are about.
//!
//! The first 128 bits of SHA-256, as 32 hexadecimal digits, over the fields,
//! each preceded by its length (u64, little-endian). The same reading gives the
//! same id on every machine and in every version: redelivery and replay repeat
//! an alert, they never make another. It is a cryptographic hash because sensor
//! names come from devices, and none may be chosen to hit another's alarm.

use sha2::{Digest, Sha256};
use weir_model::{AlertState, Severity, Timestamp, hex};

use crate::alarm_engine::SlotNames;

/// The episode: (device, sensor, unit, function, time of the raising reading).
/// The unit is part of it because a sensor in two units is two series.
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

/// One transition: (episode, state, severity, time of the deciding reading).
pub(crate) fn alert_id(
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
            unit: None,
            function: "overheat".into(),
            location: None,
            said: None,
        }
    }

    /// Subscribers remember ids: a change here would repeat every open alarm. The
    /// expected ones were computed apart from this code, with Python's hashlib.
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
