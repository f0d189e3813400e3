//! The handle of an open store: open, append, checkpoint, totals.

use std::path::Path;
use std::sync::Arc;

use weir_disk::{Disk, RealDisk};
use weir_model::{Catalog, Position, ReadingCounts, RowBatch, Timestamp};

use crate::error::{BoxError, OpenError, StoreError};
use crate::file::manifest::FileEntry;
use crate::open;
use crate::read::view::SeriesReader;
use crate::retention::Rules;
use crate::state::StoreState;
use crate::stats::{Applied, Checkpoint, CheckpointStats, StoreStats};

/// The embedded series store. Cheap to clone; clones are the same store.
#[derive(Clone, Debug)]
pub struct SeriesStore {
    state: Arc<StoreState>,
}

/// What [`SeriesStore::open`] does by default, and tests do differently.
#[derive(Clone, Debug)]
pub struct Options {
    pub disk: Arc<dyn Disk>,
    /// A file with at least so many rows is rolled up when it is merged.
    pub rollup_min_rows: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            disk: Arc::new(RealDisk),
            rollup_min_rows: 20_000,
        }
    }
}

impl SeriesStore {
    /// Opens the store in `dir` and creates the folder if it does not exist. The
    /// engine is restored from the checkpoint; it is `None` for a new store.
    pub fn open(
        dir: &Path,
        config: &weir_config::EmbeddedStore,
    ) -> Result<(Self, Option<Checkpoint>), OpenError> {
        Self::open_with(dir, config, Options::default())
    }

    /// As [`Self::open`], with other options.
    pub fn open_with(
        dir: &Path,
        config: &weir_config::EmbeddedStore,
        options: Options,
    ) -> Result<(Self, Option<Checkpoint>), OpenError> {
        let (state, checkpoint) = open::open(dir, config, options.disk, options.rollup_min_rows)?;
        let state = Arc::new(state);
        Ok((Self { state }, checkpoint))
    }

    /// Sets the names that the indexes in batches refer to. Must be called once,
    /// before the first [`Self::append`]; a second call changes nothing.
    pub fn attach(&self, catalog: Arc<Catalog>) {
        let _ = self.state.catalog.set(catalog);
    }

    /// Adds the readings of a batch to memory; views taken from now on contain
    /// them. `now` is the clock's time, for the retention. Called by one thread.
    ///
    /// # Panics
    ///
    /// When no catalog is attached.
    pub fn append(&self, batch: &RowBatch, now: Timestamp) -> Applied {
        self.state.append(batch, now)
    }

    /// Readings in memory.
    pub fn buffered(&self) -> usize {
        self.state.contents.lock().memory.readings
    }

    /// Makes all appended readings durable, together with `snapshot` and the
    /// journal `position` to which both belong. `before_commit` is called when
    /// the files are durable and the manifest is not: it waits until everything
    /// before `position` is durable elsewhere.
    ///
    /// # Errors
    ///
    /// Nothing has changed then, and the checkpoint can be repeated.
    pub fn checkpoint(
        &self,
        position: Position,
        snapshot: &[u8],
        counts: &ReadingCounts,
        before_commit: &mut dyn FnMut() -> Result<(), BoxError>,
    ) -> Result<CheckpointStats, StoreError> {
        self.state
            .checkpoint(position, snapshot, counts, before_commit)
    }

    /// Sets the retention rules. A shorter retention takes effect file by file,
    /// with the checkpoints.
    pub fn keep(&self, rules: &[weir_config::Retention]) {
        let new = Rules::new(rules);
        if **self.state.rules.read() != new {
            *self.state.rules.write() = Arc::new(new);
            self.state.contents.lock().trimmed.clear();
        }
    }

    /// Read access for queries.
    pub fn reader(&self) -> SeriesReader {
        SeriesReader::new(self.state.clone())
    }

    pub fn stats(&self) -> StoreStats {
        let contents = self.state.contents.lock();
        let entries = || {
            contents
                .segments
                .iter()
                .filter(|s| !s.is_damaged())
                .map(|segment| &segment.entry)
        };
        StoreStats {
            files: entries().count() as u64,
            bytes: entries().map(|entry| entry.bytes).sum(),
            rows: entries().map(|entry| entry.rows).sum(),
            readings: entries().map(FileEntry::total_readings).sum(),
            rollup_files: contents.rollups.len() as u64,
            rollup_bytes: contents
                .rollups
                .iter()
                .map(|rollup| rollup.segment.entry.bytes)
                .sum(),
            buffered: contents.memory.readings as u64,
            damaged_files: contents.damaged_files,
            damaged_readings: contents.damaged_readings,
            removed_readings: contents.removed_readings,
            fell_back: contents.fell_back,
            last_checkpoint: contents.last_checkpoint.clone(),
        }
    }
}
