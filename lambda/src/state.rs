//! The memory of devices between two invocations: one item for each device.
//!
//! A commit replaces an item only if its version is still the one that was loaded.
//! So of two invocations that began with the same memory one commits, and the other
//! runs its messages again on what that left.

mod cache;
pub mod dynamodb;
pub mod in_memory;
mod item;

use serde::{Deserialize, Serialize};
use thiserror::Error;
use weir_model::{Alert, Timestamp};

use crate::answer::is_up_to;
use crate::message::{Incoming, MessageId, Processed};

pub(crate) use cache::Cache;

/// Ids that an item keeps.
pub(crate) const KEPT_IDS: usize = 16;

/// What is kept of one device.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Item {
    pub device: String,
    /// 0: there is no item yet.
    pub version: u64,
    /// [`weir_pipeline::DeviceMemories::of`]; empty before the first commit.
    pub memory: Vec<u8>,
    /// Of the configuration that the memory was made by.
    pub config: u64,
    pub applied: Applied,
    pub outbox: Outbox,
    /// When a sweep has to look at it.
    pub due: Option<Timestamp>,
}

/// Which messages the memory includes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Applied {
    /// For a stream: the shard, and the last number of it.
    pub sequence: Option<(String, String)>,
    /// The last messages of other sources, the newest last.
    pub ids: Vec<AppliedId>,
    /// When the shadow was last reported.
    pub reported: Option<Timestamp>,
    /// When silence of the device would be too long.
    pub silence: Option<Timestamp>,
}

/// A message by its hash, with the answer that it got.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppliedId {
    pub hash: u64,
    pub readings: u32,
    pub alerts: u32,
    pub timestamp: Option<Timestamp>,
}

impl Applied {
    /// The answer to a message that the memory includes already.
    pub(crate) fn answer_to(&self, message: &Incoming) -> Option<Processed> {
        if let Some((shard, last)) = &self.sequence
            && is_up_to(&message.id, shard, last)
        {
            return Some(Processed::default());
        }
        let hash = message.id.hash();
        let known = self.ids.iter().find(|known| known.hash == hash)?;
        Some(Processed {
            readings: known.readings,
            quarantined: 0,
            alerts: known.alerts,
            timestamp: known.timestamp,
        })
    }

    pub(crate) fn add(&mut self, message: &Incoming, part: &Processed) {
        match &message.id {
            MessageId::Sequence { shard, number } => {
                self.sequence = Some((shard.clone(), number.clone()));
            }
            MessageId::Named(_) => {
                self.ids.push(AppliedId {
                    hash: message.id.hash(),
                    readings: part.readings,
                    alerts: part.alerts,
                    timestamp: part.timestamp,
                });
                let surplus = self.ids.len().saturating_sub(KEPT_IDS);
                self.ids.drain(..surplus);
            }
        }
    }
}

/// What has been decided and not been confirmed to have left.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Outbox {
    pub alerts: Vec<Alert>,
    /// An update of the shadow.
    pub report: Option<Vec<u8>>,
}

impl Outbox {
    pub fn is_empty(&self) -> bool {
        self.alerts.is_empty() && self.report.is_none()
    }
}

/// How one commit ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Committed {
    Done,
    /// The item has another version; here it is.
    Conflict(Box<Item>),
    Failed(String),
}

/// A call to the store failed.
#[derive(Debug, Error)]
pub enum StoreError {
    #[error(transparent)]
    Aws(#[from] weir_aws::AwsError),
    #[error("the item of {device} cannot be read: {what}")]
    Unreadable { device: String, what: String },
    #[error("{0}")]
    Unavailable(String),
}

/// Keeps the items.
pub trait StateStore: Send + Sync {
    /// One item for each device, in their order, as of now.
    fn load(&self, devices: &[&str]) -> Result<Vec<Item>, StoreError>;

    /// Puts each item if the stored one has the version before. One outcome for each.
    fn commit(&self, items: &[Item]) -> Vec<Committed>;

    /// Removes what `item` has in its outbox, if the stored item still has its
    /// version. `item.due` is then in force. False: another version is stored.
    fn clear_outbox(&self, item: &Item) -> Result<bool, StoreError>;

    /// Devices that are due at `now`, at most `limit` of them.
    fn due(&self, now: Timestamp, limit: usize) -> Result<Vec<String>, StoreError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(id: MessageId) -> Incoming {
        Incoming {
            id,
            topic: String::new(),
            client: String::new(),
            received: Timestamp(0),
            payload: Vec::new(),
            group: None,
            fault: None,
        }
    }

    #[test]
    fn the_last_ids_are_known_with_their_answers() {
        let named = |nth: u32| message(MessageId::Named(nth.to_string()));
        let mut applied = Applied::default();
        for nth in 0..20 {
            let part = Processed {
                readings: nth,
                ..Processed::default()
            };
            applied.add(&named(nth), &part);
        }
        assert_eq!(applied.ids.len(), KEPT_IDS);
        assert_eq!(applied.answer_to(&named(3)), None);
        assert_eq!(applied.answer_to(&named(4)).unwrap().readings, 4);
        assert_eq!(applied.answer_to(&named(19)).unwrap().readings, 19);
    }

    #[test]
    fn a_shard_is_known_up_to_its_last_number() {
        let record = |shard: &str, number: &str| {
            let (shard, number) = (shard.to_owned(), number.to_owned());
            message(MessageId::Sequence { shard, number })
        };
        let mut applied = Applied::default();
        applied.add(&record("s", "100"), &Processed::default());
        for (shard, number, expect) in [
            ("s", "99", true),
            ("s", "100", true),
            ("s", "101", false),
            ("t", "99", false),
        ] {
            let found = applied.answer_to(&record(shard, number)).is_some();
            assert_eq!(found, expect, "{shard} {number}");
        }
    }
}
