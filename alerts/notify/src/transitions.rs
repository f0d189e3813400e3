//! The transitions of one alarm, and when each was recorded.
//!
//! A transition's own time is the time of a reading, by a device's clock. The table
//! `transitions` has the time by Weir's clock, and finds the transitions of an alarm
//! without a walk over the history. A replay records nothing twice, so the time of the
//! first recording stays.

use redb::{ReadableTable, TableHandle, WriteTransaction};
use serde::Serialize;
use weir_alarms::StoredAlert;
use weir_model::Alert;

use crate::alarm_store::AlarmStore;
use crate::alarm_tables::{ALARMS, HISTORY, RETURNED, TRANSITIONS, index_returned};
use crate::store_error::AlarmStoreError;
use crate::stored_alarm::StoredAlarm;

/// One transition as the API shows it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Transition {
    #[serde(flatten)]
    pub alert: Alert,
    /// Milliseconds since the epoch, by Weir's clock. Absent if it was recorded before
    /// Weir stored it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recorded_at: Option<i64>,
}

impl Transition {
    /// Weir's time where it is known, else the reading's.
    pub fn time(&self) -> i64 {
        self.recorded_at.unwrap_or(self.alert.timestamp)
    }
}

impl AlarmStore {
    /// The transitions of one alarm, the oldest first.
    pub fn transitions(&self, alarm_id: &str) -> Result<Vec<Transition>, AlarmStoreError> {
        let txn = self.database.begin_read()?;
        let (transitions, history) = (txn.open_table(TRANSITIONS)?, txn.open_table(HISTORY)?);
        let mut found = Vec::new();
        for entry in transitions.range((alarm_id, 0)..=(alarm_id, u64::MAX))? {
            let (key, recorded) = entry?;
            if let Some(bytes) = history.get(key.value().1)? {
                found.push(Transition {
                    alert: postcard::from_bytes::<StoredAlert>(bytes.value())?.0,
                    recorded_at: known_time(recorded.value()),
                });
            }
        }
        Ok(found)
    }

    /// The last transitions of all alarms, the newest first, while `wanted` is true.
    pub fn latest_transitions(
        &self,
        mut wanted: impl FnMut(&Transition) -> bool,
    ) -> Result<Vec<Transition>, AlarmStoreError> {
        let txn = self.database.begin_read()?;
        let (transitions, history) = (txn.open_table(TRANSITIONS)?, txn.open_table(HISTORY)?);
        let mut found = Vec::new();
        for entry in history.iter()?.rev() {
            let (seq, bytes) = entry?;
            let transition = with_recorded_time(&transitions, seq.value(), bytes.value())?;
            if !wanted(&transition) {
                break;
            }
            found.push(transition);
        }
        Ok(found)
    }

    /// As [`AlarmStore::history`], with the time of each recording.
    pub fn recorded_history(&self, limit: usize) -> Result<Vec<Transition>, AlarmStoreError> {
        let txn = self.database.begin_read()?;
        let (transitions, history) = (txn.open_table(TRANSITIONS)?, txn.open_table(HISTORY)?);
        let mut found = Vec::new();
        for entry in history.iter()?.take(limit) {
            let (seq, bytes) = entry?;
            found.push(with_recorded_time(
                &transitions,
                seq.value(),
                bytes.value(),
            )?);
        }
        Ok(found)
    }
}

/// An entry of the history, as a transition.
fn with_recorded_time(
    transitions: &impl ReadableTable<(&'static str, u64), i64>,
    seq: u64,
    bytes: &[u8],
) -> Result<Transition, AlarmStoreError> {
    let StoredAlert(alert) = postcard::from_bytes(bytes)?;
    let recorded = transitions.get((alert.alarm_id.as_str(), seq))?;
    Ok(Transition {
        recorded_at: recorded.and_then(|time| known_time(time.value())),
        alert,
    })
}

/// When the first transition of the alarm was recorded.
pub(crate) fn raise_recorded_at(
    transitions: &impl ReadableTable<(&'static str, u64), i64>,
    alarm_id: &str,
) -> Result<Option<i64>, AlarmStoreError> {
    let mut entries = transitions.range((alarm_id, 0)..=(alarm_id, u64::MAX))?;
    let first = entries.next().transpose()?;
    Ok(first.and_then(|(_, recorded)| known_time(recorded.value())))
}

fn known_time(stored: i64) -> Option<i64> {
    (stored != 0).then_some(stored)
}

/// Fills the indexes of a database that an older version wrote. Its transitions have
/// no recorded time.
pub(crate) fn add_indexes(txn: &WriteTransaction) -> Result<(), AlarmStoreError> {
    if txn
        .list_tables()?
        .any(|table| table.name() == TRANSITIONS.name())
    {
        txn.open_table(RETURNED)?;
        return Ok(());
    }
    let mut transitions = txn.open_table(TRANSITIONS)?;
    for entry in txn.open_table(HISTORY)?.iter()? {
        let (seq, bytes) = entry?;
        let StoredAlert(alert) = postcard::from_bytes(bytes.value())?;
        transitions.insert((alert.alarm_id.as_str(), seq.value()), 0)?;
    }
    for entry in txn.open_table(ALARMS)?.iter()? {
        let alarm: StoredAlarm = postcard::from_bytes(entry?.1.value())?;
        index_returned(txn, &alarm)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
