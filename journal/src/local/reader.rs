//! A reader: from memory while it keeps up, else from the files.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use weir_disk::DiskFile;
use weir_model::Position;

use super::Shared;
use super::scan;
use super::segment;
use super::tail::{Found, Region, RegionKind};
use crate::journal::{JournalReader, ReadError};
use crate::record::Chunk;

/// Longer than any process runs, and still a time that the clock can name.
const FOREVER: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

#[derive(Debug)]
pub(super) struct LocalReader {
    shared: Arc<Shared>,
    position: u64,
    /// The segment file read last, by its base.
    file: Option<(u64, Box<dyn DiskFile>)>,
}

impl LocalReader {
    pub(super) fn new(shared: Arc<Shared>, from: u64) -> Result<Self, ReadError> {
        let tail = shared.tail.lock();
        let (start, end) = (tail.start(), tail.written);
        drop(tail);
        let position = Position(from);
        if from < start {
            return Err(ReadError::Gone {
                position,
                start: Position(start),
            });
        }
        if from > end {
            let reason = format!("the journal ends at {end}");
            let source = io::Error::new(io::ErrorKind::InvalidInput, reason);
            return Err(ReadError::Io { position, source });
        }
        Ok(Self {
            shared,
            position: from,
            file: None,
        })
    }

    /// Waits until something is written at or behind the position.
    fn find(&self, timeout: Duration) -> Result<Option<Found>, ReadError> {
        let mut deadline = None;
        let mut tail = self.shared.tail.lock();
        loop {
            match tail.find(self.position) {
                Found::Nothing if tail.closed => return Err(ReadError::Closed),
                Found::Nothing => {}
                found => return Ok(Some(found)),
            }
            let now = Instant::now;
            let deadline = *deadline
                .get_or_insert_with(|| now().checked_add(timeout).unwrap_or(now() + FOREVER));
            tail.sleeping += 1;
            let waited = self.shared.tail_grew.wait_until(&mut tail, deadline);
            tail.sleeping -= 1;
            if waited.timed_out() && matches!(tail.find(self.position), Found::Nothing) {
                return Ok(None);
            }
        }
    }

    fn read(&mut self, region: Region, from: u64) -> io::Result<Chunk> {
        if region.kind == RegionKind::Gone {
            return Ok(scan::gone(from, region.end));
        }
        let base = region.start;
        let file = match &mut self.file {
            Some((open, file)) if *open == base => file,
            other => {
                let path = segment::path(&self.shared.dir, base);
                &mut other.insert((base, self.shared.disk.open(&path)?)).1
            }
        };
        scan::chunk(&region, &**file, from)
    }
}

impl JournalReader for LocalReader {
    fn next(&mut self, timeout: Duration) -> Result<Option<Chunk>, ReadError> {
        let position = Position(self.position);
        let Some(found) = self.find(timeout)? else {
            return Ok(None);
        };
        let chunk = match found {
            Found::Live(chunk) => {
                self.file = None;
                chunk
            }
            Found::OnDisk(region, from) => match self.read(region, from) {
                Ok(chunk) => chunk,
                Err(source) => {
                    // Its segment may have been removed in the meantime.
                    let start = Position(self.shared.tail.lock().start());
                    return Err(if position < start {
                        ReadError::Gone { position, start }
                    } else {
                        ReadError::Io { position, source }
                    });
                }
            },
            Found::Before(start) => {
                return Err(ReadError::Gone {
                    position,
                    start: Position(start),
                });
            }
            Found::Nothing => return Ok(None),
        };
        for damage in chunk.damaged() {
            self.shared.note_damage(damage.start);
        }
        self.position = chunk.end().0;
        Ok(Some(chunk))
    }
}
