//! Opens a folder after any kind of end: clean, killed, power lost, files damaged.
//!
//! Only the headers and the last segment are read: the other segments were
//! complete before their successor was created, and readers check them later.
//! Nothing is changed here except that segments are removed which all consumers
//! have passed. A torn tail is truncated before the first new segment is created.

use std::collections::VecDeque;
use std::io;
use std::path::Path;

use tracing::{info, warn};
use weir_disk::Disk;

use super::OpenError;
use super::scan::Frames;
use super::segment::{self, HEADER, Header, ReadHeader};
use super::tail::{Region, RegionKind};

#[derive(Debug, Default)]
pub(super) struct Recovered {
    pub(super) regions: VecDeque<Region>,
    /// The next record's position: behind every byte that was ever written.
    pub(super) end: u64,
    /// Where the log ends. Bytes between it and `end` were never acknowledged.
    pub(super) previous_end: u64,
    /// Bytes to truncate from the last file.
    pub(super) torn_bytes: u64,
    pub(super) cuts: Vec<Cut>,
    /// Length of all files.
    pub(super) used: u64,
    /// Positions of damaged records that were found.
    pub(super) damaged: Vec<u64>,
}

/// A change to a file before the first new segment is created: truncate it, or
/// remove it when it holds no record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cut {
    pub(super) base: u64,
    /// `None`: remove it.
    pub(super) len: Option<u64>,
    pub(super) freed: u64,
}

struct Found {
    base: u64,
    header: Option<Header>,
    bytes: u64,
}

impl Found {
    /// Position behind the last byte of the file.
    fn file_end(&self) -> u64 {
        self.base
            .saturating_add(self.bytes.saturating_sub(HEADER as u64))
    }

    /// Weir died while it created this file: no frame was written to it.
    fn never_used(&self, high_water: u64) -> bool {
        self.header.is_none() && self.bytes <= HEADER as u64 && self.base >= high_water
    }
}

/// `high_water`: the log was committed up to there. `oldest`: no consumer needs
/// anything before it, if that is known.
pub(super) fn recover(
    disk: &dyn Disk,
    dir: &Path,
    high_water: u64,
    oldest: Option<u64>,
) -> Result<Recovered, OpenError> {
    let mut found = Vec::new();
    for base in segment::list(disk, dir).map_err(|e| OpenError::io("list", dir, e))? {
        found.push(read_header(disk, dir, base)?);
    }
    let mut recovered = Recovered {
        end: high_water,
        ..Recovered::default()
    };
    recovered.previous_end = high_water;
    while let Some(unused) = found.pop_if(|last| last.never_used(high_water)) {
        recovered.end = recovered.end.max(unused.base);
        recovered.used += unused.bytes;
        recovered.cuts.push(Cut {
            base: unused.base,
            len: None,
            freed: unused.bytes,
        });
    }
    for damaged in found.iter().filter(|segment| segment.header.is_none()) {
        let path = segment::path(dir, damaged.base);
        warn!(path = %path.display(), bytes = damaged.bytes, "the header of a segment is damaged");
    }
    let Some(last) = found.pop() else {
        recovered.lost(oldest.unwrap_or(high_water), high_water);
        return Ok(recovered);
    };
    let mut known_until = oldest;
    for (at, segment) in found.iter().enumerate() {
        let next = found.get(at + 1).unwrap_or(&last);
        let end = next.header.map_or(next.base, |header| header.previous_end);
        if oldest.is_some_and(|oldest| end <= oldest) {
            remove_passed(disk, dir, segment.base);
            continue;
        }
        recovered.lead_in(segment, &mut known_until);
        recovered.sealed(segment, end.min(next.base));
    }
    recovered.lead_in(&last, &mut known_until);
    recovered.last(disk, dir, &last, high_water)?;
    Ok(recovered)
}

impl Recovered {
    /// Positions that consumers need and that precede the first file are lost.
    fn lead_in(&mut self, first: &Found, known_until: &mut Option<u64>) {
        if let Some(oldest) = known_until.take() {
            self.lost(
                oldest,
                first
                    .header
                    .map_or(first.base, |header| header.previous_end),
            );
        }
    }

    /// A segment with a successor, whose header records where this one ended.
    fn sealed(&mut self, segment: &Found, end: u64) {
        self.used += segment.bytes;
        let readable = end.min(segment.file_end());
        if readable > segment.base {
            self.regions.push_back(region(segment, readable));
        }
        self.lost(readable.max(segment.base), end);
    }

