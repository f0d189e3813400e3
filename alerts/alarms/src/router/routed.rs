//! What routing knows of one alarm. It is stored after every change, in postcard:
//! the order of the fields is the format.

use serde::{Deserialize, Serialize};
use weir_model::Alert;

use crate::stored_alert;
use crate::suppression::Suppression;

/// What routing knows of one alarm.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Routed {
    #[serde(with = "stored_alert")]
    pub(super) alert: Alert,
    pub(super) acknowledged: bool,
    /// Wall clock, milliseconds; [`crate::OUT_OF_SERVICE`] without an end.
    pub(super) shelved_until: i64,
    pub(super) suppression: Option<Suppression>,
    pub(super) rules: Vec<RuleState>,
    pub(super) notified: Vec<NotifiedChannel>,
}

/// The progress of one rule with one alarm. Times are of the steady clock.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct RuleState {
    /// Fingerprint of the rule.
    pub(super) rule: u64,
    /// The last alert that the rule notified.
    pub(super) alert_id: String,
    pub(super) notified_at: i64,
    pub(super) repeated_at: i64,
    /// Since when the current alert waits for others of its group.
    pub(super) waiting_since: Option<i64>,
    /// Channels of `escalate_to` that were notified.
    pub(super) step: usize,
}

/// A channel that was notified of an alarm.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct NotifiedChannel {
    pub(super) channel: String,
    pub(super) alert_id: String,
    /// Only in the summary of a storm.
    pub(super) summary: bool,
    pub(super) group_wait_ms: i64,
    pub(super) group: Vec<String>,
}

impl Routed {
    pub(super) fn new(alert: &Alert) -> Self {
        Self {
            alert: alert.clone(),
            acknowledged: false,
            shelved_until: 0,
            suppression: None,
            rules: Vec::new(),
            notified: Vec::new(),
        }
    }

    /// The state of a rule; a new one if the rule has none.
    pub(super) fn rule(&mut self, fingerprint: u64) -> &mut RuleState {
        let same = |state: &RuleState| state.rule == fingerprint;
        let ix = self.rules.iter().position(same).unwrap_or_else(|| {
            self.rules.push(RuleState {
                rule: fingerprint,
                alert_id: String::new(),
                notified_at: 0,
                repeated_at: 0,
                waiting_since: None,
                step: 0,
            });
            self.rules.len() - 1
        });
        &mut self.rules[ix]
    }

    /// Whether a channel was notified of this alarm, also by a summary.
    pub(super) fn is_notified(&self, channel: &str) -> bool {
        self.notified.iter().any(|entry| entry.channel == channel)
    }
}
