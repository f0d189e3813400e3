//! An alarm as operations see it: its present state, who saw it, who silenced it.

use serde::{Deserialize, Serialize};
use weir_model::{Alert, AlertState, Severity};

use crate::alarm_actions::OUT_OF_SERVICE;
use crate::alarm_tables::Entry;
use crate::lifecycle::{Happening, Lifecycle, Standing};
use crate::router::HeldBack;
use crate::stored_alert;

/// One alarm, from raised to cleared: what `/api/v1/alarms` shows.
///
/// Times are milliseconds since the epoch. Those of the alarm are event times;
/// those of an operator's action are by Weir's clock.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AlarmRecord {
    pub alarm_id: String,
    pub device_id: String,
    pub sensor: String,
    pub function: String,
    /// Of a cleared alarm: the one it last had.
    pub severity: Severity,
    /// What its last alert told.
    pub state: AlertState,
    pub raised_at: i64,
    pub updated_at: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cleared_at: Option<i64>,
    /// Of the reading that decided last.
    pub value: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub threshold: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    pub reason: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acknowledged: Option<Acknowledgement>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shelved_until: Option<i64>,
    /// In ISA-18.2's words; what routing holds back is not in it: see
    /// [`AlarmRecord::held_back`].
    pub lifecycle: Lifecycle,
    /// When the condition of a latched alarm was over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub returned_at: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub assigned_to: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub comments: Vec<Comment>,
}

/// What somebody says about an alarm.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Comment {
    pub by: String,
    /// Milliseconds since the epoch.
    pub at: i64,
    pub text: String,
}

/// What the store keeps of some alarms besides [`StoredAlarm`].
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Extra {
    pub(crate) assigned_to: Option<String>,
    pub(crate) comments: Vec<Comment>,
    /// The clear that waits for an acknowledgement.
    pub(crate) latched: Option<Entry>,
}

/// Somebody has seen it. An escalation takes it back: it asks anew.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acknowledgement {
    pub by: String,
    /// Milliseconds since the epoch.
    pub at: i64,
    pub note: Option<String>,
}

/// Which alarms to list. `Default` is: all of them, 100 at most.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlarmFilter {
    pub state: AlarmStateFilter,
    pub severity: Option<Severity>,
    pub device: Option<String>,
    pub limit: usize,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AlarmStateFilter {
    Open,
    Cleared,
    #[default]
    Any,
}

impl Default for AlarmFilter {
    fn default() -> Self {
        Self {
            state: AlarmStateFilter::Any,
            severity: None,
            device: None,
            limit: 100,
        }
    }
}

impl AlarmFilter {
    pub(crate) fn matches(&self, alarm: &StoredAlarm) -> bool {
        let state = match self.state {
            AlarmStateFilter::Open => alarm.is_open(),
            AlarmStateFilter::Cleared => !alarm.is_open(),
            AlarmStateFilter::Any => true,
        };
        state
            && self
                .severity
                .is_none_or(|severity| severity == alarm.last.severity)
            && self
                .device
                .as_ref()
                .is_none_or(|device| *device == alarm.last.device_id)
    }
}

/// What the store keeps of an alarm.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct StoredAlarm {
    #[serde(with = "stored_alert")]
    pub(crate) last: Alert,
    /// Of `last`, in the history.
    pub(crate) seq: u64,
    pub(crate) acknowledged: Option<Acknowledgement>,
    /// Some alert of it went to the outbox.
    pub(crate) told: bool,
    /// The last alert did not, because the alarm is shelved.
    pub(crate) withheld: bool,
}

impl StoredAlarm {
    pub(crate) fn is_open(&self) -> bool {
        self.last.state != AlertState::Cleared
    }

    /// The alarm after its next transition. An escalation asks anew.
    pub(crate) fn after(before: Option<Self>, alert: &Alert, seq: u64, shelved: bool) -> Self {
        let told = before.as_ref().is_some_and(|alarm| alarm.told);
        let acknowledged = before.and_then(|alarm| alarm.acknowledged);
        // Whoever was told of an alarm is told that it is over, shelved or not.
        let withheld = shelved && !(told && alert.state == AlertState::Cleared);
        Self {
            last: alert.clone(),
            seq,
            acknowledged: acknowledged.filter(|_| {
                let seen = Standing {
                    acknowledged: true,
                    ..Standing::RAISED
                };
                alert.state != AlertState::Escalated
                    || seen.after(Happening::Escalated, false).acknowledged
            }),
            told: told || !withheld,
            withheld,
        }
    }

    pub(crate) fn standing(&self, extra: &Extra) -> Standing {
        Standing {
            active: self.is_open() && extra.latched.is_none(),
            cleared: !self.is_open(),
            acknowledged: self.acknowledged.is_some(),
        }
    }

    pub(crate) fn into_record(self, shelved_until: Option<i64>, extra: Extra) -> AlarmRecord {
        let standing = self.standing(&extra);
        let held_back = match shelved_until {
            Some(OUT_OF_SERVICE) => Some(HeldBack::OutOfService),
            Some(_) => Some(HeldBack::Shelved),
            None => None,
        };
        let lifecycle = standing.lifecycle(held_back.filter(|_| self.is_open()));
        let cleared_at = (!self.is_open()).then_some(self.last.timestamp);
        let last = self.last;
        AlarmRecord {
            alarm_id: last.alarm_id,
            device_id: last.device_id,
            sensor: last.sensor,
            function: last.function,
            severity: last.severity,
            state: last.state,
            raised_at: last.raised_at,
            updated_at: last.timestamp,
            cleared_at,
            value: last.value,
            threshold: last.threshold,
            unit: last.unit,
            location: last.location,
            reason: last.reason,
            acknowledged: self.acknowledged,
            shelved_until,
            lifecycle,
            returned_at: extra.latched.map(|Entry(clear)| clear.timestamp),
            assigned_to: extra.assigned_to,
            comments: extra.comments,
        }
    }
}

impl AlarmRecord {
    /// Its last alert, but for the alert's id.
    pub fn alert(&self) -> Alert {
        Alert {
            id: String::new(),
            alarm_id: self.alarm_id.clone(),
            kind: weir_model::AlertKind::Alert,
            severity: self.severity,
            state: self.state,
            device_id: self.device_id.clone(),
            sensor: self.sensor.clone(),
            value: self.value,
            threshold: self.threshold,
            function: self.function.clone(),
            location: self.location.clone(),
            unit: self.unit.clone(),
            timestamp: self.updated_at,
            raised_at: self.raised_at,
            reason: self.reason.clone(),
        }
    }

    /// As seen by routing too, which knows of maintenance and inhibition.
    #[must_use]
    pub fn held_back(mut self, by: Option<HeldBack>) -> Self {
        let is_shelved = matches!(self.lifecycle, Lifecycle::Shelved | Lifecycle::OutOfService);
        if by.is_some() && self.cleared_at.is_none() && !is_shelved {
            self.lifecycle = Standing::RAISED.lifecycle(by);
        }
        self
    }
}
