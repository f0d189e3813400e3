//! The quarantine by message, for sending messages through the pipeline again
//! after a fix.
//!
//! A message may have many entries with different reasons; one of them holds its
//! bytes. The replay mark is stored by the message's position, so it applies to
//! all of its entries.

use redb::ReadableTable;
use weir_model::{Position, QuarantineEntry, QuarantineReason, Timestamp};

use crate::error::QuarantineError;
use crate::quarantine::Quarantine;
use crate::tables::{ENTRIES, REPLAYED, decode, replayed_at};

/// Bytes of entries after which a page ends with the current message.
const PAGE_BYTES: usize = 8 << 20;

/// A message of which something was rejected, or an entry without a message
/// (its topic is empty: a corrupt record, a line that InfluxDB refused).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RejectedMessage {
    /// The entry that holds the bytes, or the first when none does.
    pub entry: QuarantineEntry,
    /// The reasons of all its entries, in order.
    pub reasons: Vec<QuarantineReason>,
}

impl RejectedMessage {
    /// True when the entry holds the whole payload.
    pub fn is_whole(&self) -> bool {
        self.entry.payload.len() as u64 == self.entry.payload_bytes
    }
}

/// Messages in order of their position.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RejectedPage {
    pub messages: Vec<RejectedMessage>,
    /// The next page starts after it; `None` on the last page.
    pub next: Option<Position>,
}

impl Quarantine {
    /// The oldest messages after `after`, at most `limit`.
    pub fn messages(
        &self,
        after: Option<Position>,
        limit: usize,
    ) -> Result<RejectedPage, QuarantineError> {
        let transaction = self.database().begin_read()?;
        let table = transaction.open_table(ENTRIES)?;
        let replayed = transaction.open_table(REPLAYED)?;
        let mut page = RejectedPage::default();
        let Some(from) = after.map_or(Some(0), |after| after.0.checked_add(1)) else {
            return Ok(page);
        };
        let (mut bytes, mut last) = (0, None);
        for entry in table.range((from, 0, 0)..)? {
            let (key, value) = entry?;
            let (key, value) = (key.value(), value.value());
            let position = Position(key.0);
            let full = page.messages.len() >= limit || bytes >= PAGE_BYTES;
            if full && last != Some(position) {
                page.next = last;
                break;
            }
            last = Some(position);
            let Some(mut entry) = decode(key, value) else {
                continue;
            };
            bytes += value.len();
            entry.replayed = replayed_at(&replayed, &entry)?;
            page.add(entry);
        }
        Ok(page)
    }

    /// Records that these messages were sent through the pipeline again; durable
    /// on return.
    pub fn mark_replayed(
        &self,
        positions: &[Position],
        at: Timestamp,
    ) -> Result<(), QuarantineError> {
        let transaction = self.database().begin_write()?;
        {
            let table = transaction.open_table(ENTRIES)?;
            let mut replayed = transaction.open_table(REPLAYED)?;
            for position in positions {
                // A message that has expired meanwhile gets no mark.
                let of_message = (position.0, 0, 0)..=(position.0, u32::MAX, u8::MAX);
                if table.range(of_message)?.next().is_some() {
                    replayed.insert(position.0, at.0)?;
                }
            }
        }
        transaction.commit()?;
        Ok(())
    }
}

impl RejectedPage {
    fn add(&mut self, entry: QuarantineEntry) {
        let of_message = |known: &&mut RejectedMessage| {
            let known = &known.entry;
            !entry.topic.is_empty() && !known.topic.is_empty() && known.position == entry.position
        };
        // An entry without a message may lie between two entries of one message.
        let nearby = self.messages.iter_mut().rev();
        let same_position = nearby.take_while(|known| known.entry.position == entry.position);
        match same_position.into_iter().find(of_message) {
            Some(message) => {
                message.reasons.push(entry.reason);
                if entry.payload.len() > message.entry.payload.len() {
                    message.entry = entry;
                }
            }
            None => self.messages.push(RejectedMessage {
                reasons: vec![entry.reason],
                entry,
            }),
        }
    }
}
