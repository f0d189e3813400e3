//! The format of a record: a head that protects the length, then a body.
//!
//! ```text
//! frame  0  u32  length of the body
//!        4  u32  head check: CRC-32C of salt (u64), position (u64), length (u32)
//!        8  u32  body check: the head check, continued over the body
//!       12       body
//! body   0  i64  received, ns since the epoch
//!        8  u8   ingress
//!        9  u8   flags: bits 0-1 qos, 2 retained, 3 duplicate, 4-7 zero
//!       10  u32  bytes of the client
//!       14  u32  bytes of the topic
//!       18       client, topic, payload
//! ```
//!
//! Numbers are little-endian. The salt is the segment's, random and never sent
//! anywhere, and the position is the frame's own. So neither a payload that
//! imitates a frame nor a stale frame from an earlier use of the disk is valid.
//! The head has its own check so that a damaged body costs one record, and a
//! damaged length is never used.

use weir_model::{Ingress, Message, Timestamp};

/// Bytes before the body.
pub(crate) const HEAD: usize = 12;
/// Bytes of a body before the client.
const FIXED: usize = 18;

const QOS: u8 = 0b11;
const RETAINED: u8 = 1 << 2;
const DUPLICATE: u8 = 1 << 3;

/// Bytes that the message takes in the log; `None` when it does not fit a frame.
pub(crate) fn size(message: &Message<'_>) -> Option<usize> {
    let text = message.client.len().checked_add(message.topic.len())?;
    let body = text
        .checked_add(message.payload.len())?
        .checked_add(FIXED)?;
    u32::try_from(body).ok()?;
    body.checked_add(HEAD)
}

/// Appends the frame with its checks still zero; [`seal`] sets them. The caller
/// knows by [`size`] that it fits.
pub(crate) fn put(message: &Message<'_>, frame_size: usize, out: &mut bytes::BytesMut) {
    let mut flags = message.qos & QOS;
    if message.retained {
        flags |= RETAINED;
    }
    if message.duplicate {
        flags |= DUPLICATE;
    }
    let mut start = [0; HEAD + FIXED];
    start[..4].copy_from_slice(&((frame_size - HEAD) as u32).to_le_bytes());
    start[HEAD..HEAD + 8].copy_from_slice(&message.received.0.to_le_bytes());
    start[HEAD + 8] = message.ingress as u8;
    start[HEAD + 9] = flags;
    start[HEAD + 10..HEAD + 14].copy_from_slice(&(message.client.len() as u32).to_le_bytes());
    start[HEAD + 14..].copy_from_slice(&(message.topic.len() as u32).to_le_bytes());
    out.extend_from_slice(&start);
    out.extend_from_slice(message.client.as_bytes());
    out.extend_from_slice(message.topic.as_bytes());
    out.extend_from_slice(message.payload);
}

/// Sets the checks of the frame that `bytes` begins with; returns its size.
pub(crate) fn seal(bytes: &mut [u8], salt: u64, position: u64) -> usize {
    let length = u32_at(bytes, 0);
    let size = HEAD + length as usize;
    let head = head_check(salt, position, length);
    let body = crc32c::crc32c_append(head, &bytes[HEAD..size]);
    bytes[4..8].copy_from_slice(&head.to_le_bytes());
    bytes[8..12].copy_from_slice(&body.to_le_bytes());
    size
}

/// The size of the frame that `bytes` begins with, from its length alone.
pub(crate) fn size_at(bytes: &[u8]) -> usize {
    HEAD + u32_at(bytes, 0) as usize
}

/// The frame's size, when its head is whole and true.
pub(crate) fn check_head(bytes: &[u8], salt: u64, position: u64) -> Option<usize> {
    let head = bytes.get(..HEAD)?;
    let length = u32_at(head, 0);
    (head_check(salt, position, length) == u32_at(head, 4)).then_some(HEAD + length as usize)
}

/// Whether a frame whose head is true holds the message that was written.
pub(crate) fn check_body(frame: &[u8]) -> Result<(), &'static str> {
    if crc32c::crc32c_append(u32_at(frame, 4), &frame[HEAD..]) != u32_at(frame, 8) {
        return Err("the record does not match its checksum");
    }
    decode(&frame[HEAD..]).map(|_| ())
}

/// Reads a body. Borrows; checks the texts, and trusts no length.
pub(crate) fn decode(body: &[u8]) -> Result<Message<'_>, &'static str> {
    let (fixed, rest) = body
        .split_at_checked(FIXED)
        .ok_or("the record is too short")?;
    let mut received = [0; 8];
    received.copy_from_slice(&fixed[..8]);
    let ingress = Ingress::from_u8(fixed[8]).ok_or("the record names an unknown ingress")?;
    let flags = fixed[9];
    if flags & !(QOS | RETAINED | DUPLICATE) != 0 {
        return Err("the record has unknown flags");
    }
    let (client, rest) = rest
        .split_at_checked(u32_at(fixed, 10) as usize)
        .ok_or("the record's client is longer than the record")?;
    let (topic, payload) = rest
        .split_at_checked(u32_at(fixed, 14) as usize)
        .ok_or("the record's topic is longer than the record")?;
    Ok(Message {
        received: Timestamp(i64::from_le_bytes(received)),
        ingress,
        client: str::from_utf8(client).map_err(|_| "the record's client is not UTF-8")?,
        topic: str::from_utf8(topic).map_err(|_| "the record's topic is not UTF-8")?,
        payload,
        qos: flags & QOS,
        retained: flags & RETAINED != 0,
        duplicate: flags & DUPLICATE != 0,
    })
}

fn head_check(salt: u64, position: u64, length: u32) -> u32 {
    let mut known = [0; 20];
    known[..8].copy_from_slice(&salt.to_le_bytes());
    known[8..16].copy_from_slice(&position.to_le_bytes());
    known[16..].copy_from_slice(&length.to_le_bytes());
    crc32c::crc32c(&known)
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    let mut word = [0; 4];
    word.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(word)
}

#[cfg(test)]
mod tests;
