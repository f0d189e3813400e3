//! Alarms, their history and the undelivered alerts, in one redb file.
//!
//! ```text
//! meta     name -> u64                    format, position, next_seq, next_audit
//! alarms   alarm id -> StoredAlarm        the current state of each alarm
//! recent   (raised_at ms, alarm id)       the same alarms by age
//! open     device·sensor·unit·function -> alarm id
//! history  seq -> alert                   every transition; seq grows from 1
//! seen     alert id -> seq                the history's ids
//! outbox   (channel, seq) -> alert        alerts that the channel has not confirmed
//! shelved  device·sensor·unit·function -> Shelf
//! extras   alarm id -> Extra              assigned to, comments, a latched clear
//! audit    n -> JSON                      the actions of operators
//! changes  n -> JSON                      what people change besides alarms
//! transitions  (alarm id, seq) -> ms      when each transition was recorded; 0 before
//!                                         Weir stored it
//! returned     alarm id -> ()             cleared alarms that nobody acknowledged
//! ```
//!
//! [`crate::outbox`] and [`crate::lanes`] add their tables. Values are postcard.
//! Every call is one durable transaction. Recording a batch twice changes nothing:
//! a batch that ends at or before the stored position is skipped, and so is an
//! alert whose id is known.
//!
//! While an alarm is shelved, its alerts are recorded but not sent, except for the
//! clear of an alarm whose raise was sent. When the shelving ends,
//! [`AlarmStore::expire_shelves`] sends the last alert of an alarm that is open.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ahash::RandomState;
use hashbrown::HashMap;
use parking_lot::{Condvar, Mutex, RwLock};
use redb::{ReadableTable, ReadableTableMetadata, WriteTransaction};
use weir_alarms::{AlarmFilter, AlarmRecord, AlarmStateFilter, Policy, StoredAlert};
use weir_kv::Database;
use weir_model::{Alert, AlertState, Position, Timestamp};

use crate::alarm_tables::{
    ALARMS, AUDIT, CHANGES, EXTRAS, HISTORY, META, MQTT, OPEN, OUTBOX, RECENT, RETURNED, SEEN,
    SHELVED, Shelf, TRANSITIONS, advance, alarm, expire, known, prune, read_extra, record_one,
    shelf, slot_key,
};
use crate::store_error::AlarmStoreError;
use crate::transitions::{add_indexes, raise_recorded_at};

const FORMAT: u64 = 1;
/// redb's default is 1 GiB.
const CACHE_BYTES: usize = 32 << 20;
/// Transitions, cleared alarms and audit entries that are kept.
const KEEP: u64 = 1_000_000;

/// The alarm database. Calls block on the disk.
#[derive(Debug)]
pub struct AlarmStore {
    pub(crate) database: Database,
    pub(crate) keep: u64,
    /// The stored position; updated after the commit.
    position: AtomicU64,
    pub(crate) shelves: Shelves,
    /// Decides which alarms latch.
    policy: RwLock<Option<Policy>>,
    /// Grows with every transition and action that is stored.
    changes: (Mutex<u64>, Condvar),
}

/// The end of each shelving by slot key, as stored.
type Shelves = RwLock<HashMap<String, i64, RandomState>>;

impl AlarmStore {
    /// Opens or creates the database, and recovers from a crash.
    pub fn open(path: &Path) -> Result<Self, AlarmStoreError> {
        Self::open_keeping(path, KEEP)
    }

    fn open_keeping(path: &Path, keep: u64) -> Result<Self, AlarmStoreError> {
        let database = weir_kv::open(path, CACHE_BYTES)?;
        let mut store = Self {
            database,
            keep,
            position: AtomicU64::new(0),
            shelves: Shelves::default(),
            policy: RwLock::default(),
            changes: Default::default(),
        };
        store.prepare(path)?;
        store.prepare_outbox()?;
        store.load()?;
        Ok(store)
    }

    /// Creates the tables for readers, and checks the format.
    fn prepare(&self, path: &Path) -> Result<(), AlarmStoreError> {
        let txn = self.database.begin_write()?;
        let found = txn
            .open_table(META)?
            .get("format")?
            .map(|format| format.value());
        match found {
            Some(FORMAT) => {
                // These tables were added later without a new format.
                txn.open_table(EXTRAS)?;
                txn.open_table(CHANGES)?;
                add_indexes(&txn)?;
                txn.commit()?;
                return Ok(());
            }
            Some(found) => {
                return Err(AlarmStoreError::Format {
                    path: path.to_owned(),
                    found,
                    supported: FORMAT,
                });
            }
            None => {}
        }
        {
            let mut meta = txn.open_table(META)?;
            meta.insert("format", FORMAT)?;
            // Routing starts at the first alert of this database, also after a
            // crash before its first commit.
            meta.insert("routed_seq", 0)?;
        }
        txn.open_table(ALARMS)?;
        txn.open_table(RECENT)?;
        txn.open_table(OPEN)?;
        txn.open_table(HISTORY)?;
        txn.open_table(SEEN)?;
        txn.open_table(OUTBOX)?;
        txn.open_table(SHELVED)?;
        txn.open_table(AUDIT)?;
        txn.open_table(CHANGES)?;
        txn.open_table(EXTRAS)?;
        txn.open_table(TRANSITIONS)?;
        txn.open_table(RETURNED)?;
        txn.commit()?;
        Ok(())
    }

