//! The embedded store: rows in memory and in Parquet files, one manifest that
//! says what is durable, SQL over both.
//!
//! One thread appends and checkpoints; any number of queries run beside it, each
//! over the moment at which it began. What was appended is durable only once a
//! checkpoint has committed it: until then the journal has it too.

mod buffer;
mod checkpoint;
mod compaction;
pub(crate) mod device_rows;
mod encode;
mod expiry;
pub(crate) mod filter;
pub(crate) mod gather;
pub(crate) mod inspect;
mod key_index;
mod late;
pub(crate) mod layout;
mod lru;
pub(crate) mod manifest;
mod memory;
mod merge;
mod open;
mod prune;
pub(crate) mod reader;
mod retention;
mod rewrite;
pub(crate) mod rollup;
pub(crate) mod segment;

use std::collections::HashMap;
use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use parking_lot::{Mutex, RwLock};
use thiserror::Error;
use weir_disk::{Disk, RealDisk};
use weir_model::{Catalog, Position, ReadingCounts, RowBatch, Timestamp, ValueKind};

use crate::sql::Sql;
pub use manifest::ManifestError;

use buffer::Values;
use device_rows::DeviceRows;
use filter::Filter;
use gather::FrozenBuffer;
use key_index::KeyIndex;
use late::{Late, Patches};
use layout::Layout;
use memory::Memory;
use reader::Footers;
use retention::Rules;
use rollup::{Rollup, Step};
use segment::{Segment, SegmentError};

/// An error of the caller's.
pub type BoxError = Box<dyn Error + Send + Sync>;

/// What became durable with the last checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The journal is to be replayed from here.
    pub position: Position,
    /// What the caller handed to [`EmbeddedStore::checkpoint`].
    pub snapshot: Vec<u8>,
    pub counts: ReadingCounts,
}

/// What became of the readings of a batch; they add up to the batch's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    pub stored: u64,
    /// They were there already. Of these, `conflicts` had another value, and
    /// the last one has won.
    pub deduplicated: u64,
    pub conflicts: u64,
    /// Older than the retention.
    pub expired: u64,
}

/// What a checkpoint did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CheckpointStats {
    /// Rows that went from memory to files.
    pub rows: u64,
    pub files_written: u64,
    pub bytes_written: u64,
    /// Files that were merged into fewer.
    pub files_merged: u64,
    /// Files that retention has dropped.
    pub files_expired: u64,
    pub duration: Duration,
}

/// How the store stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoreStats {
    pub files: u64,
    pub bytes: u64,
    /// Rows and readings in files.
    pub rows: u64,
    pub readings: u64,
    /// Files of roll-ups, and their bytes; neither is part of the above.
    pub rollup_files: u64,
    pub rollup_bytes: u64,
    /// Readings in memory.
    pub buffered: u64,
    /// Files that were set aside since the folder was made, and the readings
    /// that were in them.
    pub damaged_files: u64,
    pub damaged_readings: u64,
    /// Readings that retention has removed from the files.
    pub removed_readings: u64,
    /// The newest manifest was damaged at open, and the one before it was used:
    /// what was stored between the two may be lost.
    pub fell_back: bool,
    pub last_checkpoint: Option<CheckpointStats>,
}

/// Why a store could not be opened.
#[derive(Debug, Error)]
pub enum OpenError {
    #[error("cannot use the store's folder {path}: {source}")]
    Io { path: PathBuf, source: io::Error },
    #[error("no manifest of the store can be used; the newest, {path}: {source}")]
    Manifest {
        path: PathBuf,
        source: ManifestError,
    },
}

