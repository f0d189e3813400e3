//! A rejected message or reading together with its bytes and its origin: what
//! the quarantine stores, the API returns and a replay sends again.

use crate::{Ingress, Message, Position, QuarantineReason, Quarantined, Timestamp};

/// Bytes of a payload that an entry keeps.
pub const MAX_QUARANTINED_PAYLOAD_BYTES: usize = 64 * 1024;

/// A rejected message or reading with everything that is known about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuarantineEntry {
    pub position: Position,
    /// Index of the reading in its message, from 0; `None` for the whole message.
    pub reading: Option<u32>,
    pub reason: QuarantineReason,
    /// A sentence: what was found and where.
    pub detail: String,
    pub topic: String,
    pub client: String,
    pub ingress: Ingress,
    pub received: Timestamp,
    /// The broker replayed the message from its retained messages.
    pub retained: bool,
    /// When the message was sent through the pipeline again. The quarantine
    /// stores it per message, not per entry.
    pub replayed: Option<Timestamp>,
    /// Length of the payload in bytes.
    pub payload_bytes: u64,
    /// The first [`MAX_QUARANTINED_PAYLOAD_BYTES`] of the payload.
    pub payload: Vec<u8>,
}

impl QuarantineEntry {
    /// `message` is absent when the journal's record is corrupt; `payload` then
    /// holds the bytes that could be read.
    pub fn new(rejected: &Quarantined, message: Option<&Message<'_>>, payload: &[u8]) -> Self {
        let kept = &payload[..payload.len().min(MAX_QUARANTINED_PAYLOAD_BYTES)];
        Self {
            position: rejected.position,
            reading: rejected.reading,
            reason: rejected.reason,
            detail: rejected.detail.clone(),
            topic: message.map_or_else(String::new, |message| message.topic.to_owned()),
            client: message.map_or_else(String::new, |message| message.client.to_owned()),
            ingress: message.map_or(Ingress::Broker, |message| message.ingress),
            received: message.map_or_else(Timestamp::default, |message| message.received),
            retained: message.is_some_and(|message| message.retained),
            replayed: None,
            payload_bytes: message.map_or(payload, |message| message.payload).len() as u64,
            payload: kept.to_vec(),
        }
    }
}
