//! The decisions of routing and the undelivered notifications, in the alarm
//! database. A crash between a decision, its delivery and the record of the
//! delivery repeats a notification under its id, and never loses one.
//!
//! ```text
//! meta      routed_seq, routed_audit, next_notification -> u64
//! routed    alarm id -> Routed            the routing state of an open alarm
//! routing   "storms" -> bytes             storms, and clears that wait
//! queue     (channel, n) -> Queued        with its order, in [`crate::lanes`]
//! dead      n -> DeadLetter               notifications that were given up
//! ```
//!
//! Routing reads the history and the audit as logs, each from its own position.
//! One transaction moves the positions, stores the routing state, and queues the
//! notifications.

use redb::{ReadableTable, ReadableTableMetadata, TableDefinition};
use weir_alarms::{AuditEntry, Decisions, Policy, Routed, Router, StoredAlert};
use weir_model::{Alert, AlertState};

use crate::alarm_store::AlarmStore;
use crate::alarm_tables::{ALARMS, AUDIT, HISTORY, META, OPEN, alarm, next};
use crate::lanes::{QUEUE, QueueReader, Queues};
use crate::queued::{DeadLetter, DequeueRequest, Queued};
use crate::store_error::AlarmStoreError;

const ROUTED: TableDefinition<&str, &[u8]> = TableDefinition::new("routed");
const ROUTING: TableDefinition<&str, &[u8]> = TableDefinition::new("routing");
const DEAD: TableDefinition<u64, &[u8]> = TableDefinition::new("dead");

/// Dead letters that are kept.
const MAX_DEAD: u64 = 10_000;

/// How far routing has read the history and the audit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RoutedUpTo {
    pub seq: u64,
    pub audit: u64,
}

impl AlarmStore {
    /// Creates the tables of this file.
    pub(crate) fn prepare_outbox(&self) -> Result<(), AlarmStoreError> {
        let txn = self.database.begin_write()?;
        txn.open_table(ROUTED)?;
        txn.open_table(ROUTING)?;
        Queues::prepare(&txn)?;
        txn.open_table(DEAD)?;
        txn.commit()?;
        Ok(())
    }

    /// The stored routing state. A database of a version without routing starts with
    /// the alarms that are open now, as if they had just been raised: they are
    /// returned, for [`Router::on_alert`].
    pub fn restore_routing(
        &self,
        policy: Policy,
    ) -> Result<(Router, RoutedUpTo, Vec<Alert>), AlarmStoreError> {
        let txn = self.database.begin_read()?;
        let meta = txn.open_table(META)?;
        let position = |name| -> Result<Option<u64>, AlarmStoreError> {
            Ok(meta.get(name)?.map(|value| value.value()))
        };
        let Some(seq) = position("routed_seq")? else {
            let last = |name| Ok::<_, AlarmStoreError>(position(name)?.unwrap_or(1) - 1);
            let up_to = RoutedUpTo {
                seq: last("next_seq")?,
                audit: last("next_audit")?,
            };
            let alarms = txn.open_table(ALARMS)?;
            let mut open = Vec::new();
            for entry in txn.open_table(OPEN)?.iter()? {
                open.extend(alarm(&alarms, entry?.1.value())?.map(|alarm| alarm.last));
            }
            return Ok((Router::new(policy), up_to, open));
        };
        let mut routed = Vec::new();
        for entry in txn.open_table(ROUTED)?.iter()? {
            routed.push(postcard::from_bytes::<Routed>(entry?.1.value())?);
        }
        let storms = txn.open_table(ROUTING)?.get("storms")?;
        let router = Router::restore(policy, routed, storms.as_ref().map(|bytes| bytes.value()))?;
        let audit = position("routed_audit")?.unwrap_or(0);
        Ok((router, RoutedUpTo { seq, audit }, Vec::new()))
    }

    /// Whether something is stored after these positions. Cheap.
    pub fn has_changes_after(&self, up_to: RoutedUpTo) -> Result<bool, AlarmStoreError> {
        let meta = self.database.begin_read()?.open_table(META)?;
        let beyond = |name, read: u64| -> Result<bool, AlarmStoreError> {
            Ok(meta.get(name)?.is_some_and(|next| next.value() > read + 1))
        };
        Ok(beyond("next_seq", up_to.seq)? || beyond("next_audit", up_to.audit)?)
    }

    /// The actions of operators after `after`, the oldest first.
    pub fn actions(
        &self,
        limit: usize,
        after: u64,
    ) -> Result<Vec<(u64, AuditEntry)>, AlarmStoreError> {
        let audit = self.database.begin_read()?.open_table(AUDIT)?;
        let mut actions = Vec::new();
        for entry in audit.range(after.saturating_add(1)..)?.take(limit) {
            let (n, bytes) = entry?;
            // An entry of a newer version may have an action unknown here.
            if let Ok(action) = serde_json::from_slice(bytes.value()) {
                actions.push((n.value(), action));
            }
        }
        Ok(actions)
    }

