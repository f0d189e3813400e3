//! The state of an open store: rows in memory, the files of the last manifest, and
//! counters. Appends change it here, checkpoints in `upkeep/`, queries read it
//! through a view (`read/view.rs`).

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use parking_lot::{Mutex, RwLock};
use weir_disk::Disk;
use weir_model::{Catalog, RowBatch, Timestamp};

use crate::file::device_rows::DeviceRows;
use crate::file::key_index::KeyIndex;
use crate::file::layout::Layout;
use crate::file::patch::Patches;
use crate::file::reader::Footers;
use crate::file::segment::{Rollup, Segment, SegmentError};
use crate::memory::late::{self, Late};
use crate::memory::memtable::{self, MemTable};
use crate::retention::Rules;
use crate::rollup_step::RollupStep;
use crate::stats::{Applied, CheckpointStats};

/// The state of an open store.
#[derive(Debug)]
pub(crate) struct StoreState {
    pub(crate) dir: PathBuf,
    pub(crate) disk: Arc<dyn Disk>,
    /// Retention of readings without a rule.
    pub(crate) retention_ns: i64,
    pub(crate) rules: RwLock<Arc<Rules>>,
    /// Retention of roll-ups by step; `None` for a step that is not rolled up.
    pub(crate) rollup_retention_ns: [(RollupStep, Option<i64>); 2],
    /// A file with at least so many rows is rolled up when it is merged.
    pub(crate) rollup_min_rows: u64,
    pub(crate) catalog: OnceLock<Arc<Catalog>>,
    pub(crate) footers: Arc<Footers>,
    pub(crate) device_rows: DeviceRows,
    /// Held during an append or a checkpoint.
    pub(crate) writer: Mutex<()>,
    pub(crate) contents: Mutex<Contents>,
}

/// What appends and checkpoints change.
#[derive(Debug)]
pub(crate) struct Contents {
    pub(crate) memory: MemTable,
    pub(crate) segments: Arc<Vec<Arc<Segment>>>,
    pub(crate) rollups: Arc<Vec<Rollup>>,
    pub(crate) kinds: Vec<Layout>,
    pub(crate) keys: KeyIndex,
    pub(crate) patches: Patches,
    /// Files that only the previous manifest names.
    pub(crate) previous: Vec<Arc<Segment>>,
    /// Files that a commit may have named whose outcome is unknown.
    pub(crate) unconfirmed: Vec<Arc<Segment>>,
    pub(crate) sequence: u64,
    /// The sequence of the last manifest that is durable.
    pub(crate) durable: u64,
    pub(crate) next_file: u64,
    /// Readings before this instant are expired.
    pub(crate) horizon: i64,
    pub(crate) now: Option<Timestamp>,
    pub(crate) removed_readings: u64,
    pub(crate) damaged_files: u64,
    pub(crate) damaged_readings: u64,
    pub(crate) fell_back: bool,
    pub(crate) last_checkpoint: Option<CheckpointStats>,
    /// Files without readings whose retention of so many nanoseconds is over.
    pub(crate) trimmed: HashMap<u64, i64>,
}

impl StoreState {
    pub(crate) fn catalog(&self) -> &Arc<Catalog> {
        self.catalog
            .get()
            .expect("a catalog is attached before the first append")
    }

    pub(crate) fn rollup_retention(&self, step: RollupStep) -> Option<i64> {
        let all = self.rollup_retention_ns.iter();
        all.filter(|(other, _)| *other == step)
            .find_map(|(_, retention)| *retention)
    }

    pub(crate) fn append(self: &Arc<Self>, batch: &RowBatch, now: Timestamp) -> Applied {
        let _writer = self.writer.lock();
        let catalog = self.catalog().clone();
        let longest = self.rules.read().longest(self.retention_ns);
        let mut contents = self.contents.lock();
        let contents = &mut *contents;
        contents.see_time(now, self.retention_ns);
        let horizon = self.horizon_of(contents.horizon, longest);
        let mut applied = Applied::default();
        for row in &batch.rows {
            if row.time.0 < horizon {
                applied.expired += u64::from(row.cell_count);
            } else if memtable::is_late(row) {
                let outcome = contents.append_late(row, batch, &catalog);
                applied.stored += outcome.stored;
                applied.deduplicated += outcome.deduplicated;
                applied.conflicts += outcome.conflicts;
            } else {
                contents.memory.append(row, batch, &catalog);
                applied.stored += u64::from(row.cell_count);
            }
        }
        applied
    }

    /// The horizon of readings that are kept for `keep` nanoseconds; `horizon` is
    /// that of readings without a rule.
    pub(crate) fn horizon_of(&self, horizon: i64, keep: i64) -> i64 {
        horizon
            .saturating_add(self.retention_ns)
            .saturating_sub(keep)
    }

    /// Takes a damaged file out of service, counts and logs it.
    pub(crate) fn set_aside(&self, segment: &Segment, error: &SegmentError) {
        self.contents.lock().set_aside(segment, error);
    }
}

impl Contents {
    /// The horizon follows the clock backwards at once, and forwards only with
    /// checkpoints.
    pub(crate) fn see_time(&mut self, now: Timestamp, retention_ns: i64) {
        let target = now.0.saturating_sub(retention_ns);
        if self.horizon == i64::MIN || target < self.horizon {
            self.horizon = target;
        }
        self.now = Some(now);
    }

    pub(crate) fn append_late(
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

    pub(crate) fn set_aside(&mut self, segment: &Segment, error: &dyn std::fmt::Display) {
        if !segment.set_aside() {
            return;
        }
        self.damaged_files += 1;
        // Readings are counted with their rows, not with their roll-ups.
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