    /// Loads what is kept in memory.
    fn load(&mut self) -> Result<(), AlarmStoreError> {
        let txn = self.database.begin_read()?;
        if let Some(position) = txn.open_table(META)?.get("position")? {
            *self.position.get_mut() = position.value();
        }
        for entry in txn.open_table(SHELVED)?.iter()? {
            let (key, bytes) = entry?;
            let shelf: Shelf = postcard::from_bytes(bytes.value())?;
            self.shelves
                .get_mut()
                .insert(key.value().to_owned(), shelf.until);
        }
        Ok(())
    }

    /// Records the alerts of the pipeline up to `position`; returns how many were
    /// new.
    pub fn record(&self, position: Position, alerts: &[Alert]) -> Result<usize, AlarmStoreError> {
        let txn = self.database.begin_write()?;
        if !advance(&txn, position)? {
            txn.abort()?;
            return Ok(0);
        }
        let new = self.record_all(&txn, alerts)?;
        txn.commit()?;
        self.position.store(position.0, Ordering::Release);
        self.signal_change();
        Ok(new)
    }

    /// Records alerts without a journal position, such as the clears of a reload;
    /// returns how many were new.
    pub fn record_unpositioned(&self, alerts: &[Alert]) -> Result<usize, AlarmStoreError> {
        let txn = self.database.begin_write()?;
        let new = self.record_all(&txn, alerts)?;
        txn.commit()?;
        self.signal_change();
        Ok(new)
    }

    fn record_all(
        &self,
        txn: &WriteTransaction,
        alerts: &[Alert],
    ) -> Result<usize, AlarmStoreError> {
        let mut new = 0;
        for alert in alerts {
            new += usize::from(record_one(txn, alert, self.may_latch(alert))?);
        }
        if new > 0 {
            prune(txn, self.keep)?;
        }
        Ok(new)
    }

    /// Sets the policy that decides which alarms latch.
    pub fn set_policy(&self, policy: Policy) {
        *self.policy.write() = Some(policy);
    }

    /// Whether the alert is a clear that waits for a missing acknowledgement.
    pub fn may_latch(&self, alert: &Alert) -> bool {
        alert.state == AlertState::Cleared
            && self
                .policy
                .read()
                .as_ref()
                .is_some_and(|policy| policy.meaning(alert).is_some_and(|meaning| meaning.latch))
    }

    /// Deletes entries before `before`, except for open alarms; returns how many.
    /// The work per call is bounded: call it again for the rest.
    pub fn expire(&self, before: Timestamp) -> Result<u64, AlarmStoreError> {
        let txn = self.database.begin_write()?;
        let deleted = expire(&txn, before.millis())?;
        match deleted {
            0 => txn.abort()?,
            _ => txn.commit()?,
        }
        Ok(deleted)
    }

    pub(crate) fn signal_change(&self) {
        *self.changes.0.lock() += 1;
        self.changes.1.notify_all();
    }

    /// Blocks until something is stored after `seen`, at most for `wait`; returns
    /// the `seen` of the next call.
    pub fn wait_for_change(&self, seen: u64, wait: Duration) -> u64 {
        let mut changes = self.changes.0.lock();
        if *changes == seen {
            let _ = self.changes.1.wait_for(&mut changes, wait);
        }
        *changes
    }

    /// The last alert of an alarm.
    pub fn last_alert(&self, alarm_id: &str) -> Result<Option<Alert>, AlarmStoreError> {
        let alarms = self.database.begin_read()?.open_table(ALARMS)?;
        Ok(alarm(&alarms, alarm_id)?.map(|alarm| alarm.last))
    }

    /// The end of the last recorded batch; 0 before the first.
    pub fn position(&self) -> Position {
        Position(self.position.load(Ordering::Acquire))
    }

    /// Undelivered alerts with a sequence number above `after_seq`, in order.
    pub fn pending(
        &self,
        after_seq: u64,
        limit: usize,
    ) -> Result<Vec<(u64, Alert)>, AlarmStoreError> {
        let outbox = self.database.begin_read()?.open_table(OUTBOX)?;
        let Some(first) = after_seq.checked_add(1) else {
            return Ok(Vec::new());
        };
        let mut pending = Vec::new();
        for entry in outbox.range((MQTT, first)..=(MQTT, u64::MAX))?.take(limit) {
            let (key, bytes) = entry?;
            pending.push((
                key.value().1,
                postcard::from_bytes::<StoredAlert>(bytes.value())?.0,
            ));
        }
        Ok(pending)
    }

