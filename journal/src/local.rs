//! The journal in files: segments, one writer thread, any number of readers.
//!
//! `local/segment.rs` draws the files, `frame.rs` a record in them. Appends go
//! to `local/write_buffer.rs`, `local/writer.rs` makes them durable,
//! `local/tail.rs` indexes what is written and `local/reader.rs` reads it.
//! `local/recovery.rs` opens a folder after a crash, and `local/files.rs` reads
//! a folder that another process may use.

mod files;
mod positions;
mod reader;
mod recovery;
mod scan;
mod segment;
mod shared;
mod tail;
mod write_buffer;
mod writer;

use std::collections::BTreeSet;
use std::fmt;
use std::future::Future;
use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use thiserror::Error;
use tracing::{info, warn};
use weir_config::JournalSection;
use weir_disk::{Disk, RealDisk};
use weir_model::{Message, Position};

use crate::journal::{
    AppendError, Appended, Appender, CommitListener, JournalFailed, JournalReader, JournalStatus,
    Log, ReadError, ReportStatus,
};
pub use files::JournalFiles;
use positions::Positions;
use reader::LocalReader;
use tail::Tail;
use write_buffer::{Room, WriteBuffer};
use writer::Writer;

/// The first pause after a write that failed; it doubles up to 2 s.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// Damaged positions kept in memory, so that each is counted once.
const MAX_DAMAGE: usize = 10_000;

/// Why a journal could not be opened.
#[derive(Debug, Error)]
pub enum OpenError {
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        action: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    #[error("{} has format version {version}, which this version does not read", path.display())]
    Version { path: PathBuf, version: u32 },
}

impl OpenError {
    fn io(action: &'static str, path: &Path, source: io::Error) -> Self {
        Self::Io {
            action,
            path: path.to_owned(),
            source,
        }
    }
}

/// A journal in a folder. Dropping it commits pending appends, as
/// [`Self::close`] does.
pub struct LocalJournal {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Clone, Copy, Debug)]
struct Limits {
    max_size: u64,
    max_pending: u64,
    segment_size: u64,
}

/// Locks are taken alone, or in this order: positions_file, positions, buffer,
/// tail.
struct Shared {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    limits: Limits,
    buffer: Mutex<WriteBuffer>,
    wake_writer: Condvar,
    space_freed: Condvar,
    commit_changed: Condvar,
    committed: AtomicU64,
    counters: Counters,
    tail: Mutex<Tail>,
    tail_grew: Condvar,
    positions: Mutex<Positions>,
    /// Held while the folder's names change until they are synced.
    positions_file: Mutex<()>,
    damage: Mutex<DamageLog>,
    torn_bytes: u64,
}

/// Since the start of the process. Counted before any listener is notified.
#[derive(Debug, Default)]
struct Counters {
    committed_messages: AtomicU64,
    commits: AtomicU64,
    sync_ns: AtomicU64,
}

#[derive(Debug, Default)]
struct DamageLog {
    seen: BTreeSet<u64>,
    count: u64,
}

impl LocalJournal {
    /// Opens the journal in `dir` and creates the folder when it is missing. The
    /// positions of consumers that are not named are dropped; a new consumer
    /// starts at the oldest record. Nothing that a named one needs is removed.
    pub fn open(
        dir: &Path,
        config: &JournalSection,
        consumers: &[&str],
    ) -> Result<Self, OpenError> {
        Self::open_on(Arc::new(RealDisk), dir, config, consumers)
    }

    /// Refuses a folder that a newer version has written to. Changes nothing: for
    /// callers that write elsewhere before they open the journal.
    pub fn check_version(dir: &Path) -> Result<(), OpenError> {
        recovery::check_version(&RealDisk, dir)
    }

    /// As [`Self::open`], on any disk.
    pub fn open_on(
        disk: Arc<dyn Disk>,
        dir: &Path,
        config: &JournalSection,
        consumers: &[&str],
    ) -> Result<Self, OpenError> {
        Self::open_with(disk, dir, config, consumers, FIRST_PAUSE)
    }

