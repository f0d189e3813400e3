//! The actions of operators: acknowledge, shelve, take out of service, comment,
//! assign, and their reversal. Every action appends to the audit in the same
//! transaction.

use redb::{ReadableTable, ReadableTableMetadata, WriteTransaction};
use weir_alarms::{
    Acknowledgement, AlarmRecord, AuditAction, AuditEntry, Comment, LifecycleEvent, OUT_OF_SERVICE,
};
use weir_model::{Alert, Timestamp};

use crate::alarm_store::AlarmStore;
use crate::alarm_tables::{
    ALARMS, AUDIT, SHELVED, Shelf, alarm, extra, known, next, put_extra, release_latched, shelf,
    slot_key, unshelve,
};
use crate::store_error::AlarmStoreError;
use crate::stored_alarm::StoredAlarm;

const MAX_BY_BYTES: usize = 256;
pub(crate) const MAX_NOTE_BYTES: usize = 4_096;
/// Comments that are kept with an alarm; the audit has all of them.
const MAX_COMMENTS: usize = 100;

/// Who acts, why, and when by Weir's clock.
#[derive(Clone, Copy, Debug)]
pub struct Operator<'a> {
    pub by: &'a str,
    pub note: Option<&'a str>,
    pub at: Timestamp,
}

impl Operator<'_> {
    fn entry(&self, action: AuditAction, alarm_id: &str) -> AuditEntry {
        AuditEntry {
            action,
            alarm_id: alarm_id.to_owned(),
            by: self.by.to_owned(),
            note: self.note.map(str::to_owned),
            at: self.at.millis(),
            until: None,
            to: None,
        }
    }
}

impl AlarmStore {
    /// Records that somebody has seen the alarm, also after its clear. A latched
    /// alarm is cleared.
    pub fn acknowledge(
        &self,
        alarm_id: &str,
        operator: Operator<'_>,
    ) -> Result<AlarmRecord, AlarmStoreError> {
        let entry = operator.entry(AuditAction::Acknowledge, alarm_id);
        self.act(entry, |txn, alarm, entry| {
            alarm.acknowledged = Some(Acknowledgement {
                by: entry.by.clone(),
                at: entry.at,
                note: entry.note.clone(),
            });
            release_latched(txn, alarm, LifecycleEvent::Acknowledged)
        })
    }

    /// Removes an acknowledgement. A clear that it released stays.
    pub fn unacknowledge(
        &self,
        alarm_id: &str,
        operator: Operator<'_>,
    ) -> Result<AlarmRecord, AlarmStoreError> {
        let entry = operator.entry(AuditAction::Unacknowledge, alarm_id);
        self.act(entry, |txn, alarm, _| {
            alarm.acknowledged = None;
            release_latched(txn, alarm, LifecycleEvent::Unacknowledged)
        })
    }

    /// Withholds the alerts of the alarm's (device, sensor, function) until `until`,
    /// which is compared with an alert's own time. A time that is not after the
    /// operator's ends a shelving and an out-of-service state.
    pub fn shelve(
        &self,
        alarm_id: &str,
        until: Timestamp,
        operator: Operator<'_>,
    ) -> Result<AlarmRecord, AlarmStoreError> {
        let (until, at) = (until.millis(), operator.at.millis());
        if until <= at {
            let entry = operator.entry(AuditAction::Unshelve, alarm_id);
            return self.act(entry, |txn, alarm, _| {
                let key = slot_key(&alarm.last);
                unshelve(txn, &key, Some(alarm)).map(drop)
            });
        }
        self.withhold(AuditAction::Shelve, alarm_id, until, operator)
    }

    /// As [`AlarmStore::shelve`], without an end.
    pub fn out_of_service(
        &self,
        alarm_id: &str,
        operator: Operator<'_>,
    ) -> Result<AlarmRecord, AlarmStoreError> {
        self.withhold(
            AuditAction::OutOfService,
            alarm_id,
            OUT_OF_SERVICE,
            operator,
        )
    }

    fn withhold(
        &self,
        action: AuditAction,
        alarm_id: &str,
        until: i64,
        operator: Operator<'_>,
    ) -> Result<AlarmRecord, AlarmStoreError> {
        let mut entry = operator.entry(action, alarm_id);
        entry.until = Some(until);
        self.act(entry, |txn, alarm, entry| {
            let shelf = Shelf {
                until,
                alarm_id: entry.alarm_id.clone(),
            };
            txn.open_table(SHELVED)?.insert(
                slot_key(&alarm.last).as_str(),
                &*postcard::to_stdvec(&shelf)?,
            )?;
            Ok(())
        })
    }

