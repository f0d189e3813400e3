//! From a segment's bytes to checked chunks, in bounded blocks.
//!
//! Bytes that fail their check are a damaged region: one record when its head is
//! valid, else everything up to the next valid frame. The search is linear: it
//! reads a body only behind a valid head, which no payload can imitate.

use std::io;

use bytes::Bytes;
use weir_disk::DiskFile;

use super::segment::HEADER;
use super::tail::{Region, RegionKind};
use crate::frame::{self, HEAD};
use crate::record::{Chunk, Damage};

/// Bytes per read; a larger record gets a larger block.
const BLOCK: u64 = 1 << 20;
/// Bytes of a damaged region that a reader gets at most.
pub(super) const MAX_KEPT: usize = 64 << 10;

pub(super) const GONE: &str = "the journal's file is missing or too short";
const BAD_HEAD: &str = "no record begins here";

/// The frames of one segment file.
pub(super) struct Frames<'a> {
    pub(super) file: &'a dyn DiskFile,
    pub(super) base: u64,
    /// Read no further than this position.
    pub(super) end: u64,
    /// `None` when the header is lost: then no frame can be recognised.
    pub(super) salt: Option<u64>,
}

impl Frames<'_> {
    /// The next records from `from` on, at least one, damaged or not. `from`
    /// must be before the end.
    pub(super) fn chunk(&self, from: u64) -> io::Result<Chunk> {
        let mut block = self.read(from, BLOCK.min(self.end - from))?;
        let Some(salt) = self.salt else {
            return Ok(self.damaged(from, self.end, block, "the segment's header is damaged"));
        };
        let mut damaged = Vec::new();
        let mut at = 0;
        while at < block.len() {
            let position = from + at as u64;
            let head = frame::check_head(&block[at..], salt, position);
            match head.filter(|size| *size as u64 <= self.end - position) {
                Some(size) if size <= block.len() - at => {
                    if let Err(reason) = frame::check_body(&block[at..at + size]) {
                        let end = position + size as u64;
                        damaged.push(Damage {
                            start: position,
                            end,
                            kept: size.min(MAX_KEPT),
                            reason,
                        });
                    }
                    at += size;
                }
                // The frame ends behind this block, or no frame begins here:
                // the next call starts with it.
                _ if at > 0 => break,
                Some(size) => {
                    let whole = self.read(from, size as u64)?;
                    if whole.len() < size {
                        return Ok(self.damaged(from, self.end, whole, GONE));
                    }
                    block = whole;
                }
                None => {
                    let end = self.next_good(from + 1, salt)?.unwrap_or(self.end);
                    return Ok(self.damaged(from, end, block, BAD_HEAD));
                }
            }
        }
        if at == 0 {
            return Ok(self.damaged(from, self.end, block, GONE));
        }
        block.truncate(at);
        Ok(Chunk::checked(
            from,
            from + at as u64,
            Bytes::from(block),
            damaged,
        ))
    }

    /// Where the next whole and true frame starts, from `from` on.
    fn next_good(&self, from: u64, salt: u64) -> io::Result<Option<u64>> {
        let mut start = from;
        while start < self.end {
            let block = self.read(start, BLOCK.min(self.end - start))?;
            if block.len() < HEAD {
                return Ok(None);
            }
            for at in 0..=block.len() - HEAD {
                let position = start + at as u64;
                let left = self.end - position;
                let size = frame::size_at(&block[at..]);
                if size as u64 > left || frame::check_head(&block[at..], salt, position).is_none() {
                    continue;
                }
                let frame = match block.get(at..at + size) {
                    Some(frame) => frame,
                    None => &self.read(position, size as u64)?,
                };
                if frame.len() == size && frame::check_body(frame).is_ok() {
                    return Ok(Some(position));
                }
            }
            start += (block.len() - HEAD + 1) as u64;
        }
        Ok(None)
    }

    fn read(&self, from: u64, bytes: u64) -> io::Result<Vec<u8>> {
        let mut block = vec![0; bytes as usize];
        let read = self
            .file
            .read_at(HEADER as u64 + (from - self.base), &mut block)?;
        block.truncate(read);
        Ok(block)
    }

    fn damaged(&self, start: u64, end: u64, mut bytes: Vec<u8>, reason: &'static str) -> Chunk {
        let kept = bytes.len().min(MAX_KEPT).min((end - start) as usize);
        bytes.truncate(kept);
        bytes.shrink_to_fit();
        let damage = Damage {
            start,
            end,
            kept,
            reason,
        };
        Chunk::checked(start, end, Bytes::from(bytes), vec![damage])
    }
}

/// The next records of a region from `from` on; `file` is the one that it names.
pub(super) fn chunk(region: &Region, file: &dyn DiskFile, from: u64) -> io::Result<Chunk> {
    let RegionKind::Segment { salt, .. } = region.kind else {
        return Ok(gone(from, region.end));
    };
    let frames = Frames {
        file,
        base: region.start,
        end: region.end,
        salt,
    };
    frames.chunk(from)
}

/// A region whose bytes are not there at all.
pub(super) fn gone(start: u64, end: u64) -> Chunk {
    let damage = Damage {
        start,
        end,
        kept: 0,
        reason: GONE,
    };
    Chunk::checked(start, end, Bytes::new(), vec![damage])
}
