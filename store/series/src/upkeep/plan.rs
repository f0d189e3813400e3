//! The files that a checkpoint prepares: rows become files here, and the plan lists
//! them until they are committed or discarded.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use arrow::array::RecordBatch;

use crate::error::StoreError;
use crate::file::encode::{self, Encoded};
use crate::file::layout::Layout;
use crate::file::manifest::FileEntry;
use crate::file::segment::{Rollup, Segment, SegmentError};
use crate::rollup;
use crate::rollup_step::RollupStep;
use crate::state::StoreState;
use crate::stats::CheckpointStats;

/// The files that the next manifest names.
pub(crate) struct Plan {
    pub(crate) kinds: Vec<Layout>,
    pub(crate) segments: Vec<Arc<Segment>>,
    pub(crate) rollups: Vec<Rollup>,
    /// Files written by this checkpoint.
    pub(crate) written: Vec<Arc<Segment>>,
    pub(crate) next_file: u64,
    pub(crate) removed_readings: u64,
    /// See `Contents::trimmed` in `state.rs`.
    pub(crate) trimmed: HashMap<u64, i64>,
    pub(crate) stats: CheckpointStats,
}

impl Plan {
    pub(crate) fn has_rollup(&self, source: u64, step: RollupStep) -> bool {
        self.rollups
            .iter()
            .any(|rollup| rollup.step == step && rollup.source == Some(source))
    }
}

impl StoreState {
    /// A plan that keeps the sound files of the last manifest.
    pub(crate) fn plan(&self) -> Plan {
        let contents = self.contents.lock();
        let segments: Vec<_> = contents
            .segments
            .iter()
            .filter(|segment| !segment.is_damaged())
            .cloned()
            .collect();
        // Kinds without files are forgotten.
        let mut kinds: Vec<Layout> = Vec::new();
        let known: HashSet<&Layout> = segments.iter().map(|segment| &segment.layout).collect();
        kinds.extend(
            contents
                .kinds
                .iter()
                .filter(|kind| known.contains(kind))
                .cloned(),
        );
        let sound: HashSet<u64> = segments.iter().map(|segment| segment.entry.id).collect();
        let rollups = contents
            .rollups
            .iter()
            .filter(|rollup| !rollup.segment.is_damaged())
            .map(|rollup| Rollup {
                // The roll-up of a damaged file is all that is left of it.
                source: rollup.source.filter(|source| sound.contains(source)),
                ..rollup.clone()
            })
            .collect();
        Plan {
            kinds,
            segments,
            rollups,
            written: Vec::new(),
            next_file: contents.next_file,
            removed_readings: 0,
            trimmed: HashMap::new(),
            stats: CheckpointStats::default(),
        }
    }

    /// Encodes rows, writes them to a new file and returns its number; `None` when
    /// there is nothing to write.
    pub(crate) fn write_file(
        &self,
        plan: &mut Plan,
        layout: Layout,
        rows: &RecordBatch,
    ) -> Result<Option<u64>, StoreError> {
        let known = plan.kinds.iter().position(|kind| *kind == layout);
        let kind = known.unwrap_or(plan.kinds.len());
        let Some(segment) = self.write_segment(plan, &layout, kind, rows)? else {
            return Ok(None);
        };
        if kind == plan.kinds.len() {
            plan.kinds.push(layout);
        }
        let id = segment.entry.id;
        plan.segments.push(segment);
        Ok(Some(id))
    }

    pub(crate) fn write_segment(
        &self,
        plan: &mut Plan,
        layout: &Layout,
        kind: usize,
        rows: &RecordBatch,
    ) -> Result<Option<Arc<Segment>>, StoreError> {
        if rows.num_rows() == 0 {
            return Ok(None);
        }
        let encoded = encode::encode(layout, rows).map_err(SegmentError::from)?;
        self.write_encoded(plan, layout, kind, &encoded)
    }

    pub(crate) fn write_encoded(
        &self,
        plan: &mut Plan,
        layout: &Layout,
        kind: usize,
        encoded: &Encoded,
    ) -> Result<Option<Arc<Segment>>, StoreError> {
        if encoded.readings.iter().all(|readings| *readings == 0) {
            return Ok(None);
        }
        let entry = FileEntry {
            id: plan.next_file,
            kind: u32::try_from(kind).expect("there are fewer kinds than files"),
            rows: encoded.rows,
            readings: encoded.readings.clone(),
            min_time: encoded.min_time,
            max_time: encoded.max_time,
            bytes: encoded.bytes.len() as u64,
            crc32c: crc32c::crc32c(&encoded.bytes),
        };
        plan.next_file += 1;
        let layout = layout.clone();
        let segment = Arc::new(Segment::new(self.disk.clone(), &self.dir, entry, layout));
        // Listed before it is written, so that half a file is discarded too.
        plan.written.push(segment.clone());
        let write = || {
            let file = self.disk.create_new(&segment.path)?;
            file.write_all(&encoded.bytes)?;
            file.sync_all()
        };
        write().map_err(|source| StoreError::io(&segment.path, source))?;
        segment.written();
        plan.stats.files_written += 1;
        plan.stats.bytes_written += segment.entry.bytes;
        Ok(Some(segment))
    }

    /// Writes the missing roll-ups of a file.
    pub(crate) fn roll_up(
        &self,
        plan: &mut Plan,
        source: u64,
        layout: &Layout,
        rows: &RecordBatch,
    ) -> Result<(), StoreError> {
        for (step, retention) in self.rollup_retention_ns {
            if retention.is_none() || plan.has_rollup(source, step) {
                continue;
            }
            let rolled = rollup::of_rows(layout, rows, step)?;
            if let Some(segment) = self.write_segment(plan, &Layout::Rollup, 0, &rolled)? {
                plan.rollups.push(Rollup {
                    step,
                    source: Some(source),
                    segment,
                });
            }
        }
        Ok(())
    }
}
