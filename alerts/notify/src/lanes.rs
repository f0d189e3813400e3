//! The queues of the channels and their order: high priority first, then by age.
//!
//! ```text
//! queue  (channel, n) -> Queued           not confirmed by the channel
//! lanes  (channel, lane, n) -> ()         lane 0: high priority; 1: the rest
//! tells  (channel, alarm id, n) -> ()     the notifications of one alarm
//! ```
//!
//! - **High priority** ([`Notification::is_high_priority`]) overtakes the rest: a
//!   critical alarm does not wait behind a flood of warnings.
//! - **No starvation**: every [`FAIR`]th place goes to the oldest notification of
//!   any lane. So at most `FAIR` times as many notifications are sent before one
//!   as were queued before it.
//! - **The order of one alarm is kept**: a notification is preceded by the older
//!   notifications of its alarms. No clear is sent before its raise.
//!
//! `lanes` and `tells` are an index over `queue`. A start rebuilds them if they do
//! not match the queue, as in a database of an older version.

use std::collections::{BTreeSet, HashSet};

use redb::{
    ReadOnlyTable, ReadTransaction, ReadableTable, ReadableTableMetadata, Table, TableDefinition,
    WriteTransaction,
};

use weir_alarms::Notification;

use crate::queued::{DequeueRequest, Queued};
use crate::store_error::AlarmStoreError;

pub(crate) const QUEUE: TableDefinition<(&str, u64), &[u8]> = TableDefinition::new("queue");
const LANES: TableDefinition<(&str, u8, u64), ()> = TableDefinition::new("lanes");
/// Notifications by alarm; the name on disk is older.
const BY_ALARM: TableDefinition<(&str, &str, u64), ()> = TableDefinition::new("tells");

/// One place in so many goes by age only.
const FAIR: u64 = 5;
const HIGH_PRIORITY: u8 = 0;
const REST: u8 = 1;

/// The queues of all channels in a write transaction.
pub(crate) struct Queues<'txn> {
    queue: Table<'txn, (&'static str, u64), &'static [u8]>,
    lanes: Table<'txn, (&'static str, u8, u64), ()>,
    by_alarm: Table<'txn, (&'static str, &'static str, u64), ()>,
}

impl<'txn> Queues<'txn> {
    pub(crate) fn open(txn: &'txn WriteTransaction) -> Result<Self, AlarmStoreError> {
        Ok(Self {
            queue: txn.open_table(QUEUE)?,
            lanes: txn.open_table(LANES)?,
            by_alarm: txn.open_table(BY_ALARM)?,
        })
    }

    /// Creates the tables, and rebuilds the index if it does not match the queue.
    pub(crate) fn prepare(txn: &'txn WriteTransaction) -> Result<(), AlarmStoreError> {
        let mut queues = Self::open(txn)?;
        if queues.queue.len()? == queues.lanes.len()? {
            return Ok(());
        }
        queues.lanes.retain(|_, ()| false)?;
        queues.by_alarm.retain(|_, ()| false)?;
        let mut all: Vec<Queued> = Vec::new();
        for entry in queues.queue.iter()? {
            all.push(postcard::from_bytes(entry?.1.value())?);
        }
        all.iter().try_for_each(|queued| queues.index(queued))
    }

    pub(crate) fn push(&mut self, queued: &Queued) -> Result<(), AlarmStoreError> {
        let key = (queued.notification.channel.as_str(), queued.n);
        self.queue.insert(key, &*postcard::to_stdvec(queued)?)?;
        self.index(queued)
    }

    fn index(&mut self, queued: &Queued) -> Result<(), AlarmStoreError> {
        let channel = queued.notification.channel.as_str();
        let lane = lane(&queued.notification);
        self.lanes.insert((channel, lane, queued.n), ())?;
        for alarm_id in alarm_ids(&queued.notification) {
            self.by_alarm.insert((channel, alarm_id, queued.n), ())?;
        }
        Ok(())
    }