    /// The number of undelivered alerts.
    pub fn pending_count(&self) -> Result<u64, AlarmStoreError> {
        Ok(self.database.begin_read()?.open_table(OUTBOX)?.len()?)
    }

    /// Removes alerts that the channel has confirmed from the outbox.
    pub fn delivered(&self, seqs: &[u64]) -> Result<(), AlarmStoreError> {
        if seqs.is_empty() {
            return Ok(());
        }
        let txn = self.database.begin_write()?;
        {
            let mut outbox = txn.open_table(OUTBOX)?;
            for seq in seqs {
                outbox.remove((MQTT, *seq))?;
            }
        }
        txn.commit()?;
        Ok(())
    }

    /// As [`AlarmStore::delivered`], by the alerts' ids. Returns for each whether it
    /// is known: an unknown alert was published before it was recorded, and must be
    /// confirmed again.
    pub fn delivered_ids(&self, ids: &[&str]) -> Result<Vec<bool>, AlarmStoreError> {
        let seen = self.database.begin_read()?.open_table(SEEN)?;
        let mut seqs = Vec::with_capacity(ids.len());
        for id in ids {
            seqs.push(seen.get(*id)?.map(|seq| seq.value()));
        }
        let known: Vec<u64> = seqs.iter().flatten().copied().collect();
        self.delivered(&known)?;
        Ok(seqs.into_iter().map(|seq| seq.is_some()).collect())
    }

    /// Alarms, the latest raised first.
    pub fn alarms(&self, filter: &AlarmFilter) -> Result<Vec<AlarmRecord>, AlarmStoreError> {
        let txn = self.database.begin_read()?;
        let (alarms, shelved) = (txn.open_table(ALARMS)?, txn.open_table(SHELVED)?);
        let extras = txn.open_table(EXTRAS)?;
        let transitions = txn.open_table(TRANSITIONS)?;
        let record = |alarm_id: &str| -> Result<Option<AlarmRecord>, AlarmStoreError> {
            let alarm = alarm(&alarms, alarm_id)?.filter(|alarm| filter.matches(&alarm.last));
            let Some(alarm) = alarm else { return Ok(None) };
            let shelf = shelf(&shelved, &slot_key(&alarm.last))?;
            let extra = read_extra(&extras, alarm_id)?;
            let recorded_at = raise_recorded_at(&transitions, alarm_id)?;
            let until = shelf.map(|shelf| shelf.until);
            Ok(Some(alarm.into_record(until, extra, recorded_at)))
        };
        let mut found = Vec::new();
        if matches!(
            filter.state,
            AlarmStateFilter::Open | AlarmStateFilter::Listed
        ) {
            for entry in txn.open_table(OPEN)?.iter()? {
                found.extend(record(entry?.1.value())?);
            }
            if filter.state == AlarmStateFilter::Listed {
                for entry in txn.open_table(RETURNED)?.iter()? {
                    found.extend(record(entry?.0.value())?);
                }
            }
            found.sort_by_key(|alarm| std::cmp::Reverse(alarm.raised_at));
            found.truncate(filter.limit);
            return Ok(found);
        }
        for entry in txn.open_table(RECENT)?.iter()?.rev() {
            if found.len() >= filter.limit {
                break;
            }
            found.extend(record(entry?.0.value().1)?);
        }
        Ok(found)
    }

    /// One alarm.
    pub fn alarm(&self, alarm_id: &str) -> Result<AlarmRecord, AlarmStoreError> {
        let txn = self.database.begin_read()?;
        let alarm = known(alarm(&txn.open_table(ALARMS)?, alarm_id)?, alarm_id)?;
        let shelf = shelf(&txn.open_table(SHELVED)?, &slot_key(&alarm.last))?;
        let extra = read_extra(&txn.open_table(EXTRAS)?, alarm_id)?;
        let recorded_at = raise_recorded_at(&txn.open_table(TRANSITIONS)?, alarm_id)?;
        Ok(alarm.into_record(shelf.map(|shelf| shelf.until), extra, recorded_at))
    }

    /// Transitions with a sequence number above `after`, the oldest first.
    pub fn history(&self, limit: usize, after: u64) -> Result<Vec<(u64, Alert)>, AlarmStoreError> {
        let history = self.database.begin_read()?.open_table(HISTORY)?;
        let Some(first) = after.checked_add(1) else {
            return Ok(Vec::new());
        };
        let mut alerts = Vec::new();
        for entry in history.range(first..)?.take(limit) {
            let (seq, bytes) = entry?;
            alerts.push((
                seq.value(),
                postcard::from_bytes::<StoredAlert>(bytes.value())?.0,
            ));
        }
        Ok(alerts)
    }
}

#[cfg(test)]
mod tests;
