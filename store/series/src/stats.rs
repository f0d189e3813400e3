//! What the store reports: outcomes of an append, a checkpoint, and its totals.

use std::time::Duration;

use weir_model::{Position, ReadingCounts};

/// What became durable with the last checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The journal must be replayed from here.
    pub position: Position,
    /// What the caller passed to [`SeriesStore::checkpoint`](crate::SeriesStore::checkpoint).
    pub snapshot: Vec<u8>,
    pub counts: ReadingCounts,
}

/// Outcome of the readings of a batch; `stored`, `deduplicated` and `expired` add up to
/// the batch's readings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    pub stored: u64,
    /// Already stored. Of these, `conflicts` had another value, and the last
    /// value won.
    pub deduplicated: u64,
    pub conflicts: u64,
    /// Older than the retention.
    pub expired: u64,
}

/// Outcome of a checkpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CheckpointStats {
    /// Rows written from memory to files.
    pub rows: u64,
    pub files_written: u64,
    pub bytes_written: u64,
    /// Files merged into fewer files.
    pub files_merged: u64,
    /// Files removed by retention.
    pub files_expired: u64,
    pub duration: Duration,
}

/// Totals of the store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoreStats {
    pub files: u64,
    pub bytes: u64,
    /// Rows and readings in files.
    pub rows: u64,
    pub readings: u64,
    /// Roll-up files and their bytes; not part of the above.
    pub rollup_files: u64,
    pub rollup_bytes: u64,
    /// Readings in memory.
    pub buffered: u64,
    /// Files set aside as damaged since the folder was created, and the readings
    /// in them.
    pub damaged_files: u64,
    pub damaged_readings: u64,
    /// Readings that retention has removed from the files.
    pub removed_readings: u64,
    /// The newest manifest was damaged at open and the previous one was used:
    /// readings stored between the two may be lost.
    pub fell_back: bool,
    pub last_checkpoint: Option<CheckpointStats>,
}