    pub(crate) fn remove(&mut self, channel: &str, n: u64) -> Result<(), AlarmStoreError> {
        let queued: Queued = match self.queue.remove((channel, n))? {
            Some(bytes) => postcard::from_bytes(bytes.value())?,
            None => return Ok(()),
        };
        self.lanes
            .remove((channel, lane(&queued.notification), n))?;
        for alarm_id in alarm_ids(&queued.notification) {
            self.by_alarm.remove((channel, alarm_id, n))?;
        }
        Ok(())
    }
}

/// The queue of one channel in a read transaction.
pub(crate) struct QueueReader<'a> {
    channel: &'a str,
    queue: ReadOnlyTable<(&'static str, u64), &'static [u8]>,
    lanes: ReadOnlyTable<(&'static str, u8, u64), ()>,
    by_alarm: ReadOnlyTable<(&'static str, &'static str, u64), ()>,
}

impl<'a> QueueReader<'a> {
    pub(crate) fn open(txn: &ReadTransaction, channel: &'a str) -> Result<Self, AlarmStoreError> {
        Ok(Self {
            channel,
            queue: txn.open_table(QUEUE)?,
            lanes: txn.open_table(LANES)?,
            by_alarm: txn.open_table(BY_ALARM)?,
        })
    }

    /// The next notifications, in this order.
    pub(crate) fn next_up(&self, request: DequeueRequest) -> Result<Vec<Queued>, AlarmStoreError> {
        let only_high = request.high_priority_only;
        let (mut high, mut rest) = (self.lane(HIGH_PRIORITY)?, self.lane(REST)?);
        let (mut first, mut second) = (high.next().transpose()?, rest.next().transpose()?);
        let (mut found, mut chosen) = (Vec::new(), HashSet::new());
        while found.len() < request.limit {
            let by_age = (request.taken + found.len() as u64) % FAIR == FAIR - 1;
            let n = match (first, second) {
                (Some(urgent), Some(other)) if only_high || !by_age || urgent < other => {
                    first = high.next().transpose()?;
                    urgent
                }
                (Some(urgent), None) => {
                    first = high.next().transpose()?;
                    urgent
                }
                (None, None) => break,
                (None, Some(_)) if only_high => break,
                (_, Some(other)) => {
                    second = rest.next().transpose()?;
                    other
                }
            };
            for queued in self.with_predecessors(n, &chosen)? {
                if found.len() < request.limit {
                    chosen.insert(queued.n);
                    found.push(queued);
                }
            }
        }
        Ok(found)
    }

    /// Numbers of a lane, the oldest first.
    fn lane(
        &self,
        lane: u8,
    ) -> Result<impl Iterator<Item = Result<u64, AlarmStoreError>>, AlarmStoreError> {
        let (from, to) = ((self.channel, lane, 0), (self.channel, lane, u64::MAX));
        let entries = self.lanes.range(from..=to)?;
        Ok(entries.map(|entry| Ok(entry?.0.value().2)))
    }

    /// A notification after the older notifications of its alarms, and those that
    /// must precede them in turn: the oldest first. Empty if it is chosen already.
    fn with_predecessors(
        &self,
        n: u64,
        chosen: &HashSet<u64>,
    ) -> Result<Vec<Queued>, AlarmStoreError> {
        let mut found: Vec<Queued> = Vec::new();
        let (mut known, mut open) = (BTreeSet::new(), vec![n]);
        while let Some(n) = open.pop() {
            if chosen.contains(&n) || !known.insert(n) {
                continue;
            }
            let Some(bytes) = self.queue.get((self.channel, n))? else {
                continue;
            };
            let queued: Queued = postcard::from_bytes(bytes.value())?;
            for alarm_id in alarm_ids(&queued.notification) {
                let (from, to) = ((self.channel, alarm_id, 0), (self.channel, alarm_id, n));
                for entry in self.by_alarm.range(from..to)? {
                    open.push(entry?.0.value().2);
                }
            }
            found.push(queued);
        }
        found.sort_by_key(|queued| queued.n);
        Ok(found)
    }
}

fn lane(notification: &Notification) -> u8 {
    if notification.is_high_priority() {
        HIGH_PRIORITY
    } else {
        REST
    }
}

fn alarm_ids(notification: &Notification) -> impl Iterator<Item = &str> {
    let alerts = notification.alerts.iter();
    alerts.map(|notified| notified.alert.alarm_id.as_str())
}

#[cfg(test)]
mod tests;
