//! The quarantine's file: records entries, expires the oldest, lists them.
//!
//! An entry is identified by its message, its reading and its reason, so
//! recording it again after a crash changes nothing. The oldest entries expire
//! when there are too many, when they are too large together, or when they are
//! too old; expired entries are counted.

use std::path::Path;

use redb::ReadableTable;
use weir_kv::Database;
use weir_model::{Position, QuarantineEntry, QuarantineReason, Timestamp};

use crate::error::QuarantineError;
use crate::reasons::{StoredCounts, count_if_new};
use crate::tables::{
    BY_REASON, BYTES, COUNT, COUNTS, ENTRIES, EXPIRED, EXPIRED_BY_AGE, Key, POSITION, REPLAYED,
    TOTALS, decode, encode, key_of, replayed_at,
};

/// Entries that one call of [`Quarantine::expire`] removes.
const EXPIRE_AT_ONCE: usize = 10_000;

/// Size of the database's cache in bytes.
const CACHE_BYTES: usize = 16 << 20;

/// Entries that were removed to stay within the limits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Expired {
    /// There were too many, or they were too large together.
    pub by_size: u64,
    pub by_age: u64,
}

/// How many entries are stored, and how large they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QuarantineTotals {
    pub entries: u64,
    /// Encoded size.
    pub bytes: u64,
    /// Since the file was created.
    pub expired: Expired,
}

/// The quarantine. All calls block.
#[derive(Debug)]
pub struct Quarantine {
    database: Database,
    caps: weir_config::Quarantine,
}

impl Quarantine {
    /// Opens the file, or creates it.
    pub fn open(path: &Path, caps: &weir_config::Quarantine) -> Result<Self, QuarantineError> {
        let database = weir_kv::open(path, CACHE_BYTES)?;
        let transaction = database.begin_write()?;
        transaction.open_table(ENTRIES)?;
        transaction.open_table(BY_REASON)?;
        transaction.open_table(COUNTS)?;
        transaction.open_table(TOTALS)?;
        transaction.open_table(REPLAYED)?;
        count_if_new(&transaction)?;
        transaction.commit()?;
        let caps = caps.clone();
        Ok(Self { database, caps })
    }

    /// Adds entries in one transaction; durable on return. Entries that already
    /// exist do not change.
    pub fn record(
        &self,
        position: Position,
        entries: &[QuarantineEntry],
    ) -> Result<(), QuarantineError> {
        let transaction = self.database.begin_write()?;
        {
            let mut table = transaction.open_table(ENTRIES)?;
            let mut by_reason = transaction.open_table(BY_REASON)?;
            let mut counts = transaction.open_table(COUNTS)?;
            let mut totals = transaction.open_table(TOTALS)?;
            let mut stored = StoredCounts::open(&transaction)?;
            let read = |name: &str| -> Result<u64, QuarantineError> {
                Ok(totals.get(name)?.map_or(0, |value| value.value()))
            };
            let mut count = read(COUNT)?;
            let mut bytes = read(BYTES)?;
            let mut expired = read(EXPIRED)?;
            let position = position.0.max(read(POSITION)?);
            for entry in entries {
                let key = key_of(entry);
                if table.get(key)?.is_some() {
                    continue;
                }
                let encoded = encode(entry)?;
                count += 1;
                bytes += encoded.len() as u64;
                table.insert(key, encoded.as_slice())?;
                stored.add(key)?;
                by_reason.insert((key.2, key.0, key.1), ())?;
                let name = entry.reason.as_str();
                let before = counts.get(name)?.map_or(0, |value| value.value());
                counts.insert(name, before + 1)?;
            }
            while count > self.caps.max_entries || bytes > self.caps.max_size {
                let Some((key, value)) = table.pop_first()? else {
                    break;
                };
                let key = key.value();
                by_reason.remove((key.2, key.0, key.1))?;
                stored.remove(key, value.value())?;
                count -= 1;
                bytes = bytes.saturating_sub(value.value().len() as u64);
                expired += 1;
            }
            if expired > read(EXPIRED)? {
                let oldest = table.first()?.map_or(u64::MAX, |(key, _)| key.value().0);
                stored.forget_before(oldest)?;
            }
            for (name, value) in [
                (POSITION, position),
                (COUNT, count),
                (BYTES, bytes),
                (EXPIRED, expired),
            ] {
                totals.insert(name, value)?;
            }
        }
        transaction.commit()?;
        Ok(())
    }

    /// The highest recorded position.
    pub fn position(&self) -> Result<Position, QuarantineError> {
        self.total(POSITION).map(Position)
    }