    /// Stores the decisions of routing, and how far it has read.
    pub fn commit_routing(
        &self,
        up_to: RoutedUpTo,
        decisions: &Decisions,
    ) -> Result<(), AlarmStoreError> {
        let txn = self.database.begin_write()?;
        {
            let mut meta = txn.open_table(META)?;
            meta.insert("routed_seq", up_to.seq)?;
            meta.insert("routed_audit", up_to.audit)?;
            let mut routed = txn.open_table(ROUTED)?;
            for (alarm_id, state) in &decisions.changed {
                match state {
                    Some(state) => {
                        routed.insert(alarm_id.as_str(), &*postcard::to_stdvec(state)?)?;
                    }
                    None => {
                        routed.remove(alarm_id.as_str())?;
                    }
                }
            }
            txn.open_table(ROUTING)?
                .insert("storms", &*decisions.storms)?;
        }
        let mut numbered = Vec::with_capacity(decisions.notifications.len());
        for notification in &decisions.notifications {
            numbered.push((next(&txn, "next_notification")?, notification));
        }
        {
            let mut queues = Queues::open(&txn)?;
            for (n, notification) in numbered {
                let notification = notification.clone();
                queues.push(&Queued { n, notification })?;
            }
        }
        txn.commit()?;
        Ok(())
    }

    /// The notifications that a channel delivers next, in this order.
    pub fn next_up(
        &self,
        channel: &str,
        request: impl Into<DequeueRequest>,
    ) -> Result<Vec<Queued>, AlarmStoreError> {
        QueueReader::open(&self.database.begin_read()?, channel)?.next_up(request.into())
    }

    /// The undelivered notifications of a channel, the oldest first.
    pub fn queued(&self, channel: &str, limit: usize) -> Result<Vec<Queued>, AlarmStoreError> {
        let queue = self.database.begin_read()?.open_table(QUEUE)?;
        let mut found = Vec::new();
        for entry in queue.range((channel, 0)..=(channel, u64::MAX))?.take(limit) {
            found.push(postcard::from_bytes(entry?.1.value())?);
        }
        Ok(found)
    }

    /// The number of undelivered notifications by channel.
    pub fn queue_lengths(&self) -> Result<Vec<(String, u64)>, AlarmStoreError> {
        let queue = self.database.begin_read()?.open_table(QUEUE)?;
        let mut lengths: Vec<(String, u64)> = Vec::new();
        for entry in queue.iter()? {
            let (key, _) = entry?;
            match lengths.last_mut() {
                Some((channel, count)) if channel == key.value().0 => *count += 1,
                _ => lengths.push((key.value().0.to_owned(), 1)),
            }
        }
        Ok(lengths)
    }

    /// Removes notifications that were delivered.
    pub fn dequeue(&self, channel: &str, delivered: &[u64]) -> Result<(), AlarmStoreError> {
        if delivered.is_empty() {
            return Ok(());
        }
        let txn = self.database.begin_write()?;
        {
            let mut queues = Queues::open(&txn)?;
            for n in delivered {
                queues.remove(channel, *n)?;
            }
        }
        txn.commit()?;
        Ok(())
    }

    /// Gives a notification up and keeps it as a dead letter. `at`: Weir's clock,
    /// milliseconds.
    pub fn move_to_dead_letters(
        &self,
        queued: &Queued,
        reason: &str,
        at: i64,
    ) -> Result<(), AlarmStoreError> {
        let letter = DeadLetter {
            n: queued.n,
            at,
            reason: reason.to_owned(),
            notification: queued.notification.clone(),
        };
        let txn = self.database.begin_write()?;
        {
            Queues::open(&txn)?.remove(&queued.notification.channel, queued.n)?;
            let mut dead = txn.open_table(DEAD)?;
            dead.insert(queued.n, &*postcard::to_stdvec(&letter)?)?;
            while dead.len()? > MAX_DEAD {
                dead.pop_first()?;
            }
        }
        txn.commit()?;
        Ok(())
    }

    /// Dead letters, the newest first.
    pub fn dead_letters(&self, limit: usize) -> Result<Vec<DeadLetter>, AlarmStoreError> {
        let dead = self.database.begin_read()?.open_table(DEAD)?;
        let mut letters = Vec::new();
        for entry in dead.iter()?.rev().take(limit) {
            letters.push(postcard::from_bytes(entry?.1.value())?);
        }
        Ok(letters)
    }

    pub fn dead_letter_count(&self) -> Result<u64, AlarmStoreError> {
        Ok(self.database.begin_read()?.open_table(DEAD)?.len()?)
    }

    /// Queues dead letters again, one or all, as if they were created now
    /// (milliseconds); returns how many.
    pub fn retry_dead_letters(&self, n: Option<u64>, now: i64) -> Result<u64, AlarmStoreError> {
        let txn = self.database.begin_write()?;
        let mut retried = 0;
        {
            let (mut dead, mut queues) = (txn.open_table(DEAD)?, Queues::open(&txn)?);
            let mut letters: Vec<DeadLetter> = Vec::new();
            for entry in dead.iter()? {
                letters.push(postcard::from_bytes(entry?.1.value())?);
            }
            for letter in letters {
                if n.is_some_and(|n| n != letter.n) {
                    continue;
                }
                dead.remove(letter.n)?;
                let mut queued = Queued {
                    n: letter.n,
                    notification: letter.notification,
                };
                queued.notification.created_at = now;
                queues.push(&queued)?;
                retried += 1;
            }
        }
        txn.commit()?;
        Ok(retried)
    }

    /// The clears among the newest `limit` transitions.
    pub fn recently_cleared(&self, limit: usize) -> Result<Vec<Alert>, AlarmStoreError> {
        let history = self.database.begin_read()?.open_table(HISTORY)?;
        let mut cleared = Vec::new();
        for entry in history.iter()?.rev().take(limit) {
            let StoredAlert(alert) = postcard::from_bytes(entry?.1.value())?;
            cleared.extend(Some(alert).filter(|alert| alert.state == AlertState::Cleared));
        }
        Ok(cleared)
    }
}
