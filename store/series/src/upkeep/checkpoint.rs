//! A checkpoint: everything in memory becomes files, and one manifest names them.
//!
//! ```text
//! write files, sync each, sync the folder      orphans if it ends here
//! before_commit()                              journal and others are durable
//! write, sync, rename the manifest, sync       the commit
//! ```
//!
//! Files that the previous manifest names do not change before the commit, and the
//! previous manifest stays usable after it: its files are removed at the commit
//! after that.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Instant;

use weir_model::{Position, ReadingCounts};

use crate::error::{BoxError, StoreError};
use crate::file::layout::Layout;
use crate::file::rewrite;
use crate::file::segment::{Rollup, Segment, SegmentError};
use crate::memory::gather::{FrozenBuffer, with_names};
use crate::rollup_step::RollupStep;
use crate::state::StoreState;
use crate::stats::CheckpointStats;
use crate::upkeep::compaction;
use crate::upkeep::merge::{self, MergeError};
use crate::upkeep::plan::Plan;

/// After merging so many cells a checkpoint leaves the rest to the next one.
/// Together with the bound of one merge this bounds its duration.
const ENOUGH_CELLS: u64 = 8_000_000;

impl StoreState {
    pub(crate) fn checkpoint(
        self: &Arc<Self>,
        position: Position,
        snapshot: &[u8],
        counts: &ReadingCounts,
        before_commit: &mut dyn FnMut() -> Result<(), BoxError>,
    ) -> Result<CheckpointStats, StoreError> {
        let started = Instant::now();
        let _writer = self.writer.lock();
        let mut plan = self.plan();
        if let Err(error) = self.write_files(&mut plan) {
            self.contents.lock().next_file = plan.next_file;
            discard(&plan.written);
            return Err(error);
        }
        self.contents.lock().next_file = plan.next_file;
        if let Err(error) = before_commit() {
            discard(&plan.written);
            return Err(StoreError::BeforeCommit(error));
        }
        self.commit(&mut plan, position, snapshot, counts)?;
        plan.stats.duration = started.elapsed();
        self.contents.lock().last_checkpoint = Some(plan.stats.clone());
        Ok(plan.stats)
    }

    fn write_files(self: &Arc<Self>, plan: &mut Plan) -> Result<(), StoreError> {
        self.flush_buffers(plan)?;
        self.apply_patches(plan)?;
        self.drop_expired(plan)?;
        self.trim_one(plan)?;
        let mut cells = 0;
        while cells < ENOUGH_CELLS
            && let Some(merged) = self.merge_some(plan)?
        {
            cells += merged;
        }
        self.disk
            .sync_dir(&self.dir)
            .map_err(|source| StoreError::io(&self.dir, source))?;
        Ok(())
    }

    fn flush_buffers(&self, plan: &mut Plan) -> Result<(), StoreError> {
        let buffers: Vec<FrozenBuffer> = {
            let contents = self.contents.lock();
            let filled = contents
                .memory
                .buffers
                .iter()
                .filter(|buffer| buffer.rows() > 0);
            filled.map(FrozenBuffer::of).collect()
        };
        if buffers.is_empty() {
            return Ok(());
        }
        let catalog = self.catalog();
        for buffer in buffers {
            let (layout, rows) = with_names(catalog, |names| {
                let layout = buffer.layout(names);
                let rows = buffer.sorted(&layout, names);
                (layout, rows)
            });
            let rows = rows?;
            plan.stats.rows += rows.num_rows() as u64;
            self.write_file(plan, layout, &rows)?;
        }
        Ok(())
    }

    /// Rewrites the files in which a late reading overwrites a value.
    fn apply_patches(self: &Arc<Self>, plan: &mut Plan) -> Result<(), StoreError> {
        let patches = self.contents.lock().patches.clone();
        for (file, patches) in &patches {
            let Some(at) = plan
                .segments
                .iter()
                .position(|segment| segment.entry.id == *file)
            else {
                continue;
            };
            let old = plan.segments[at].clone();
            let rows = match rewrite::load(&old, &self.footers) {
                Ok(rows) => rows,
                Err(error) => {
                    self.not_readable(&old, error)?;
                    plan.segments.remove(at);
                    continue;
                }
            };
            let rows = rewrite::patch(&old.layout, &rows, patches)?;
            let new = self.write_file(plan, old.layout.clone(), &rows)?;
            plan.segments.remove(at);
            let before = plan.rollups.len();
            plan.rollups.retain(|rollup| rollup.source != Some(*file));
            if let (Some(new), true) = (new, plan.rollups.len() < before) {
                self.roll_up(plan, new, &old.layout, &rows)?;
            }
        }
        Ok(())
    }

    /// Merges the files that are due first and returns the number of their cells.
    fn merge_some(self: &Arc<Self>, plan: &mut Plan) -> Result<Option<u64>, StoreError> {
        let now = self.contents.lock().now.map_or(i64::MIN, |now| now.0);
        let Some(chosen) = compaction::choose(&plan.segments, now, &plan.kinds) else {
            return Ok(None);
        };
        let rows: u64 = chosen.iter().map(|segment| segment.entry.rows).sum();
        let steps: Vec<RollupStep> = self
            .rollup_retention_ns
            .iter()
            .filter(|(_, retention)| rows >= self.rollup_min_rows && retention.is_some())
            .map(|(step, _)| *step)
            .collect();
        let made = match merge::merge(&chosen, &self.footers, &steps) {
            Ok(made) => made,
            Err(MergeError::Source(segment, error)) => {
                // The next checkpoint merges the others.
                self.not_readable(&segment, error)?;
                plan.segments
                    .retain(|other| other.entry.id != segment.entry.id);
                return Ok(None);
            }
            Err(MergeError::Encode(error)) => return Err(SegmentError::Encode(error).into()),
        };
        let layout = chosen[0].layout.clone();
        let kind = plan
            .kinds
            .iter()
            .position(|kind| *kind == layout)
            .expect("the merged files are of this kind");
        let merged: HashSet<u64> = chosen.iter().map(|segment| segment.entry.id).collect();
        plan.rollups
            .retain(|rollup| rollup.source.is_none_or(|source| !merged.contains(&source)));
        if let Some(new) = self.write_encoded(plan, &layout, kind, &made.encoded)? {
            for (step, rolled) in &made.rollups {
                if let Some(segment) = self.write_segment(plan, &Layout::Rollup, 0, rolled)? {
                    plan.rollups.push(Rollup {
                        step: *step,
                        source: Some(new.entry.id),
                        segment,
                    });
                }
            }
            plan.segments.push(new);
        }
        plan.segments
            .retain(|segment| !merged.contains(&segment.entry.id));
        plan.stats.files_merged += merged.len() as u64;
        Ok(Some(
            chosen.iter().map(|file| compaction::cells(file)).sum(),
        ))
    }

    /// Sets a damaged file aside; any other error ends the checkpoint.
    pub(crate) fn not_readable(
        &self,
        segment: &Arc<Segment>,
        error: SegmentError,
    ) -> Result<(), StoreError> {
        if !matches!(error, SegmentError::Damaged { .. }) {
            return Err(error.into());
        }
        self.set_aside(segment, &error);
        Ok(())
    }
}

/// Removes the files of a checkpoint that did not commit: no manifest names them.
fn discard(written: &[Arc<Segment>]) {
    for segment in written {
        segment.delete_on_drop();
    }
}
