//! The index of what is written: which region of the log is in which file, and
//! the newest records in memory for readers that keep up.

use std::collections::VecDeque;

use bytes::Bytes;

use crate::frame;
use crate::record::Chunk;

/// Bytes of the newest records that stay in memory.
pub(super) const LIVE_BYTES: usize = 16 << 20;
/// The overhead of an entry, so that many tiny ones stay bounded.
const LIVE_ENTRY: usize = 128;

/// A part of the log. Positions between two regions belong to no record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Region {
    pub(super) start: u64,
    pub(super) end: u64,
    pub(super) kind: RegionKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RegionKind {
    /// The segment file whose base is the region's start. Without a salt, its
    /// header is lost and it cannot be read. `bytes` is the file's length.
    Segment { salt: Option<u64>, bytes: u64 },
    /// Lost with its file.
    Gone,
}

/// Where a reader finds what comes next.
pub(super) enum Found {
    Live(Chunk),
    /// In this region, from this position on.
    OnDisk(Region, u64),
    /// Nothing written yet.
    Nothing,
    /// The log starts behind the position.
    Before(u64),
}

#[derive(Debug)]
pub(super) struct Tail {
    regions: VecDeque<Region>,
    /// The last region is being written.
    active: bool,
    live: VecDeque<(u64, Bytes)>,
    live_bytes: usize,
    /// Behind the last record that is written.
    pub(super) written: u64,
    /// Readers that wait on the condition variable.
    pub(super) sleeping: usize,
    pub(super) closed: bool,
}

impl Tail {
    pub(super) fn new(regions: VecDeque<Region>, written: u64) -> Self {
        Self {
            regions,
            active: false,
            live: VecDeque::new(),
            live_bytes: 0,
            written,
            sleeping: 0,
            closed: false,
        }
    }

    pub(super) fn start(&self) -> u64 {
        self.regions
            .front()
            .map_or(self.written, |region| region.start)
    }

    /// Starts a new segment; it is the one being written from now on.
    pub(super) fn begin_segment(&mut self, base: u64, salt: u64, header_bytes: u64) {
        let kind = RegionKind::Segment {
            salt: Some(salt),
            bytes: header_bytes,
        };
        self.regions.push_back(Region {
            start: base,
            end: base,
            kind,
        });
        self.active = true;
    }

    /// The positions up to `end` are lost.
    pub(super) fn skip_to(&mut self, end: u64) {
        let start = std::mem::replace(&mut self.written, end);
        self.regions.push_back(Region {
            start,
            end,
            kind: RegionKind::Gone,
        });
    }

    /// Makes valid frames visible that were just written to the last segment.
    pub(super) fn publish(&mut self, start: u64, bytes: Bytes) {
        let end = start + bytes.len() as u64;
        let region = self
            .regions
            .back_mut()
            .expect("a segment was begun before the write");
        region.end = end;
        if let RegionKind::Segment { bytes: length, .. } = &mut region.kind {
            *length += bytes.len() as u64;
        }
        self.written = end;
        self.live_bytes += bytes.len() + LIVE_ENTRY;
        self.live.push_back((start, bytes));
        while self.live_bytes > LIVE_BYTES && self.live.len() > 1 {
            let Some((_, old)) = self.live.pop_front() else {
                break;
            };
            self.live_bytes -= old.len() + LIVE_ENTRY;
        }
    }

    /// Removes the regions that end at or before `position`; returns the bases and
    /// lengths of their files. The region being written stays.
    pub(super) fn retire(&mut self, position: u64) -> Vec<(u64, u64)> {
        let mut files = Vec::new();
        while let Some(region) = self.regions.front() {
            let last = self.regions.len() == 1 && self.active;
            if region.end > position || last {
                break;
            }
            if let RegionKind::Segment { bytes, .. } = region.kind {
                files.push((region.start, bytes));
            }
            self.regions.pop_front();
        }
        files
    }

    pub(super) fn find(&self, position: u64) -> Found {
        if position < self.start() {
            return Found::Before(self.start());
        }
        if let Some(chunk) = self.live_at(position) {
            return Found::Live(chunk);
        }
        let at = self
            .regions
            .partition_point(|region| region.end <= position);
        let Some(region) = self.regions.get(at) else {
            return Found::Nothing;
        };
        let from = position.max(region.start);
        match self.live_at(from) {
            Some(chunk) => Found::Live(chunk),
            None => Found::OnDisk(*region, from),
        }
    }

    #[cfg(test)]
    pub(super) fn live_bytes(&self) -> usize {
        self.live_bytes
    }

    fn live_at(&self, position: u64) -> Option<Chunk> {
        let at = self
            .live
            .partition_point(|(start, bytes)| start + bytes.len() as u64 <= position);
        let (start, bytes) = self.live.get(at)?;
        let mut from = *start;
        while from < position {
            from += frame::size_at(&bytes[(from - start) as usize..]) as u64;
        }
        // Not the start of a record: the checks of the file will report it.
        (from == position).then(|| Chunk::live(from, bytes.slice((from - start) as usize..)))
    }
}