/// Why a checkpoint did not commit. Nothing has changed; it can be tried again.
#[derive(Debug, Error)]
pub enum StoreError {
    #[error("cannot write {path}: {source}")]
    Io { path: PathBuf, source: io::Error },
    #[error("cannot make or read a file: {0}")]
    Segment(#[source] BoxError),
    #[error("cannot encode the manifest: {0}")]
    Encode(#[source] postcard::Error),
    #[error("what the store waits for has failed: {0}")]
    BeforeCommit(#[source] BoxError),
}

impl StoreError {
    fn io(path: &Path, source: io::Error) -> Self {
        Self::Io {
            path: path.to_owned(),
            source,
        }
    }
}

impl From<SegmentError> for StoreError {
    fn from(error: SegmentError) -> Self {
        Self::Segment(error.into())
    }
}

/// The embedded time-series store. Cheap to clone; clones are the same store.
#[derive(Clone, Debug)]
pub struct EmbeddedStore {
    shared: Arc<Shared>,
    sql: Sql,
}

/// What the store's handles and its queries share.
#[derive(Debug)]
pub(crate) struct Shared {
    dir: PathBuf,
    disk: Arc<dyn Disk>,
    /// Where no rule says otherwise.
    retention_ns: i64,
    rules: RwLock<Arc<Rules>>,
    /// Of roll-up files, by step; `None` for steps that have none.
    rollup_retention_ns: [(Step, Option<i64>); 2],
    catalog: OnceLock<Arc<Catalog>>,
    pub(crate) footers: Arc<Footers>,
    pub(crate) device_rows: DeviceRows,
    /// Held by the one that appends or checkpoints.
    writer: Mutex<()>,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    memory: Memory,
    segments: Arc<Vec<Arc<Segment>>>,
    rollups: Arc<Vec<Rollup>>,
    kinds: Vec<Layout>,
    keys: KeyIndex,
    patches: Patches,
    /// Files that only the manifest before the last names.
    previous: Vec<Arc<Segment>>,
    /// Files that a failed commit may have named.
    limbo: Vec<Arc<Segment>>,
    sequence: u64,
    /// The sequence of the last manifest that is durable.
    durable: u64,
    next_file: u64,
    /// Readings before this instant are expired.
    horizon: i64,
    now: Option<Timestamp>,
    removed_readings: u64,
    damaged_files: u64,
    damaged_readings: u64,
    fell_back: bool,
    last_checkpoint: Option<CheckpointStats>,
    /// Files that hold nothing whose retention of so many nanoseconds is over.
    trimmed: HashMap<u64, i64>,
}

/// The store at one moment, for a query.
#[derive(Clone, Debug)]
pub(crate) struct Moment {
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) segments: Arc<Vec<Arc<Segment>>>,
    pub(crate) rollups: Arc<Vec<Rollup>>,
    pub(crate) buffers: Vec<FrozenBuffer>,
}

impl Moment {
    /// Whether a text can match a filter; its devices are not looked at.
    pub(crate) fn has_texts(&self, filter: &Filter) -> bool {
        let in_files = self.segments.iter().any(|segment| {
            let entry = &segment.entry;
            !segment.is_damaged()
                && filter.overlaps(entry.min_time, entry.max_time)
                && reader::matching_values(segment, filter)
                    .into_iter()
                    .any(|value| segment.layout.kind(value) == ValueKind::Text)
        });
        let mut chunks = self.buffers.iter().flat_map(|buffer| &buffer.chunks);
        in_files
            || chunks.any(|chunk| {
                let texts =
                    |values: &Values| matches!(values, Values::Texts { filled, .. } if *filled > 0);
                chunk.values.iter().any(texts)
            })
    }
}

impl EmbeddedStore {
    /// Opens the store in `dir`, which is made if it is not there. The
    /// checkpoint is what the engine is to be restored from; `None` for a new
    /// store.
    pub fn open(
        dir: &Path,
        config: &weir_config::EmbeddedStore,
    ) -> Result<(Self, Option<Checkpoint>), OpenError> {
        Self::open_on(Arc::new(RealDisk), dir, config)
    }

    /// As [`Self::open`], on another disk.
    pub fn open_on(
        disk: Arc<dyn Disk>,
        dir: &Path,
        config: &weir_config::EmbeddedStore,
    ) -> Result<(Self, Option<Checkpoint>), OpenError> {
        let (shared, checkpoint) = open::open(disk, dir, config)?;
        let shared = Arc::new(shared);
        let sql = Sql::new(shared.clone());
        Ok((Self { shared, sql }, checkpoint))
    }

    /// Hands over the names that the indexes in batches stand for. To be called
    /// once, before the first [`Self::append`]; a second call changes nothing.
    pub fn attach(&self, catalog: Arc<Catalog>) {
        let _ = self.shared.catalog.set(catalog);
    }

    /// Takes the readings of a batch into memory; SQL sees them at once. `now` is
    /// the clock's time, for the retention. Called by one thread.
    ///
    /// # Panics
    ///
    /// When no catalog is attached.
    pub fn append(&self, batch: &RowBatch, now: Timestamp) -> Applied {
        self.shared.append(batch, now)
    }

    /// Readings in memory.
    pub fn buffered(&self) -> usize {
        self.shared.inner.lock().memory.readings
    }

    /// Makes everything that was appended durable, with `snapshot` and the
    /// journal `position` that both belong to. `before_commit` is called when
    /// the files are durable and the manifest is not: it waits until everything
    /// before `position` is durable elsewhere.
    ///
    /// # Errors
    ///
    /// Then nothing has changed, and it can be called again.
    pub fn checkpoint(
        &self,
        position: Position,
        snapshot: &[u8],
        counts: &ReadingCounts,
        before_commit: &mut dyn FnMut() -> Result<(), BoxError>,
    ) -> Result<CheckpointStats, StoreError> {
        self.shared
            .checkpoint(position, snapshot, counts, before_commit)
    }

    /// How long some readings are kept, from now on. What is shorter than before
    /// comes into force file by file, with the checkpoints.
    pub fn keep(&self, rules: &[weir_config::Retention]) {
        let new = Rules::new(rules);
        if **self.shared.rules.read() != new {
            *self.shared.rules.write() = Arc::new(new);
            self.shared.inner.lock().trimmed.clear();
        }
    }

    /// Read-only SQL over the readings, and over the tables registered there.
    pub fn sql(&self) -> Sql {
        self.sql.clone()
    }

    pub fn stats(&self) -> StoreStats {
        let inner = self.shared.inner.lock();
        let entries = || {
            inner
                .segments
                .iter()
                .filter(|s| !s.is_damaged())
                .map(|segment| &segment.entry)
        };
        StoreStats {
            files: entries().count() as u64,
            bytes: entries().map(|entry| entry.bytes).sum(),
            rows: entries().map(|entry| entry.rows).sum(),
            readings: entries().map(manifest::FileEntry::total_readings).sum(),
            rollup_files: inner.rollups.len() as u64,
            rollup_bytes: inner
                .rollups
                .iter()
                .map(|rollup| rollup.segment.entry.bytes)
                .sum(),
            buffered: inner.memory.readings as u64,
            damaged_files: inner.damaged_files,
            damaged_readings: inner.damaged_readings,
            removed_readings: inner.removed_readings,
            fell_back: inner.fell_back,
            last_checkpoint: inner.last_checkpoint.clone(),
        }
    }
}

impl Shared {
    fn catalog(&self) -> &Arc<Catalog> {
        self.catalog
            .get()
            .expect("a catalog is attached before the first append")
    }

    fn append(self: &Arc<Self>, batch: &RowBatch, now: Timestamp) -> Applied {
        let _writer = self.writer.lock();
        let catalog = self.catalog().clone();
        let longest = self.rules.read().longest(self.retention_ns);
        let mut inner = self.inner.lock();
        let inner = &mut *inner;
        inner.see_time(now, self.retention_ns);
        let horizon = self.horizon_of(inner.horizon, longest);
        let mut applied = Applied::default();
        for row in &batch.rows {
            if row.time.0 < horizon {
                applied.expired += u64::from(row.cell_count);
            } else if memory::is_late(row) {
                let outcome = inner.append_late(row, batch, &catalog);
                applied.stored += outcome.stored;
                applied.deduplicated += outcome.deduplicated;
                applied.conflicts += outcome.conflicts;
            } else {
                inner.memory.append(row, batch, &catalog);
                applied.stored += u64::from(row.cell_count);
            }
        }
        applied
    }

    /// Readings that are kept for so long are expired before this instant, if those
    /// without a rule are before `horizon`.
    fn horizon_of(&self, horizon: i64, keep: i64) -> i64 {
        horizon
            .saturating_add(self.retention_ns)
            .saturating_sub(keep)
    }

    /// What a query sees.
    pub(crate) fn moment(&self) -> Moment {
        let catalog = self.catalog.get().cloned().unwrap_or_default();
        let inner = self.inner.lock();
        let filled = inner
            .memory
            .buffers
            .iter()
            .filter(|buffer| buffer.rows() > 0);
        let buffers = filled.map(FrozenBuffer::of).collect();
        Moment {
            catalog,
            segments: inner.segments.clone(),
            rollups: inner.rollups.clone(),
            buffers,
        }
    }

    /// Takes a damaged file out of service, and tells.
    pub(crate) fn set_aside(&self, segment: &Segment, error: &SegmentError) {
        self.inner.lock().set_aside(segment, error);
    }
}

impl Inner {
    /// The horizon follows the clock freely to the past, and to the future only
    /// by checkpoints.
    fn see_time(&mut self, now: Timestamp, retention_ns: i64) {
        let target = now.0.saturating_sub(retention_ns);
        if self.horizon == i64::MIN || target < self.horizon {
            self.horizon = target;
        }
        self.now = Some(now);
    }

    fn append_late(
        &mut self,
        row: &weir_model::Row,
        batch: &RowBatch,
        catalog: &Catalog,
    ) -> late::LateOutcome {
        let mut damaged = Vec::new();
        let segments = self.segments.clone();
        let mut late = Late {
            memory: &mut self.memory,
            segments: &segments,
            keys: &mut self.keys,
            patches: &mut self.patches,
            catalog,
            damaged: &mut |segment, error| damaged.push((segment.clone(), error.to_string())),
        };
        let outcome = late.append(row, batch);
        for (segment, error) in damaged {
            self.set_aside(&segment, &error);
        }
        outcome
    }

    fn set_aside(&mut self, segment: &Segment, error: &dyn std::fmt::Display) {
        if !segment.set_aside() {
            return;
        }
        self.damaged_files += 1;
        // What a roll-up sums up is counted where the readings are.
        let readings = match segment.layout {
            Layout::Rollup => 0,
            _ => segment.entry.total_readings(),
        };
        self.damaged_readings += readings;
        tracing::error!(
            path = %segment.path.display(),
            readings,
            %error,
            "a file of the store is damaged and was set aside"
        );
    }
}

#[cfg(test)]
pub(crate) mod tests;
