//! An alarm as the database stores it, in postcard: the order of the fields is the
//! format.

use serde::{Deserialize, Serialize};
use weir_alarms::{
    Acknowledgement, AlarmRecord, Comment, LifecycleEvent, LifecycleState, StoredAlert,
    Suppression, stored_alert,
};
use weir_model::{Alert, AlertState};

/// The state of an alarm.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct StoredAlarm {
    #[serde(with = "stored_alert")]
    pub(crate) last: Alert,
    /// Number of `last` in the history.
    pub(crate) seq: u64,
    pub(crate) acknowledged: Option<Acknowledgement>,
    /// Whether an alert of it went to the outbox.
    pub(crate) notified: bool,
    /// Whether `last` did not, because the alarm is shelved.
    pub(crate) withheld: bool,
}

/// What some alarms have besides [`StoredAlarm`]; most alarms have no entry.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Extra {
    pub(crate) assigned_to: Option<String>,
    pub(crate) comments: Vec<Comment>,
    /// The clear of a latched alarm that waits for an acknowledgement.
    pub(crate) latched: Option<StoredAlert>,
}

impl StoredAlarm {
    pub(crate) fn is_open(&self) -> bool {
        self.last.state != AlertState::Cleared
    }

    /// The alarm after its next transition. An escalation resets the
    /// acknowledgement.
    pub(crate) fn after(before: Option<Self>, alert: &Alert, seq: u64, shelved: bool) -> Self {
        let notified = before.as_ref().is_some_and(|alarm| alarm.notified);
        let acknowledged = before.and_then(|alarm| alarm.acknowledged);
        // The clear of an alarm that was notified is sent, shelved or not.
        let withheld = shelved && !(notified && alert.state == AlertState::Cleared);
        let seen = LifecycleState {
            acknowledged: true,
            ..LifecycleState::RAISED
        };
        let stays_acknowledged = alert.state != AlertState::Escalated
            || seen.after(LifecycleEvent::Escalated, false).acknowledged;
        Self {
            last: alert.clone(),
            seq,
            acknowledged: acknowledged.filter(|_| stays_acknowledged),
            notified: notified || !withheld,
            withheld,
        }
    }

    pub(crate) fn lifecycle_state(&self, extra: &Extra) -> LifecycleState {
        LifecycleState {
            active: self.is_open() && extra.latched.is_none(),
            cleared: !self.is_open(),
            acknowledged: self.acknowledged.is_some(),
        }
    }

    pub(crate) fn into_record(self, shelved_until: Option<i64>, extra: Extra) -> AlarmRecord {
        let is_open = self.is_open();
        let suppression = shelved_until
            .map(Suppression::of_shelving)
            .filter(|_| is_open);
        let lifecycle = self.lifecycle_state(&extra).lifecycle(suppression);
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
            cleared_at: (!is_open).then_some(last.timestamp),
            value: last.value,
            threshold: last.threshold,
            unit: last.unit,
            location: last.location,
            reason: last.reason,
            acknowledged: self.acknowledged,
            shelved_until,
            lifecycle,
            returned_at: extra.latched.map(|StoredAlert(clear)| clear.timestamp),
            assigned_to: extra.assigned_to,
            comments: extra.comments,
        }
    }
}