    fn open_with(
        disk: Arc<dyn Disk>,
        dir: &Path,
        config: &JournalSection,
        consumers: &[&str],
        pause: Duration,
    ) -> Result<Self, OpenError> {
        let create = || {
            disk.create_dir_all(dir)?;
            disk.sync_dir(dir.parent().unwrap_or(Path::new("")))
        };
        create().map_err(|e| OpenError::io("create", dir, e))?;
        let stored = Positions::load(&*disk, dir).map_err(|e| OpenError::io("read", dir, e))?;
        let oldest = stored.oldest_of(consumers);
        let recovered = recovery::recover(&*disk, dir, stored.high_water(), oldest)?;
        let tail = Tail::new(recovered.regions, recovered.previous_end);
        let positions = stored.recovered(consumers, tail.start(), recovered.previous_end);
        info!(
            dir = %dir.display(),
            start = tail.start(),
            end = recovered.previous_end,
            torn_bytes = recovered.torn_bytes,
            "journal opened"
        );
        let shared = Arc::new(Shared {
            disk,
            dir: dir.to_owned(),
            limits: Limits {
                max_size: config.max_size,
                max_pending: config.max_pending,
                // A quarter, so that removing one segment makes room.
                segment_size: config.segment_size.min(config.max_size / 4),
            },
            buffer: Mutex::new(WriteBuffer {
                end: recovered.end,
                used: recovered.used,
                ..WriteBuffer::default()
            }),
            wake_writer: Condvar::new(),
            space_freed: Condvar::new(),
            commit_changed: Condvar::new(),
            committed: AtomicU64::new(recovered.previous_end),
            counters: Counters::default(),
            tail: Mutex::new(tail),
            tail_grew: Condvar::new(),
            positions: Mutex::new(positions),
            positions_file: Mutex::new(()),
            damage: Mutex::new(DamageLog::default()),
            torn_bytes: recovered.torn_bytes,
        });
        for position in recovered.damaged {
            shared.note_damage(position);
        }
        let writer = Writer {
            shared: Arc::clone(&shared),
            segment: None,
            cuts: recovered.cuts,
            pause,
        };
        let thread = std::thread::Builder::new()
            .name("journal".to_owned())
            .spawn(move || writer.run())
            .map_err(|e| OpenError::io("start a thread for", dir, e))?;
        Ok(Self {
            shared,
            thread: Mutex::new(Some(thread)),
        })
    }

    /// Everything before it is committed.
    pub fn committed(&self) -> Position {
        Position(self.shared.committed())
    }

    /// The oldest position that can still be read.
    pub fn start(&self) -> Position {
        self.shared.start()
    }

    pub fn status(&self) -> JournalStatus {
        self.shared.status()
    }

    /// Commits pending appends and stops. Later appends fail; readers get the
    /// remaining records, then [`ReadError::Closed`]. When the disk refuses the
    /// pending appends, their listeners are notified of the failure.
    pub fn close(&self) {
        let Some(thread) = self.thread.lock().take() else {
            return;
        };
        let mut buffer = self.shared.buffer.lock();
        buffer.closing = true;
        let failed = buffer.failed.is_some();
        drop(buffer);
        self.shared.wake_writer.notify_one();
        self.shared.space_freed.notify_one();
        if thread.join().is_err() {
            warn!("the journal's thread panicked");
        }
        self.shared.closed();
        // So that damage at the end is recognised as damage, not as a torn write.
        if !failed && let Err(error) = self.shared.store_positions(|_| {}) {
            warn!(%error, "cannot store the consumers' positions");
        }
    }
}

impl Drop for LocalJournal {
    fn drop(&mut self) {
        self.close();
    }
}

impl fmt::Debug for LocalJournal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalJournal")
            .field("dir", &self.shared.dir)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("dir", &self.dir)
            .finish_non_exhaustive()
    }
}

impl ReportStatus for LocalJournal {
    fn status(&self) -> JournalStatus {
        self.shared.status()
    }
}

impl Appender for LocalJournal {
    fn append(
        &self,
        messages: &[Message<'_>],
        listener: Option<&Arc<dyn CommitListener>>,
    ) -> Result<Appended, AppendError> {
        self.shared.append(messages, listener)
    }

    fn room(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(Room {
            shared: &self.shared,
        })
    }
}

impl Log for LocalJournal {
    fn reader(&self, from: Position) -> Result<Box<dyn JournalReader>, ReadError> {
        let reader = LocalReader::new(Arc::clone(&self.shared), from.0)?;
        Ok(Box::new(reader))
    }

    fn start(&self) -> Position {
        self.shared.start()
    }

    fn end(&self) -> Position {
        Position(self.shared.tail.lock().written)
    }

    fn wait_committed(&self, position: Position) -> Result<(), JournalFailed> {
        self.shared.wait_committed(position.0)
    }

    fn consumer(&self, name: &str) -> Option<Position> {
        let positions = self.shared.positions.lock();
        positions.consumers.get(name).copied().map(Position)
    }

    fn trim(&self, consumer: &str, position: Position) -> Result<(), io::Error> {
        self.shared.trim(consumer, position.0)
    }
}

#[cfg(test)]
mod tests;