    /// Removes entries that are older than the limit, at most some thousands per
    /// call, and returns their number. An entry without a time (a corrupt
    /// record) is removed together with the next entry that has one.
    pub fn expire(&self, now: Timestamp) -> Result<u64, QuarantineError> {
        let age = i64::try_from(self.caps.max_age.as_nanos()).unwrap_or(i64::MAX);
        let oldest_kept = now.0.saturating_sub(age);
        let gone = self.older_than(oldest_kept)?;
        if gone.is_empty() {
            return Ok(0);
        }
        let transaction = self.database.begin_write()?;
        {
            let mut table = transaction.open_table(ENTRIES)?;
            let mut by_reason = transaction.open_table(BY_REASON)?;
            let mut totals = transaction.open_table(TOTALS)?;
            let mut stored = StoredCounts::open(&transaction)?;
            let mut bytes = 0;
            for key in &gone {
                if let Some(value) = table.remove(key)? {
                    bytes += value.value().len() as u64;
                    stored.remove(*key, value.value())?;
                }
                by_reason.remove((key.2, key.0, key.1))?;
            }
            let oldest = table.first()?.map_or(u64::MAX, |(key, _)| key.value().0);
            stored.forget_before(oldest)?;
            let count = gone.len() as u64;
            for (name, change) in [(COUNT, count), (BYTES, bytes)] {
                let before = totals.get(name)?.map_or(0, |value| value.value());
                totals.insert(name, before.saturating_sub(change))?;
            }
            let before = totals.get(EXPIRED_BY_AGE)?.map_or(0, |value| value.value());
            totals.insert(EXPIRED_BY_AGE, before + count)?;
        }
        transaction.commit()?;
        Ok(gone.len() as u64)
    }

    /// The first entries, up to the first that was received at `oldest_kept` or later.
    fn older_than(&self, oldest_kept: i64) -> Result<Vec<Key>, QuarantineError> {
        let table = self.database.begin_read()?.open_table(ENTRIES)?;
        let (mut gone, mut timeless) = (Vec::new(), Vec::new());
        for entry in table.iter()?.take(EXPIRE_AT_ONCE) {
            let (key, value) = entry?;
            let received = decode(key.value(), value.value()).map_or(0, |entry| entry.received.0);
            if received == 0 {
                timeless.push(key.value());
            } else if received < oldest_kept {
                gone.append(&mut timeless);
                gone.push(key.value());
            } else {
                break;
            }
        }
        Ok(gone)
    }

    /// Stored and expired entries.
    pub fn totals(&self) -> Result<QuarantineTotals, QuarantineError> {
        let totals = self.database.begin_read()?.open_table(TOTALS)?;
        let read = |name: &str| -> Result<u64, QuarantineError> {
            Ok(totals.get(name)?.map_or(0, |value| value.value()))
        };
        Ok(QuarantineTotals {
            entries: read(COUNT)?,
            bytes: read(BYTES)?,
            expired: Expired {
                by_size: read(EXPIRED)?,
                by_age: read(EXPIRED_BY_AGE)?,
            },
        })
    }

    /// Entries recorded since the file was created, by reason, including those
    /// that have expired.
    pub fn counts(&self) -> Result<Vec<(QuarantineReason, u64)>, QuarantineError> {
        let counts = self.database.begin_read()?.open_table(COUNTS)?;
        let mut found = Vec::new();
        for reason in QuarantineReason::ALL {
            if let Some(count) = counts.get(reason.as_str())? {
                found.push((*reason, count.value()));
            }
        }
        Ok(found)
    }

    /// Stored entries, newest first.
    pub fn list(
        &self,
        reason: Option<QuarantineReason>,
        limit: usize,
    ) -> Result<Vec<QuarantineEntry>, QuarantineError> {
        let transaction = self.database.begin_read()?;
        let table = transaction.open_table(ENTRIES)?;
        let replayed = transaction.open_table(REPLAYED)?;
        let mut found = Vec::new();
        match reason {
            None => {
                for entry in table.iter()?.rev().take(limit) {
                    let (key, value) = entry?;
                    found.extend(decode(key.value(), value.value()));
                }
            }
            Some(reason) => {
                let by_reason = transaction.open_table(BY_REASON)?;
                let code = u8::try_from(reason.index()).expect("there are fewer than 256 reasons");
                let range = (code, 0, 0)..=(code, u64::MAX, u32::MAX);
                for key in by_reason.range(range)?.rev().take(limit) {
                    let (code, position, reading) = key?.0.value();
                    let key = (position, reading, code);
                    if let Some(value) = table.get(key)? {
                        found.extend(decode(key, value.value()));
                    }
                }
            }
        }
        for entry in &mut found {
            entry.replayed = replayed_at(&replayed, entry)?;
        }
        Ok(found)
    }

    pub(crate) fn database(&self) -> &Database {
        &self.database
    }

    fn total(&self, name: &str) -> Result<u64, QuarantineError> {
        let totals = self.database.begin_read()?.open_table(TOTALS)?;
        Ok(totals.get(name)?.map_or(0, |value| value.value()))
    }
}

#[cfg(test)]
mod tests;
