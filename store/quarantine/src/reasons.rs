//! What is stored, reason by reason: a table that every change keeps, because an answer
//! must not take a walk over a million entries.

use redb::{ReadableTable, ReadableTableMetadata, Table, WriteTransaction};
use weir_model::{QuarantineReason, Timestamp};

use crate::error::QuarantineError;
use crate::quarantine::Quarantine;
use crate::tables::{BY_REASON, ENTRIES, Key, REPLAYED, STORED, decode};

/// The stored entries of one reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoredReason {
    pub reason: QuarantineReason,
    pub entries: u64,
    /// Of those, entries whose message was sent through the pipeline again.
    pub replayed: u64,
    /// When the message of the newest entry was received.
    pub newest: Timestamp,
}

/// The counts, while a transaction changes entries.
pub(crate) struct StoredCounts<'t> {
    stored: Table<'t, u8, (u64, u64)>,
    replayed: Table<'t, u64, i64>,
}

impl<'t> StoredCounts<'t> {
    pub(crate) fn open(transaction: &'t WriteTransaction) -> Result<Self, QuarantineError> {
        Ok(Self {
            stored: transaction.open_table(STORED)?,
            replayed: transaction.open_table(REPLAYED)?,
        })
    }

    /// An entry is new.
    pub(crate) fn add(&mut self, key: Key) -> Result<(), QuarantineError> {
        self.change(key.2, |(entries, replayed)| (entries + 1, replayed))
    }

    /// The encoded entry was removed.
    pub(crate) fn remove(&mut self, key: Key, entry: &[u8]) -> Result<(), QuarantineError> {
        let was_replayed = self.replayed.get(key.0)?.is_some() && has_message(key, entry);
        self.change(key.2, |(entries, replayed)| {
            let replayed = replayed.saturating_sub(u64::from(was_replayed));
            (entries.saturating_sub(1), replayed)
        })
    }

    /// Marks a message as replayed. `of_message`: its entries.
    pub(crate) fn mark(
        &mut self,
        position: u64,
        at: Timestamp,
        of_message: impl Iterator<Item = Key>,
    ) -> Result<(), QuarantineError> {
        if self.replayed.insert(position, at.0)?.is_some() {
            return Ok(());
        }
        for key in of_message {
            self.change(key.2, |(entries, replayed)| (entries, replayed + 1))?;
        }
        Ok(())
    }

    /// Forgets the marks of messages before this position: they have no entry left.
    pub(crate) fn forget_before(&mut self, oldest: u64) -> Result<(), QuarantineError> {
        self.replayed.retain_in(..oldest, |_, _| false)?;
        Ok(())
    }

    fn change(
        &mut self,
        reason: u8,
        change: impl FnOnce((u64, u64)) -> (u64, u64),
    ) -> Result<(), QuarantineError> {
        let before = self
            .stored
            .get(reason)?
            .map_or((0, 0), |counts| counts.value());
        self.stored.insert(reason, change(before))?;
        Ok(())
    }
}

/// An entry without a topic only shares its position with a message.
pub(crate) fn has_message(key: Key, entry: &[u8]) -> bool {
    decode(key, entry).is_some_and(|entry| !entry.topic.is_empty())
}

/// Counts the entries of a file of an earlier version, once.
pub(crate) fn count_if_new(transaction: &WriteTransaction) -> Result<(), QuarantineError> {
    if !transaction.open_table(STORED)?.is_empty()? {
        return Ok(());
    }
    let entries = transaction.open_table(ENTRIES)?;
    let mut counts = StoredCounts::open(transaction)?;
    for entry in entries.iter()? {
        let (key, value) = entry?;
        let key = key.value();
        let is_replayed = counts.replayed.get(key.0)?.is_some() && has_message(key, value.value());
        counts.change(key.2, |(entries, replayed)| {
            (entries + 1, replayed + u64::from(is_replayed))
        })?;
    }
    Ok(())
}

impl Quarantine {
    /// The reasons that have entries now, in the order of the closed list.
    pub fn stored_reasons(&self) -> Result<Vec<StoredReason>, QuarantineError> {
        let transaction = self.database().begin_read()?;
        let stored = transaction.open_table(STORED)?;
        let by_reason = transaction.open_table(BY_REASON)?;
        let table = transaction.open_table(ENTRIES)?;
        let mut found = Vec::new();
        for reason in QuarantineReason::ALL {
            let code = u8::try_from(reason.index()).expect("there are fewer than 256 reasons");
            let (entries, replayed) = stored.get(code)?.map_or((0, 0), |counts| counts.value());
            let range = (code, 0, 0)..=(code, u64::MAX, u32::MAX);
            let Some(last) = by_reason.range(range)?.next_back() else {
                continue;
            };
            let (_, position, reading) = last?.0.value();
            let key = (position, reading, code);
            let newest = table.get(key)?.and_then(|value| decode(key, value.value()));
            found.push(StoredReason {
                reason: *reason,
                entries,
                replayed,
                newest: newest.map_or_else(Timestamp::default, |entry| entry.received),
            });
        }
        Ok(found)
    }
}
