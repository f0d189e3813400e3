//! What operators do to alarms: acknowledge, shelve, look at who did. Every
//! action leaves an entry in the audit, in the same transaction.

use redb::{ReadableTable, ReadableTableMetadata, WriteTransaction};
use serde::Serialize;
use weir_model::{Alert, Timestamp};

use crate::alarm_record::{Acknowledgement, AlarmRecord, StoredAlarm};
use crate::alarm_store::AlarmStore;
use crate::alarm_tables::{
    ALARMS, AUDIT, SHELVED, Shelf, alarm, known, next, shelf, slot_key, unshelve,
};
use crate::store_error::AlarmStoreError;

const MAX_BY_BYTES: usize = 256;
pub(crate) const MAX_NOTE_BYTES: usize = 4_096;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AuditEntry<'a> {
    action: &'static str,
    alarm_id: &'a str,
    by: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<&'a str>,
    at: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<i64>,
}

/// What an operator did, and when by Weir's clock (milliseconds).
#[derive(Clone, Copy, Debug)]
struct Action<'a> {
    name: &'static str,
    by: &'a str,
    note: Option<&'a str>,
    at: i64,
    until: Option<i64>,
}

impl AlarmStore {
    /// Notes that somebody has seen the alarm, also when it is cleared already.
    pub fn acknowledge(
        &self,
        alarm_id: &str,
        by: &str,
        note: Option<&str>,
        at: Timestamp,
    ) -> Result<AlarmRecord, AlarmStoreError> {
        let at = at.millis();
        let action = Action {
            name: "acknowledge",
            by,
            note,
            at,
            until: None,
        };
        self.act(alarm_id, action, |_, alarm| {
            alarm.acknowledged = Some(Acknowledgement {
                by: by.to_owned(),
                at,
                note: note.map(str::to_owned),
            });
            Ok(())
        })
    }

    /// Holds back the alerts of the alarm's (device, sensor, function) until
    /// `until`, with which an alert's own time is compared; a time that is not
    /// after `at` ends the shelving.
    pub fn shelve(
        &self,
        alarm_id: &str,
        until: Timestamp,
        by: &str,
        note: Option<&str>,
        at: Timestamp,
    ) -> Result<AlarmRecord, AlarmStoreError> {
        let (until, at) = (until.millis(), at.millis());
        let ends = until <= at;
        let name = if ends { "unshelve" } else { "shelve" };
        let action = Action {
            name,
            by,
            note,
            at,
            until: (!ends).then_some(until),
        };
        self.act(alarm_id, action, |txn, alarm| {
            let key = slot_key(&alarm.last);
            if ends {
                return unshelve(txn, &key, Some(alarm)).map(drop);
            }
            let shelf = Shelf {
                until,
                alarm_id: alarm_id.to_owned(),
            };
            txn.open_table(SHELVED)?
                .insert(key.as_str(), &*postcard::to_stdvec(&shelf)?)?;
            Ok(())
        })
    }

    /// Ends what was shelved until `now` or before; returns how many withheld
    /// alerts went to the outbox.
    pub fn expire_shelves(&self, now: Timestamp) -> Result<usize, AlarmStoreError> {
        let now = now.millis();
        let mut due = Vec::new();
        for entry in self.database.begin_read()?.open_table(SHELVED)?.iter()? {
            let (key, bytes) = entry?;
            if postcard::from_bytes::<Shelf>(bytes.value())?.until <= now {
                due.push(key.value().to_owned());
            }
        }
        if due.is_empty() {
            return Ok(0);
        }
        let txn = self.database.begin_write()?;
        let mut sent = 0;
        for key in &due {
            sent += usize::from(unshelve(&txn, key, None)?);
        }
        txn.commit()?;
        let mut shelves = self.shelves.write();
        for key in &due {
            shelves.remove(key);
        }
        Ok(sent)
    }

    /// The last entries of the audit, the newest first, each a JSON object
    /// `{action, alarmId, by, note, at, until?}`.
    pub fn audit(&self, limit: usize) -> Result<Vec<String>, AlarmStoreError> {
        let audit = self.database.begin_read()?.open_table(AUDIT)?;
        let mut entries = Vec::new();
        for entry in audit.iter()?.rev().take(limit) {
            entries.push(String::from_utf8_lossy(entry?.1.value()).into_owned());
        }
        Ok(entries)
    }

    /// Whether this alert falls under a shelving: it is not to be sent past the
    /// outbox. Reads memory only.
    pub fn is_shelved(&self, alert: &Alert) -> bool {
        let shelves = self.shelves.read();
        !shelves.is_empty()
            && shelves
                .get(&slot_key(alert))
                .is_some_and(|until| alert.timestamp < *until)
    }

    fn act(
        &self,
        alarm_id: &str,
        action: Action<'_>,
        change: impl FnOnce(&WriteTransaction, &mut StoredAlarm) -> Result<(), AlarmStoreError>,
    ) -> Result<AlarmRecord, AlarmStoreError> {
        check_length("by", action.by, MAX_BY_BYTES)?;
        check_length("note", action.note.unwrap_or_default(), MAX_NOTE_BYTES)?;
        let txn = self.database.begin_write()?;
        let mut alarm = known(alarm(&txn.open_table(ALARMS)?, alarm_id)?, alarm_id)?;
        change(&txn, &mut alarm)?;
        txn.open_table(ALARMS)?
            .insert(alarm_id, &*postcard::to_stdvec(&alarm)?)?;
        self.append_audit(&txn, alarm_id, action)?;
        let shelf = shelf(&txn.open_table(SHELVED)?, &slot_key(&alarm.last))?;
        txn.commit()?;
        let until = shelf.map(|shelf| shelf.until);
        match until {
            Some(until) => self.shelves.write().insert(slot_key(&alarm.last), until),
            None => self.shelves.write().remove(&slot_key(&alarm.last)),
        };
        Ok(alarm.into_record(until))
    }

    fn append_audit(
        &self,
        txn: &WriteTransaction,
        alarm_id: &str,
        action: Action<'_>,
    ) -> Result<(), AlarmStoreError> {
        let Action {
            name,
            by,
            note,
            at,
            until,
        } = action;
        let entry = AuditEntry {
            action: name,
            alarm_id,
            by,
            note,
            at,
            until,
        };
        let json = serde_json::to_vec(&entry).expect("texts and integers are JSON");
        let seq = next(txn, "next_audit")?;
        let mut audit = txn.open_table(AUDIT)?;
        audit.insert(seq, &*json)?;
        while audit.len()? > self.keep {
            audit.pop_first()?;
        }
        Ok(())
    }
}

fn check_length(field: &'static str, text: &str, limit: usize) -> Result<(), AlarmStoreError> {
    if text.len() > limit {
        return Err(AlarmStoreError::TooLong {
            field,
            bytes: text.len(),
            limit,
        });
    }
    Ok(())
}