    fn last(
        &mut self,
        disk: &dyn Disk,
        dir: &Path,
        last: &Found,
        high_water: u64,
    ) -> Result<(), OpenError> {
        let file_end = last.file_end();
        let good_end = match last.header {
            Some(header) => self.scan(disk, dir, last, header, high_water)?,
            None => file_end,
        };
        let end = good_end.max(high_water);
        let readable = end.min(file_end);
        self.used += last.bytes;
        if readable > last.base {
            sync(disk, &segment::path(dir, last.base))?;
            self.regions.push_back(region(last, readable));
            self.torn_bytes = file_end - readable;
            if self.torn_bytes > 0 {
                let len = Some(HEADER as u64 + readable - last.base);
                self.cuts.push(Cut {
                    base: last.base,
                    len,
                    freed: self.torn_bytes,
                });
            }
        } else {
            self.torn_bytes = file_end - last.base;
            self.cuts.push(Cut {
                base: last.base,
                len: None,
                freed: last.bytes,
            });
        }
        self.lost(readable, end);
        self.previous_end = match last.header {
            Some(header) if end == last.base => header.previous_end.max(high_water),
            _ => end,
        };
        self.end = self.end.max(end).max(file_end);
        if self.torn_bytes > 0 {
            info!(
                bytes = self.torn_bytes,
                position = readable,
                "truncating an interrupted write at the end of the journal"
            );
        }
        Ok(())
    }

    /// Where the last valid record ends. Damage behind it is a torn tail, unless
    /// it was committed.
    fn scan(
        &mut self,
        disk: &dyn Disk,
        dir: &Path,
        last: &Found,
        header: Header,
        high_water: u64,
    ) -> Result<u64, OpenError> {
        let path = segment::path(dir, last.base);
        let file = disk
            .open(&path)
            .map_err(|e| OpenError::io("open", &path, e))?;
        let end = last.file_end();
        let frames = Frames {
            file: &*file,
            base: last.base,
            end,
            salt: Some(header.salt),
        };
        let (mut position, mut good_end) = (last.base, last.base);
        let mut damaged = Vec::new();
        while position < end {
            let chunk = frames
                .chunk(position)
                .map_err(|e| OpenError::io("read", &path, e))?;
            position = chunk.end().0;
            good_end = chunk.good_end().unwrap_or(good_end);
            damaged.extend(chunk.damaged().iter().map(|damage| damage.start));
        }
        damaged.retain(|start| *start < good_end.max(high_water));
        self.damaged.extend(damaged);
        Ok(good_end)
    }

    fn lost(&mut self, start: u64, end: u64) {
        if start < end {
            warn!(
                start,
                end, "the journal has lost records: their file is missing or too short"
            );
            self.regions.push_back(Region {
                start,
                end,
                kind: RegionKind::Gone,
            });
        }
    }
}

fn region(segment: &Found, end: u64) -> Region {
    let salt = segment.header.map(|header| header.salt);
    let torn = segment.file_end().saturating_sub(end);
    let bytes = segment.bytes - torn;
    let kind = RegionKind::Segment { salt, bytes };
    Region {
        start: segment.base,
        end,
        kind,
    }
}

/// What a killed process wrote may be in the kernel's memory only. Readers get it
/// as committed, so it must be on the disk.
fn sync(disk: &dyn Disk, path: &Path) -> Result<(), OpenError> {
    let sync = || disk.open(path)?.sync_all();
    sync().map_err(|e| OpenError::io("sync", path, e))
}

/// Refuses a folder with a segment of an unsupported version. Changes nothing;
/// [`recover`] reports every other fault.
pub(super) fn check_version(disk: &dyn Disk, dir: &Path) -> Result<(), OpenError> {
    for base in segment::list(disk, dir).unwrap_or_default() {
        let path = segment::path(dir, base);
        let mut bytes = [0; HEADER];
        let read = disk
            .open(&path)
            .and_then(|file| file.read_at(0, &mut bytes));
        let Ok(read) = read else { continue };
        if let ReadHeader::Version(version) = Header::read(&bytes[..read], base) {
            return Err(OpenError::Version { path, version });
        }
    }
    Ok(())
}

fn read_header(disk: &dyn Disk, dir: &Path, base: u64) -> Result<Found, OpenError> {
    let path = segment::path(dir, base);
    let read = || -> io::Result<(u64, Vec<u8>)> {
        let file = disk.open(&path)?;
        let mut bytes = vec![0; HEADER];
        let read = file.read_at(0, &mut bytes)?;
        bytes.truncate(read);
        Ok((file.len()?, bytes))
    };
    let (bytes, start) = read().map_err(|e| OpenError::io("read", &path, e))?;
    let header = match Header::read(&start, base) {
        ReadHeader::Good(header) => Some(header),
        ReadHeader::Repaired(header) => {
            warn!(path = %path.display(), "one copy of a segment's header is damaged; using the other copy");
            Some(header)
        }
        ReadHeader::Broken => None,
        ReadHeader::Version(version) => return Err(OpenError::Version { path, version }),
    };
    Ok(Found {
        base,
        header,
        bytes,
    })
}

fn remove_passed(disk: &dyn Disk, dir: &Path, base: u64) {
    let path = segment::path(dir, base);
    if let Err(error) = disk.remove(&path) {
        warn!(path = %path.display(), %error, "cannot remove a segment that all consumers have passed");
    }
}
