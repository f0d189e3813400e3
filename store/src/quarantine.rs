//! What was rejected, verbatim, in a redb file.
//!
//! ```text
//! entries    (position, reading + 1 or 0, reason) -> entry in postcard
//! by_reason  (reason, position, reading + 1 or 0) -> ()
//! counts     reason name -> entries recorded since the file was made
//! totals     position, entries, bytes, expired (by size), expired_by_age
//! replayed   position -> when its message was sent through the pipeline again
//! ```
//!
//! An entry is followed by one byte, 1 for a retained message; files of earlier
//! versions have none.
//!
//! An entry is known by its message, its reading and its reason, so recording
//! it again after a crash changes nothing. The oldest go when there are too
//! many, when they are too large together, and when they are too old; that is
//! counted.

use std::path::Path;

use redb::{ReadableTable, TableDefinition, WriteTransaction};
use serde::{Deserialize, Serialize};
use thiserror::Error;
use weir_kv::Database;
use weir_model::{Door, Message, Position, QuarantineReason, Quarantined, Timestamp};

type Key = (u64, u32, u8);
const ENTRIES: TableDefinition<'_, Key, &[u8]> = TableDefinition::new("entries");
const BY_REASON: TableDefinition<'_, (u8, u64, u32), ()> = TableDefinition::new("by_reason");
const COUNTS: TableDefinition<'_, &str, u64> = TableDefinition::new("counts");
const TOTALS: TableDefinition<'_, &str, u64> = TableDefinition::new("totals");
const REPLAYED: TableDefinition<'_, u64, i64> = TableDefinition::new("replayed");
const POSITION: &str = "position";
const COUNT: &str = "entries";
const BYTES: &str = "bytes";
const EXPIRED: &str = "expired";
const EXPIRED_BY_AGE: &str = "expired_by_age";

/// Bytes that are kept of a payload.
const MAX_PAYLOAD_BYTES: usize = 64 * 1024;
/// Bytes that are kept of a detail.
const MAX_DETAIL_BYTES: usize = 4 * 1024;
/// Entries that one call lets go of for their age.
const EXPIRE_AT_ONCE: usize = 10_000;

/// A rejected message or reading with everything that is known about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuarantineEntry {
    pub position: Position,
    /// Which reading of the message, from 0; `None` for all of it.
    pub reading: Option<u32>,
    pub reason: QuarantineReason,
    /// A sentence: what was found and where.
    pub detail: String,
    pub topic: String,
    pub client: String,
    pub door: Door,
    pub received: Timestamp,
    /// The broker had replayed it from its retained messages.
    pub retained: bool,
    /// When its message was sent through the pipeline again. Kept by
    /// [`Quarantine::mark_replayed`], not by [`Quarantine::record`].
    pub replayed: Option<Timestamp>,
    /// How long the payload was.
    pub payload_bytes: u64,
    /// Its first 64 KiB.
    pub payload: Vec<u8>,
}

impl QuarantineEntry {
    /// `message` is absent when the journal's record is corrupt; `payload` is
    /// then what was read of it.
    pub fn new(rejected: &Quarantined, message: Option<&Message<'_>>, payload: &[u8]) -> Self {
        let kept = &payload[..payload.len().min(MAX_PAYLOAD_BYTES)];
        Self {
            position: rejected.position,
            reading: rejected.reading,
            reason: rejected.reason,
            detail: rejected.detail.clone(),
            topic: message.map_or_else(String::new, |message| message.topic.to_owned()),
            client: message.map_or_else(String::new, |message| message.client.to_owned()),
            door: message.map_or(Door::Broker, |message| message.door),
            received: message.map_or_else(Timestamp::default, |message| message.received),
            retained: message.is_some_and(|message| message.retained),
            replayed: None,
            payload_bytes: message.map_or(payload, |message| message.payload).len() as u64,
            payload: kept.to_vec(),
        }
    }

    fn key(&self) -> Key {
        let reason = u8::try_from(self.reason.index()).expect("there are fewer than 256 reasons");
        (
            self.position.0,
            self.reading.map_or(0, |reading| reading.saturating_add(1)),
            reason,
        )
    }
}

/// The entry as it is kept. More may follow behind it; it never changes.
#[derive(Debug, Serialize, Deserialize)]
struct Stored {
    reason: String,
    detail: String,
    topic: String,
    client: String,
    door: u8,
    received: i64,
    payload_bytes: u64,
    payload: Vec<u8>,
}

/// Why the quarantine could not be read or written.
#[derive(Debug, Error)]
pub enum QuarantineError {
    #[error(transparent)]
    Open(#[from] weir_kv::OpenError),
    #[error("the quarantine's file: {0}")]
    Database(Box<redb::Error>),
    #[error("an entry of the quarantine cannot be encoded: {0}")]
    Encode(postcard::Error),
}

weir_kv::from_redb!(QuarantineError::Database);

/// Of the database's cache.
const CACHE_BYTES: usize = 16 << 20;

/// Entries that had to go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Expired {
    /// There were too many, or they were too large together.
    pub by_size: u64,
    pub by_age: u64,
}

/// How many entries are kept, and of what size.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QuarantineTotals {
    pub entries: u64,
    /// As they are encoded.
    pub bytes: u64,
    /// Since the file was made.
    pub expired: Expired,
}

