//! The tables of the quarantine's file and the encoding of an entry.
//!
//! ```text
//! entries    (position, reading + 1 or 0, reason) -> entry in postcard
//! by_reason  (reason, position, reading + 1 or 0) -> ()
//! counts     reason name -> entries recorded since the file was created
//! totals     position, entries, bytes, expired (by size), expired_by_age
//! replayed   position -> when its message was sent through the pipeline again
//! stored     reason -> entries that are stored, and those of them that were replayed
//! ```
//!
//! An entry is followed by one byte, 1 for a retained message; files of earlier
//! versions have none.

use redb::{ReadableTable, TableDefinition};
use serde::{Deserialize, Serialize};
use weir_model::{
    Ingress, MAX_QUARANTINED_PAYLOAD_BYTES, Position, QuarantineEntry, QuarantineReason, Timestamp,
};

use crate::error::QuarantineError;

pub(crate) type Key = (u64, u32, u8);
pub(crate) const ENTRIES: TableDefinition<'_, Key, &[u8]> = TableDefinition::new("entries");
pub(crate) const BY_REASON: TableDefinition<'_, (u8, u64, u32), ()> =
    TableDefinition::new("by_reason");
pub(crate) const COUNTS: TableDefinition<'_, &str, u64> = TableDefinition::new("counts");
pub(crate) const TOTALS: TableDefinition<'_, &str, u64> = TableDefinition::new("totals");
pub(crate) const REPLAYED: TableDefinition<'_, u64, i64> = TableDefinition::new("replayed");
pub(crate) const STORED: TableDefinition<'_, u8, (u64, u64)> = TableDefinition::new("stored");
pub(crate) const POSITION: &str = "position";
pub(crate) const COUNT: &str = "entries";
pub(crate) const BYTES: &str = "bytes";
pub(crate) const EXPIRED: &str = "expired";
pub(crate) const EXPIRED_BY_AGE: &str = "expired_by_age";

/// Bytes of a detail that an entry keeps.
pub(crate) const MAX_DETAIL_BYTES: usize = 4 * 1024;

/// The key of an entry: message, reading and reason.
pub(crate) fn key_of(entry: &QuarantineEntry) -> Key {
    let reason = u8::try_from(entry.reason.index()).expect("there are fewer than 256 reasons");
    (
        entry.position.0,
        entry.reading.map_or(0, |reading| reading.saturating_add(1)),
        reason,
    )
}

/// An entry as stored. This struct never changes; more bytes may follow it.
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

pub(crate) fn encode(entry: &QuarantineEntry) -> Result<Vec<u8>, QuarantineError> {
    let detail = &entry.detail[..entry.detail.floor_char_boundary(MAX_DETAIL_BYTES)];
    let payload = &entry.payload[..entry.payload.len().min(MAX_QUARANTINED_PAYLOAD_BYTES)];
    let stored = Stored {
        reason: entry.reason.as_str().to_owned(),
        detail: detail.to_owned(),
        topic: entry.topic.clone(),
        client: entry.client.clone(),
        door: entry.ingress as u8,
        received: entry.received.0,
        payload_bytes: entry.payload_bytes,
        payload: payload.to_vec(),
    };
    let mut bytes = postcard::to_stdvec(&stored).map_err(QuarantineError::Encode)?;
    bytes.push(u8::from(entry.retained));
    Ok(bytes)
}

/// When the entry's message was replayed. An entry without a topic does not
/// belong to a message; it only shares a position with one.
pub(crate) fn replayed_at(
    replayed: &impl ReadableTable<u64, i64>,
    entry: &QuarantineEntry,
) -> Result<Option<Timestamp>, QuarantineError> {
    if entry.topic.is_empty() {
        return Ok(None);
    }
    let at = replayed.get(entry.position.0)?;
    Ok(at.map(|at| Timestamp(at.value())))
}

/// `None` for an entry that this version does not understand; it stays in the file.
pub(crate) fn decode((position, reading, _): Key, bytes: &[u8]) -> Option<QuarantineEntry> {
    let (stored, rest): (Stored, _) = postcard::take_from_bytes(bytes).ok()?;
    Some(QuarantineEntry {
        position: Position(position),
        reading: reading.checked_sub(1),
        reason: QuarantineReason::from_name(&stored.reason)?,
        detail: stored.detail,
        topic: stored.topic,
        client: stored.client,
        ingress: Ingress::from_u8(stored.door)?,
        received: Timestamp(stored.received),
        retained: rest.first() == Some(&1),
        replayed: None,
        payload_bytes: stored.payload_bytes,
        payload: stored.payload,
    })
}
