//! The quarantine by message, the newest first: what a person looks at.

use std::fmt;
use std::ops::RangeInclusive;

use redb::ReadOnlyTable;
use weir_model::{Position, QuarantineEntry, QuarantineReason};

use crate::error::QuarantineError;
use crate::quarantine::Quarantine;
use crate::tables::{BY_REASON, ENTRIES, Key, REPLAYED, decode, replayed_at};

/// Bytes of entries after which a page ends with the current message.
pub(crate) const PAGE_BYTES: usize = 8 << 20;
/// Messages that one call looks at.
const MAX_LOOKS: usize = 20_000;

/// A message of which something was rejected, or an entry without a message
/// (its topic is empty: a corrupt record, a line that InfluxDB refused).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RejectedMessage {
    /// The entry that holds the bytes, or the first when none does.
    pub entry: QuarantineEntry,
    /// What is wrong with it, in order.
    pub rejections: Vec<Rejection>,
}

/// One entry of a message, without its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// From 0; `None`: the whole message.
    pub reading: Option<u32>,
    pub reason: QuarantineReason,
    pub detail: String,
}

impl RejectedMessage {
    /// True when the entry holds the whole payload.
    pub fn is_whole(&self) -> bool {
        self.entry.payload.len() as u64 == self.entry.payload_bytes
    }

    pub fn has_reason(&self, reason: QuarantineReason) -> bool {
        self.rejections.iter().any(|found| found.reason == reason)
    }
}

/// Messages in the order of the call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RejectedPage {
    pub messages: Vec<RejectedMessage>,
    /// The next page starts after it; `None` on the last page.
    pub next: Option<Position>,
}

/// Which messages a page has.
#[derive(Clone, Copy)]
pub struct Newest<'a> {
    /// Only messages with an entry of this reason.
    pub reason: Option<QuarantineReason>,
    /// Only messages with such a topic; without a topic, an entry has no message.
    pub topic: &'a dyn Fn(&str) -> bool,
    /// The `next` of the page before.
    pub before: Option<Position>,
    pub limit: usize,
}

impl fmt::Debug for Newest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Newest")
            .field("reason", &self.reason)
            .field("before", &self.before)
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}

impl Quarantine {
    /// The newest messages. A page may have fewer than `limit`, or none, and a next page
    /// all the same.
    pub fn newest(&self, wanted: Newest<'_>) -> Result<RejectedPage, QuarantineError> {
        let transaction = self.database().begin_read()?;
        let table = transaction.open_table(ENTRIES)?;
        let by_reason = transaction.open_table(BY_REASON)?;
        let replayed = transaction.open_table(REPLAYED)?;
        let mut page = RejectedPage::default();
        let end = wanted.before.map_or(u64::MAX, |before| before.0);
        let positions: Box<dyn Iterator<Item = Result<u64, redb::StorageError>>> =
            match wanted.reason {
                None => {
                    let entries = table.range(..(end, 0, 0))?.rev();
                    Box::new(entries.map(|entry| Ok(entry?.0.value().0)))
                }
                Some(reason) => {
                    let code = u8::try_from(reason.index()).expect("fewer than 256 reasons");
                    let entries = by_reason.range((code, 0, 0)..(code, end, 0))?.rev();
                    Box::new(entries.map(|entry| Ok(entry?.0.value().1)))
                }
            };
        let (mut bytes, mut looks, mut last) = (0, 0, None);
        for position in positions {
            let position = Position(position?);
            if last == Some(position) {
                continue;
            }
            let is_full = page.messages.len() >= wanted.limit || bytes >= PAGE_BYTES;
            if is_full || looks == MAX_LOOKS {
                page.next = last;
                break;
            }
            (last, looks) = (Some(position), looks + 1);
            for mut entry in entries_at(&table, position)? {
                if !(wanted.topic)(&entry.topic) {
                    continue;
                }
                bytes += entry.payload.len() + entry.detail.len();
                entry.replayed = replayed_at(&replayed, &entry)?;
                page.add(entry);
            }
            if let Some(reason) = wanted.reason {
                // An entry without a message may share the position.
                let first = page
                    .messages
                    .partition_point(|m| m.entry.position != position);
                let shared = page.messages.split_off(first);
                page.messages
                    .extend(shared.into_iter().filter(|m| m.has_reason(reason)));
            }
        }
        Ok(page)
    }

    /// The messages at these positions, in their order; what has expired is left out.
    pub fn messages_at(&self, positions: &[Position]) -> Result<RejectedPage, QuarantineError> {
        let transaction = self.database().begin_read()?;
        let table = transaction.open_table(ENTRIES)?;
        let replayed = transaction.open_table(REPLAYED)?;
        let mut page = RejectedPage::default();
        for position in positions {
            for mut entry in entries_at(&table, *position)? {
                entry.replayed = replayed_at(&replayed, &entry)?;
                page.add(entry);
            }
        }
        Ok(page)
    }
}

/// The keys of all entries at a position.
pub(crate) fn keys_of(position: Position) -> RangeInclusive<Key> {
    (position.0, 0, 0)..=(position.0, u32::MAX, u8::MAX)
}

fn entries_at(
    table: &ReadOnlyTable<Key, &'static [u8]>,
    position: Position,
) -> Result<Vec<QuarantineEntry>, QuarantineError> {
    let mut found = Vec::new();
    for entry in table.range(keys_of(position))? {
        let (key, value) = entry?;
        found.extend(decode(key.value(), value.value()));
    }
    Ok(found)
}

impl RejectedPage {
    pub(crate) fn add(&mut self, entry: QuarantineEntry) {
        let rejection = Rejection {
            reading: entry.reading,
            reason: entry.reason,
            detail: entry.detail.clone(),
        };
        let of_message = |known: &&mut RejectedMessage| {
            let known = &known.entry;
            !entry.topic.is_empty() && !known.topic.is_empty() && known.position == entry.position
        };
        // An entry without a message may lie between two entries of one message.
        let nearby = self.messages.iter_mut().rev();
        let same_position = nearby.take_while(|known| known.entry.position == entry.position);
        match same_position.into_iter().find(of_message) {
            Some(message) => {
                message.rejections.push(rejection);
                if entry.payload.len() > message.entry.payload.len() {
                    message.entry = entry;
                }
            }
            None => self.messages.push(RejectedMessage {
                rejections: vec![rejection],
                entry,
            }),
        }
    }
}
