//! The conservation counters, as `/api/v1/flow` serves them.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

/// `GET /api/v1/flow`, with what is checked in it.
#[derive(Clone, Debug, Deserialize)]
pub struct Flow {
    pub messages: MessageFlow,
    pub readings: ReadingFlow,
}

#[derive(Clone, Debug, Deserialize)]
pub struct MessageFlow {
    pub received: u64,
    pub journaled: u64,
    pub in_flight: u64,
}

#[derive(Clone, Debug, Deserialize)]
pub struct ReadingFlow {
    pub received: u64,
    pub stored: u64,
    /// A number, or a map of reason to number.
    pub quarantined: Value,
    pub deduplicated: u64,
    /// A number, or a map of reason to number.
    pub expired: Value,
    pub in_flight: u64,
    #[serde(default)]
    pub conflicts: u64,
    #[serde(default)]
    pub quarantined_by_reason: BTreeMap<String, u64>,
}

impl Flow {
    pub fn quarantined(&self) -> u64 {
        total(&self.readings.quarantined)
    }

    pub fn expired(&self) -> u64 {
        total(&self.readings.expired)
    }

    /// How many readings or messages were quarantined for `reason`.
    pub fn quarantined_for(&self, reason: &str) -> u64 {
        let listed = self.readings.quarantined_by_reason.get(reason).copied();
        let nested = || {
            self.readings
                .quarantined
                .get(reason)
                .and_then(Value::as_u64)
        };
        listed.or_else(nested).unwrap_or(0)
    }

    /// Nothing is on its way.
    pub fn is_settled(&self) -> bool {
        self.messages.in_flight == 0 && self.readings.in_flight == 0
    }

    /// `received = stored + quarantined + deduplicated + expired + in_flight`.
    #[track_caller]
    pub fn assert_conserved(&self) {
        let readings = &self.readings;
        let outcomes = readings.stored
            + self.quarantined()
            + readings.deduplicated
            + self.expired()
            + readings.in_flight;
        assert_eq!(
            readings.received, outcomes,
            "readings are not conserved: {self:#?}"
        );
        let reasons = &readings.quarantined_by_reason;
        if !reasons.is_empty() {
            assert_eq!(
                self.quarantined(),
                reasons.values().sum::<u64>(),
                "{self:#?}"
            );
        }
    }
}

fn total(count: &Value) -> u64 {
    match count {
        Value::Object(reasons) => reasons.values().filter_map(Value::as_u64).sum(),
        other => other
            .as_u64()
            .unwrap_or_else(|| panic!("not a count: {other}")),
    }
}
