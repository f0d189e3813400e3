//! The queues of the channels, and in which order they go out: what presses
//! first, then by age.
//!
//! ```text
//! queue  (channel, n) -> Queued           what the channel has not confirmed
//! lanes  (channel, lane, n) -> ()         lane 0: it presses; 1: the rest
//! tells  (channel, alarm id, n) -> ()     what waits of one alarm
//! ```
//!
//! - **What presses** ([`Notification::presses`]) overtakes the rest: a critical
//!   alarm does not wait behind a flood of warnings.
//! - **Nothing starves**: every [`FAIR`]th place goes to what has waited longest,
//!   whatever it is. So a notification is sent after at most `FAIR` times as many
//!   others as were queued before it.
//! - **The order of one alarm is kept**: before a notification goes whatever waits
//!   of its alarms from before it goes. Nobody hears that something is over, and
//!   then that it began.
//!
//! `lanes` and `tells` are an index over `queue`: a start makes them anew when they
//! do not fit it, as in a database of an older version.

use std::collections::{BTreeSet, HashSet};

use redb::{
    ReadOnlyTable, ReadTransaction, ReadableTable, ReadableTableMetadata, Table, TableDefinition,
    WriteTransaction,
};

use crate::notification::Notification;
use crate::outbox::Queued;
use crate::store_error::AlarmStoreError;

pub(crate) const QUEUE: TableDefinition<(&str, u64), &[u8]> = TableDefinition::new("queue");
const LANES: TableDefinition<(&str, u8, u64), ()> = TableDefinition::new("lanes");
const TELLS: TableDefinition<(&str, &str, u64), ()> = TableDefinition::new("tells");

/// One place in so many goes by age alone.
const FAIR: u64 = 5;
const PRESSING: u8 = 0;
const REST: u8 = 1;

/// What a channel takes next.
#[derive(Clone, Copy, Debug)]
pub struct Ask {
    /// So many at most.
    pub limit: usize,
    /// How many it has taken so far: says which places go by age.
    pub taken: u64,
    /// Only what presses, and what has to go before it.
    pub pressing_only: bool,
}

/// The queues, to be changed.
pub(crate) struct Queues<'txn> {
    queue: Table<'txn, (&'static str, u64), &'static [u8]>,
    lanes: Table<'txn, (&'static str, u8, u64), ()>,
    tells: Table<'txn, (&'static str, &'static str, u64), ()>,
}

impl<'txn> Queues<'txn> {
    pub(crate) fn open(txn: &'txn WriteTransaction) -> Result<Self, AlarmStoreError> {
        Ok(Self {
            queue: txn.open_table(QUEUE)?,
            lanes: txn.open_table(LANES)?,
            tells: txn.open_table(TELLS)?,
        })
    }

    /// Makes the tables, and the index if it does not fit the queue.
    pub(crate) fn prepare(txn: &'txn WriteTransaction) -> Result<(), AlarmStoreError> {
        let mut queues = Self::open(txn)?;
        if queues.queue.len()? == queues.lanes.len()? {
            return Ok(());
        }
        queues.lanes.retain(|_, ()| false)?;
        queues.tells.retain(|_, ()| false)?;
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
            self.tells.insert((channel, alarm_id, queued.n), ())?;
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
            self.tells.remove((channel, alarm_id, n))?;
        }
        Ok(())
    }
}

/// The queue of one channel, to be read.
pub(crate) struct QueueReader<'a> {
    channel: &'a str,
    queue: ReadOnlyTable<(&'static str, u64), &'static [u8]>,
    lanes: ReadOnlyTable<(&'static str, u8, u64), ()>,
    tells: ReadOnlyTable<(&'static str, &'static str, u64), ()>,
}

impl<'a> QueueReader<'a> {
    pub(crate) fn open(txn: &ReadTransaction, channel: &'a str) -> Result<Self, AlarmStoreError> {
        Ok(Self {
            channel,
            queue: txn.open_table(QUEUE)?,
            lanes: txn.open_table(LANES)?,
            tells: txn.open_table(TELLS)?,
        })
    }

    /// What goes out next, in this order.
    pub(crate) fn next_up(&self, ask: Ask) -> Result<Vec<Queued>, AlarmStoreError> {
        let (mut pressing, mut rest) = (self.lane(PRESSING)?, self.lane(REST)?);
        let (mut first, mut second) = (pressing.next().transpose()?, rest.next().transpose()?);
        let (mut found, mut chosen) = (Vec::new(), HashSet::new());
        while found.len() < ask.limit {
            let by_age = (ask.taken + found.len() as u64) % FAIR == FAIR - 1;
            let n = match (first, second) {
                (Some(press), Some(other)) if ask.pressing_only || !by_age || press < other => {
                    first = pressing.next().transpose()?;
                    press
                }
                (Some(press), None) => {
                    first = pressing.next().transpose()?;
                    press
                }
                (None, None) => break,
                (None, Some(_)) if ask.pressing_only => break,
                (_, Some(other)) => {
                    second = rest.next().transpose()?;
                    other
                }
            };
            for queued in self.with_what_goes_before(n, &chosen)? {
                if found.len() < ask.limit {
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

    /// A notification behind whatever waits of its alarms from before it, and
    /// whatever that has to wait for: the oldest first. Nothing if it is chosen.
    fn with_what_goes_before(
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
                for entry in self.tells.range(from..to)? {
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
    match notification.presses() {
        true => PRESSING,
        false => REST,
    }
}

fn alarm_ids(notification: &Notification) -> impl Iterator<Item = &str> {
    let alerts = notification.alerts.iter();
    alerts.map(|told| told.alert.alarm_id.as_str())
}

#[cfg(test)]
mod tests;
