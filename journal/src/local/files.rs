//! The journal as it lies in its folder, for one who only looks: nothing is
//! made, cut or removed, and no consumer has a position. Also beside a running
//! Weir: the files are opened at once, so what it lets go of meanwhile is still
//! read, and what it appends meanwhile is not.

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

/// So often a folder is listed anew because a file went while it was read.
const LOOKS: usize = 8;

/// Everything that a journal's folder held when it was opened.
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
    /// Opens the files of a folder, which has to be there.
    pub fn open(dir: &Path) -> Result<Self, OpenError> {
        Self::open_on(&ReadOnlyDisk, dir)
    }

    fn open_on(disk: &dyn Disk, dir: &Path) -> Result<Self, OpenError> {
        let mut looks = 1;
        loop {
            match Self::look(disk, dir) {
                // All consumers passed it a moment ago.
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

    /// Where the next chunk begins. At first the oldest position that is there:
    /// 0 when nothing was let go of yet.
    pub fn position(&self) -> Position {
        Position(self.position)
    }

    /// Bytes of records that are left to be read.
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
