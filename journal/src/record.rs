//! Records as readers get them, borrowed from their chunk.
//!
//! A chunk is checked before a reader gets it (live chunks never left memory), so
//! iterating over its records costs no checksum and no allocation.

use bytes::{Bytes, BytesMut};
use weir_model::{Message, Position};

use crate::frame;

/// Consecutive records. The next chunk may start behind this one's end: the
/// positions of an interrupted write are not used again.
#[derive(Clone, Debug)]
pub struct Chunk {
    start: u64,
    end: u64,
    bytes: Bytes,
    /// In order. Only the last one may keep fewer bytes than it spans.
    damaged: Vec<Damage>,
}

/// A region of the log that holds no readable record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Damage {
    pub(crate) start: u64,
    pub(crate) end: u64,
    /// How many of its bytes the chunk holds.
    pub(crate) kept: usize,
    pub(crate) reason: &'static str,
}

/// One record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    pub position: Position,
    /// Position behind it.
    pub end: Position,
    pub content: Result<Message<'a>, Corrupt<'a>>,
}

/// Bytes in the place of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Corrupt<'a> {
    /// As found, at most the first 64 KiB; empty when the bytes are gone.
    pub bytes: &'a [u8],
    pub reason: &'static str,
}

impl Chunk {
    /// A chunk of messages that are not in files; the first one is at `start`.
    /// Leaves out messages that no record can hold (4 GiB).
    pub fn from_messages(start: Position, messages: &[Message<'_>]) -> Self {
        let mut bytes = BytesMut::new();
        for message in messages {
            if let Some(size) = frame::size(message) {
                frame::put(message, size, &mut bytes);
            }
        }
        Self::live(start.0, bytes.freeze())
    }

    /// Whole frames that are known to be good.
    pub(crate) fn live(start: u64, bytes: Bytes) -> Self {
        Self {
            start,
            end: start + bytes.len() as u64,
            bytes,
            damaged: Vec::new(),
        }
    }

    /// Frames of which all but the damaged ones are known to be good.
    pub(crate) fn checked(start: u64, end: u64, bytes: Bytes, damaged: Vec<Damage>) -> Self {
        Self {
            start,
            end,
            bytes,
            damaged,
        }
    }

    pub(crate) fn damaged(&self) -> &[Damage] {
        &self.damaged
    }

    /// Where the last good record ends; `None` when all is damaged.
    pub(crate) fn good_end(&self) -> Option<u64> {
        let trailing = |end, damage: &Damage| (damage.end == end).then_some(damage.start);
        let end = self
            .damaged
            .iter()
            .rev()
            .try_fold(self.end, |end, damage| trailing(end, damage).ok_or(end));
        let end = match end {
            Ok(end) | Err(end) => end,
        };
        (end > self.start).then_some(end)
    }

    /// Position of the first record.
    pub fn start(&self) -> Position {
        Position(self.start)
    }

    /// Position behind the last record.
    pub fn end(&self) -> Position {
        Position(self.end)
    }

    /// The records in order. Allocates nothing.
    pub fn records(&self) -> impl Iterator<Item = Record<'_>> {
        Records {
            chunk: self,
            position: self.start,
            damaged: self.damaged.iter(),
        }
    }
}

struct Records<'a> {
    chunk: &'a Chunk,
    position: u64,
    damaged: std::slice::Iter<'a, Damage>,
}

impl<'a> Iterator for Records<'a> {
    type Item = Record<'a>;

    fn next(&mut self) -> Option<Record<'a>> {
        let position = self.position;
        if position >= self.chunk.end {
            return None;
        }
        let bytes = &self.chunk.bytes[(position - self.chunk.start) as usize..];
        let (end, content) = match self.damaged.as_slice().first() {
            Some(damage) if damage.start == position => {
                self.damaged.next();
                let bytes = &bytes[..damage.kept];
                (
                    damage.end,
                    Err(Corrupt {
                        bytes,
                        reason: damage.reason,
                    }),
                )
            }
            _ => {
                let size = frame::size_at(bytes);
                let content = frame::decode(&bytes[frame::HEAD..size]).map_err(|reason| Corrupt {
                    bytes: &bytes[..size],
                    reason,
                });
                (position + size as u64, content)
            }
        };
        self.position = end;
        Some(Record {
            position: Position(position),
            end: Position(end),
            content,
        })
    }
}
