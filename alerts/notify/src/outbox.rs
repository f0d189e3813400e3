//! What routing decided and what channels still have to deliver, in the alarm
//! database: so a crash between a decision, its delivery and the note that it
//! was delivered repeats a notification under its id, and never loses one.
//!
//! ```text
//! meta      routed_seq, routed_audit, next_notification -> u64
//! routed    alarm id -> Routed            what routing knows of an open alarm
//! routing   "storms" -> bytes             storms, and clears that gather
//! queue     (channel, n) -> Queued        with its order, in [`crate::lanes`]
//! dead      n -> DeadLetter               what it never will
//! ```
//!
//! Routing reads the history and the audit as logs, each from its own position.
//! One transaction moves the positions, stores what routing knows, and queues
//! the notifications.

use redb::{ReadableTable, ReadableTableMetadata, TableDefinition};
use serde::{Deserialize, Serialize};
use weir_model::Alert;

use crate::alarm_actions::AuditEntry;
use crate::alarm_store::AlarmStore;
use crate::alarm_tables::{ALARMS, AUDIT, HISTORY, META, OPEN, alarm, next};
use crate::lanes::{Ask, QUEUE, QueueReader, Queues};
use crate::notification::Notification;
use crate::router::{Decisions, Policy, Routed, Router};
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

/// A notification on its way.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Queued {
    pub n: u64,
    pub notification: Notification,
}

/// A notification that was given up.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeadLetter {
    /// Names it: for `weir alarms retry`.
    pub n: u64,
    /// Milliseconds, by Weir's clock.
    pub at: i64,
    /// What the channel said last.
    pub reason: String,
    pub notification: Notification,
}

impl AlarmStore {
    /// Makes the tables of this file.
    pub(crate) fn prepare_outbox(&self) -> Result<(), AlarmStoreError> {
        let txn = self.database.begin_write()?;
        txn.open_table(ROUTED)?;
        txn.open_table(ROUTING)?;
        Queues::prepare(&txn)?;
        txn.open_table(DEAD)?;
        txn.commit()?;
        Ok(())
    }

    /// Routing as it was stored last. A database that never knew routing begins
    /// with the alarms that are open now, as if they had just been raised:
    /// these are returned, to be handed to [`Router::on_alert`].
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

    /// Whether there is something behind these positions. Cheap.
    pub fn has_news(&self, up_to: RoutedUpTo) -> Result<bool, AlarmStoreError> {
        let meta = self.database.begin_read()?.open_table(META)?;
        let beyond = |name, read: u64| -> Result<bool, AlarmStoreError> {
            Ok(meta.get(name)?.is_some_and(|next| next.value() > read + 1))
        };
        Ok(beyond("next_seq", up_to.seq)? || beyond("next_audit", up_to.audit)?)
    }

    /// Operators' actions behind `after`, the oldest first.
    pub fn actions(
        &self,
        limit: usize,
        after: u64,
    ) -> Result<Vec<(u64, AuditEntry)>, AlarmStoreError> {
        let audit = self.database.begin_read()?.open_table(AUDIT)?;
        let mut actions = Vec::new();
        for entry in audit.range(after.saturating_add(1)..)?.take(limit) {
            let (n, bytes) = entry?;
            // What an older version wrote and this one cannot read is passed over.
            if let Ok(action) = serde_json::from_slice(bytes.value()) {
                actions.push((n.value(), action));
            }
        }
        Ok(actions)
    }

    /// Stores what routing decided, and how far it has read.
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

    /// What a channel is to deliver next, in this order.
    pub fn next_up(&self, channel: &str, ask: Ask) -> Result<Vec<Queued>, AlarmStoreError> {
        QueueReader::open(&self.database.begin_read()?, channel)?.next_up(ask)
    }

    /// All that a channel has to deliver, the oldest first.
    pub fn queued(&self, channel: &str, limit: usize) -> Result<Vec<Queued>, AlarmStoreError> {
        let queue = self.database.begin_read()?.open_table(QUEUE)?;
        let mut found = Vec::new();
        for entry in queue.range((channel, 0)..=(channel, u64::MAX))?.take(limit) {
            found.push(postcard::from_bytes(entry?.1.value())?);
        }
        Ok(found)
    }

    /// How many notifications wait, by channel.
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

    /// The channel has these.
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

    /// The channel never will: it is kept for somebody to look at.
    pub fn bury(&self, queued: &Queued, reason: &str, at: i64) -> Result<(), AlarmStoreError> {
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

    /// Puts dead letters back, with all their time again: one, or all of them;
    /// returns how many.
    pub fn revive(&self, n: Option<u64>, now: i64) -> Result<u64, AlarmStoreError> {
        let txn = self.database.begin_write()?;
        let mut revived = 0;
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
                revived += 1;
            }
        }
        txn.commit()?;
        Ok(revived)
    }

    /// The last alerts of alarms that are cleared, from the newest transitions.
    pub fn lately_cleared(&self, limit: usize) -> Result<Vec<Alert>, AlarmStoreError> {
        use weir_model::AlertState;
        let history = self.database.begin_read()?.open_table(HISTORY)?;
        let mut cleared = Vec::new();
        for entry in history.iter()?.rev().take(limit) {
            let entry: crate::alarm_tables::Entry = postcard::from_bytes(entry?.1.value())?;
            cleared.extend(Some(entry.0).filter(|alert| alert.state == AlertState::Cleared));
        }
        Ok(cleared)
    }
}
