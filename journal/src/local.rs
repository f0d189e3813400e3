//! The journal in files: segments, one writer thread, any number of readers.
//!
//! `local/segment.rs` draws the files, `frame.rs` a record in them. Doors come
//! in through `local/intake.rs`, `local/writer.rs` makes it durable,
//! `local/tail.rs` knows what is written and `local/reader.rs` hands it out.
//! `local/recovery.rs` makes sense of a folder after a crash, and `local/files.rs`
//! reads one that may be another process's.

mod files;
mod intake;
mod positions;
mod reader;
mod recovery;
mod scan;
mod segment;
mod shared;
mod tail;
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
    AppendError, Appended, CommitListener, Journal, JournalFailed, JournalReader, JournalStatus,
    ReadError,
};
pub use files::JournalFiles;
use intake::{Intake, Room};
use positions::Positions;
use reader::LocalReader;
use tail::Tail;
use writer::Writer;

/// The first pause after a write that failed; it doubles up to 2 s.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// Damaged positions that are remembered, so that each is counted once.
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

/// A journal in a folder. Dropping it commits what is pending, as
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

/// Locks are taken alone, or in this order: positions_file, positions,
/// intake, tail.
struct Shared {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    limits: Limits,
    intake: Mutex<Intake>,
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

/// Since the start of the process. Counted before anyone is told.
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
    /// Opens the journal in `dir`, which is made when it is missing. Consumers
    /// that are not named lose their positions; a new one starts at the oldest
    /// record. Nothing that any of them still needs is let go.
    pub fn open(
        dir: &Path,
        config: &JournalSection,
        consumers: &[&str],
    ) -> Result<Self, OpenError> {
        Self::open_on(Arc::new(RealDisk), dir, config, consumers)
    }

    /// Refuses a folder that a newer version has written to; changes nothing. For
    /// whoever has to write elsewhere before the journal is opened.
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
        let known: Vec<_> = consumers
            .iter()
            .filter_map(|name| stored.consumers.get(*name))
            .collect();
        let all_known = !consumers.is_empty() && known.len() == consumers.len();
        let oldest = if all_known {
            known.into_iter().min().copied()
        } else {
            None
        };
        let recovered = recovery::recover(&*disk, dir, stored.high_water(), oldest)?;
        let tail = Tail::new(recovered.regions, recovered.previous_end);
        let start = tail.start();
        let position_of = |name: &&str| {
            let position = stored.consumers.get(*name).copied().unwrap_or(start);
            ((*name).to_owned(), position.max(start))
        };
        let positions = Positions {
            committed: recovered.previous_end,
            consumers: consumers.iter().map(position_of).collect(),
        };
        info!(
            dir = %dir.display(),
            start,
            end = recovered.previous_end,
            torn_bytes = recovered.torn_bytes,
            "the journal is open"
        );
        let shared = Arc::new(Shared {
            disk,
            dir: dir.to_owned(),
            limits: Limits {
                max_size: config.max_size,
                max_pending: config.max_pending,
                // A quarter, so that letting go of one segment makes room.
                segment_size: config.segment_size.min(config.max_size / 4),
            },
            intake: Mutex::new(Intake {
                end: recovered.end,
                used: recovered.used,
                ..Intake::default()
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

    /// Commits what is pending and stops. Appends fail from now on; readers get
    /// what is left, then [`ReadError::Closed`]. When the disk does not take
    /// what is pending, its listeners are told that it failed.
    pub fn close(&self) {
        let Some(thread) = self.thread.lock().take() else {
            return;
        };
        let mut intake = self.shared.intake.lock();
        intake.closing = true;
        let failed = intake.failed.is_some();
        drop(intake);
        self.shared.wake_writer.notify_one();
        self.shared.space_freed.notify_one();
        if thread.join().is_err() {
            warn!("the journal's thread has panicked");
        }
        self.shared.closed();
        // So that damage at the end is known for damage, not for a torn write.
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

impl Journal for LocalJournal {
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

    fn committed(&self) -> Position {
        Position(self.shared.committed())
    }

    fn wait_committed(&self, position: Position) -> Result<(), JournalFailed> {
        self.shared.wait_committed(position.0)
    }

    fn reader(&self, from: Position) -> Result<Box<dyn JournalReader>, ReadError> {
        Ok(Box::new(LocalReader::new(
            Arc::clone(&self.shared),
            from.0,
        )?))
    }

    fn start(&self) -> Position {
        Position(self.shared.tail.lock().start())
    }

    fn consumer(&self, name: &str) -> Option<Position> {
        self.shared
            .positions
            .lock()
            .consumers
            .get(name)
            .copied()
            .map(Position)
    }

    fn commit_consumer(&self, name: &str, position: Position) -> Result<(), io::Error> {
        self.shared.commit_consumer(name, position.0)
    }

    fn status(&self) -> JournalStatus {
        self.shared.status()
    }
}

#[cfg(test)]
mod tests;