/// The quarantine. Reading and writing block.
#[derive(Debug)]
pub struct Quarantine {
    database: Database,
    caps: weir_config::Quarantine,
}

impl Quarantine {
    /// Opens the file, or makes it.
    pub fn open(path: &Path, caps: &weir_config::Quarantine) -> Result<Self, QuarantineError> {
        let database = weir_kv::open(path, CACHE_BYTES)?;
        let transaction = database.begin_write()?;
        transaction.open_table(ENTRIES)?;
        transaction.open_table(BY_REASON)?;
        transaction.open_table(COUNTS)?;
        transaction.open_table(TOTALS)?;
        transaction.open_table(REPLAYED)?;
        transaction.commit()?;
        let caps = caps.clone();
        Ok(Self { database, caps })
    }

    /// Adds entries in one transaction; durable when it returns. Those that are
    /// there already are left as they are.
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
            let read = |name: &str| -> Result<u64, QuarantineError> {
                Ok(totals.get(name)?.map_or(0, |value| value.value()))
            };
            let mut count = read(COUNT)?;
            let mut bytes = read(BYTES)?;
            let mut expired = read(EXPIRED)?;
            let position = position.0.max(read(POSITION)?);
            for entry in entries {
                let key = entry.key();
                if table.get(key)?.is_some() {
                    continue;
                }
                let encoded = encode(entry)?;
                count += 1;
                bytes += encoded.len() as u64;
                table.insert(key, encoded.as_slice())?;
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
                count -= 1;
                bytes = bytes.saturating_sub(value.value().len() as u64);
                expired += 1;
            }
            if expired > read(EXPIRED)? {
                let oldest = table.first()?.map_or(u64::MAX, |(key, _)| key.value().0);
                forget_replays(&transaction, oldest)?;
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

    /// The highest position that was recorded.
    pub fn position(&self) -> Result<Position, QuarantineError> {
        self.total(POSITION).map(Position)
    }

    /// Lets go of what was received longer ago than it may be kept, some
    /// thousands at most; returns how many those were. What has no time (a
    /// corrupt record) goes with what was received after it.
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
            let mut bytes = 0;
            for key in &gone {
                if let Some(value) = table.remove(key)? {
                    bytes += value.value().len() as u64;
                }
                by_reason.remove((key.2, key.0, key.1))?;
            }
            let oldest = table.first()?.map_or(u64::MAX, |(key, _)| key.value().0);
            forget_replays(&transaction, oldest)?;
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

    /// The first entries, as far as they were received before a time.
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

    /// What is kept, and what had to go.
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

    /// Entries recorded since the file was made, by reason; those that have gone
    /// since count too.
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

    /// Entries that are kept, the newest first.
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

    fn total(&self, name: &str) -> Result<u64, QuarantineError> {
        let totals = self.database.begin_read()?.open_table(TOTALS)?;
        Ok(totals.get(name)?.map_or(0, |value| value.value()))
    }
}

/// Marks of messages that have no entry any more.
fn forget_replays(transaction: &WriteTransaction, oldest: u64) -> Result<(), QuarantineError> {
    let mut replayed = transaction.open_table(REPLAYED)?;
    replayed.retain_in(..oldest, |_, _| false)?;
    Ok(())
}

fn encode(entry: &QuarantineEntry) -> Result<Vec<u8>, QuarantineError> {
    let detail = &entry.detail[..entry.detail.floor_char_boundary(MAX_DETAIL_BYTES)];
    let payload = &entry.payload[..entry.payload.len().min(MAX_PAYLOAD_BYTES)];
    let stored = Stored {
        reason: entry.reason.as_str().to_owned(),
        detail: detail.to_owned(),
        topic: entry.topic.clone(),
        client: entry.client.clone(),
        door: entry.door as u8,
        received: entry.received.0,
        payload_bytes: entry.payload_bytes,
        payload: payload.to_vec(),
    };
    let mut bytes = postcard::to_stdvec(&stored).map_err(QuarantineError::Encode)?;
    bytes.push(u8::from(entry.retained));
    Ok(bytes)
}

/// Entries without a topic are not of a message: they share a position with one
/// by chance.
fn replayed_at(
    replayed: &impl ReadableTable<u64, i64>,
    entry: &QuarantineEntry,
) -> Result<Option<Timestamp>, QuarantineError> {
    if entry.topic.is_empty() {
        return Ok(None);
    }
    let at = replayed.get(entry.position.0)?;
    Ok(at.map(|at| Timestamp(at.value())))
}

/// `None` for an entry that this version does not understand: it is left alone.
fn decode((position, reading, _): Key, bytes: &[u8]) -> Option<QuarantineEntry> {
    let (stored, rest): (Stored, _) = postcard::take_from_bytes(bytes).ok()?;
    Some(QuarantineEntry {
        position: Position(position),
        reading: reading.checked_sub(1),
        reason: QuarantineReason::from_name(&stored.reason)?,
        detail: stored.detail,
        topic: stored.topic,
        client: stored.client,
        door: Door::from_u8(stored.door)?,
        received: Timestamp(stored.received),
        retained: rest.first() == Some(&1),
        replayed: None,
        payload_bytes: stored.payload_bytes,
        payload: stored.payload,
    })
}

mod replay;
#[cfg(test)]
mod tests;

pub use replay::{RejectedMessage, RejectedPage};
