//! Read-only access to a journal's folder: nothing is created, truncated or
//! removed, and there are no consumers. It works beside a running Weir: all files
//! are opened at once, so segments that are removed meanwhile can still be read,
//! and records that are appended meanwhile are not seen.

use std::collections::VecDeque;
use std::io;
use std::path::Path;
use std::sync::Arc;

use weir_disk::{Disk, DiskFile, ReadOnlyDisk};
use weir_model::Position;

use super::OpenError;
use super::positions::Positions;
use super::recovery;
use super::scan;
use super::segment;
use super::tail::{Region, RegionKind};
use crate::journal::ReadError;
use crate::record::Chunk;

/// How often the folder is listed again because a file was removed meanwhile.
const LOOKS: usize = 8;

/// What a journal's folder held when it was opened.
#[derive(Clone, Debug)]
pub struct JournalFiles {
    parts: VecDeque<Part>,
    /// Where the next chunk begins.
    position: u64,
}

#[derive(Clone, Debug)]
struct Part {
    region: Region,
    /// `None` when it is lost.
    file: Option<Arc<dyn DiskFile>>,
}

impl JournalFiles {
    /// Opens the files of an existing folder.
    pub fn open(dir: &Path) -> Result<Self, OpenError> {
        Self::open_on(&ReadOnlyDisk, dir)
    }

    fn open_on(disk: &dyn Disk, dir: &Path) -> Result<Self, OpenError> {
        let mut looks = 1;
        loop {
            match Self::look(disk, dir) {
                // A segment was removed between listing and opening it.
                Err(OpenError::Io { source, .. })
                    if source.kind() == io::ErrorKind::NotFound && looks < LOOKS =>
                {
                    looks += 1;
                }
                outcome => return outcome,
            }
        }
    }

    fn look(disk: &dyn Disk, dir: &Path) -> Result<Self, OpenError> {
        let stored = Positions::load(disk, dir).map_err(|e| OpenError::io("read", dir, e))?;
        let recovered = recovery::recover(disk, dir, stored.high_water(), None)?;
        let open = |region: Region| -> Result<Part, OpenError> {
            let file = match region.kind {
                RegionKind::Gone => None,
                RegionKind::Segment { .. } => {
                    let path = segment::path(dir, region.start);
                    let file = disk.open(&path);
                    Some(file.map_err(|e| OpenError::io("open", &path, e))?.into())
                }
            };
            Ok(Part { region, file })
        };
        let parts: VecDeque<Part> = recovered
            .regions
            .into_iter()
            .map(open)
            .collect::<Result<_, _>>()?;
        let position = parts
            .front()
            .map_or(recovered.previous_end, |part| part.region.start);
        Ok(Self { parts, position })
    }

    /// Where the next chunk begins. At first the oldest position in the folder,
    /// which is 0 until segments are removed.
    pub fn position(&self) -> Position {
        Position(self.position)
    }

    /// Bytes of records that remain to be read.
    pub fn bytes_left(&self) -> u64 {
        let left = |part: &Part| part.region.end - part.region.start.max(self.position);
        self.parts.iter().map(left).sum()
    }

    /// The next records, in order; `None` behind the last.
    pub fn next_chunk(&mut self) -> Result<Option<Chunk>, ReadError> {
        let Some(Part { region, file }) = self.parts.front() else {
            return Ok(None);
        };
        let from = region.start.max(self.position);
        let chunk = match file {
            Some(file) => scan::chunk(region, &**file, from).map_err(|source| ReadError::Io {
                position: Position(from),
                source,
            })?,
            None => scan::gone(from, region.end),
        };
        self.position = chunk.end().0;
        if self.position >= region.end {
            self.parts.pop_front();
        }
        Ok(Some(chunk))
    }
}
