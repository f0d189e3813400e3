//! The quarantine by message, for sending messages through the pipeline again
//! after a fix.
//!
//! A message may have many entries with different reasons; one of them holds its
//! bytes. The replay mark is stored by the message's position, so it applies to
//! all of its entries.

use redb::ReadableTable;
use weir_model::{Position, Timestamp};

use crate::error::QuarantineError;
use crate::messages::{PAGE_BYTES, RejectedPage, keys_of};
use crate::quarantine::Quarantine;
use crate::reasons::{StoredCounts, has_message};
use crate::tables::{ENTRIES, REPLAYED, decode, replayed_at};

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
            let mut counts = StoredCounts::open(&transaction)?;
            for position in positions {
                let mut of_message = Vec::new();
                for entry in table.range(keys_of(*position))? {
                    let (key, value) = entry?;
                    if has_message(key.value(), value.value()) {
                        of_message.push(key.value());
                    }
                }
                // A message that has expired meanwhile gets no mark.
                if !of_message.is_empty() {
                    counts.mark(position.0, at, of_message.into_iter())?;
                }
            }
        }
        transaction.commit()?;
        Ok(())
    }
}