    /// Adds the operator's note as a comment.
    pub fn comment(
        &self,
        alarm_id: &str,
        operator: Operator<'_>,
    ) -> Result<AlarmRecord, AlarmStoreError> {
        let entry = operator.entry(AuditAction::Comment, alarm_id);
        self.act(entry, |txn, _, entry| {
            let mut extra = extra(txn, &entry.alarm_id)?;
            extra.comments.push(Comment {
                by: entry.by.clone(),
                at: entry.at,
                text: entry.note.clone().unwrap_or_default(),
            });
            let excess = extra.comments.len().saturating_sub(MAX_COMMENTS);
            extra.comments.drain(..excess);
            put_extra(txn, &entry.alarm_id, &extra)
        })
    }

    /// Sets who works on the alarm; `None` removes the assignment.
    pub fn assign(
        &self,
        alarm_id: &str,
        to: Option<&str>,
        operator: Operator<'_>,
    ) -> Result<AlarmRecord, AlarmStoreError> {
        check_length("to", to.unwrap_or_default(), MAX_BY_BYTES)?;
        let mut entry = operator.entry(AuditAction::Assign, alarm_id);
        entry.to = to.map(str::to_owned);
        self.act(entry, |txn, _, entry| {
            let mut extra = extra(txn, &entry.alarm_id)?;
            extra.assigned_to = entry.to.clone();
            put_extra(txn, &entry.alarm_id, &extra)
        })
    }

    /// Ends the shelvings that end at `now` or before; returns how many withheld
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

    /// The last entries of the audit, the newest first: of one alarm or of all.
    pub fn audit(
        &self,
        limit: usize,
        alarm_id: Option<&str>,
    ) -> Result<Vec<AuditEntry>, AlarmStoreError> {
        let audit = self.database.begin_read()?.open_table(AUDIT)?;
        let mut entries = Vec::new();
        for entry in audit.iter()?.rev() {
            if entries.len() >= limit {
                break;
            }
            // An entry of a newer version may have an action unknown here.
            let found = serde_json::from_slice::<AuditEntry>(entry?.1.value()).ok();
            entries.extend(found.filter(|e| alarm_id.is_none_or(|id| id == e.alarm_id)));
        }
        Ok(entries)
    }

    /// Whether this alert must not be sent before it is recorded: it is shelved, or
    /// it is the clear of an alarm that may latch. Reads memory only.
    pub fn is_withheld(&self, alert: &Alert) -> bool {
        self.shelved_until(alert) > alert.timestamp || self.may_latch(alert)
    }

    /// Until when the alert's device, sensor and function are shelved; 0 if they are
    /// not. Reads memory only.
    pub fn shelved_until(&self, alert: &Alert) -> i64 {
        let shelves = self.shelves.read();
        if shelves.is_empty() {
            return 0;
        }
        shelves.get(&slot_key(alert)).copied().unwrap_or(0)
    }

    fn act(
        &self,
        entry: AuditEntry,
        change: impl FnOnce(
            &WriteTransaction,
            &mut StoredAlarm,
            &AuditEntry,
        ) -> Result<(), AlarmStoreError>,
    ) -> Result<AlarmRecord, AlarmStoreError> {
        check_length("by", &entry.by, MAX_BY_BYTES)?;
        check_length(
            "note",
            entry.note.as_deref().unwrap_or_default(),
            MAX_NOTE_BYTES,
        )?;
        let alarm_id = entry.alarm_id.as_str();
        let txn = self.database.begin_write()?;
        let mut alarm = known(alarm(&txn.open_table(ALARMS)?, alarm_id)?, alarm_id)?;
        change(&txn, &mut alarm, &entry)?;
        txn.open_table(ALARMS)?
            .insert(alarm_id, &*postcard::to_stdvec(&alarm)?)?;
        self.append_audit(&txn, &entry)?;
        let shelf = shelf(&txn.open_table(SHELVED)?, &slot_key(&alarm.last))?;
        let extra = extra(&txn, alarm_id)?;
        txn.commit()?;
        let until = shelf.map(|shelf| shelf.until);
        match until {
            Some(until) => self.shelves.write().insert(slot_key(&alarm.last), until),
            None => self.shelves.write().remove(&slot_key(&alarm.last)),
        };
        self.signal_change();
        Ok(alarm.into_record(until, extra))
    }

    fn append_audit(
        &self,
        txn: &WriteTransaction,
        entry: &AuditEntry,
    ) -> Result<(), AlarmStoreError> {
        let json = serde_json::to_vec(entry).expect("texts and integers are JSON");
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
