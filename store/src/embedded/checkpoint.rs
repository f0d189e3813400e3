//! A checkpoint: everything in memory becomes files, and one manifest names them.
//!
//! ```text
//! write files, sync each, sync the folder      orphans if it ends here
//! before_commit()                              journal and others are durable
//! write, sync, rename the manifest, sync       the commit
//! ```
//!
//! Nothing that the manifest before names is touched before the commit, and it
//! stays usable after it: what it named goes only at the commit after that.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Instant;

use arrow::array::RecordBatch;
use arrow::error::ArrowError;
use parquet::errors::ParquetError;
use weir_model::{Position, ReadingCounts, Timestamp};

use super::encode::{self, Encoded};
use super::gather::{FrozenBuffer, with_names};
use super::layout::Layout;
use super::manifest::{self, FileEntry, KindEntry, Manifest, RollupEntry};
use super::merge::{self, MergeError};
use super::rollup::{self, Rollup, WORTHWHILE_ROWS};
use super::segment::{Segment, SegmentError};
use super::{BoxError, CheckpointStats, Shared, StoreError, compaction, rewrite};

/// A checkpoint that has merged so many cells leaves the rest to the next. With
/// what one merge may have it bounds how long it takes.
const ENOUGH_CELLS: u64 = 8_000_000;
/// How far the retention horizon moves in one checkpoint. A clock that jumps
/// ahead must not wipe the store before someone has noticed.
const MAX_HORIZON_STEP_NS: i64 = 3_600 * 1_000_000_000;

/// What a checkpoint has prepared: the files that the next manifest names.
pub(super) struct Plan {
    kinds: Vec<Layout>,
    pub(super) segments: Vec<Arc<Segment>>,
    pub(super) rollups: Vec<Rollup>,
    written: Vec<Arc<Segment>>,
    next_file: u64,
    pub(super) removed_readings: u64,
    /// See [`super::Inner`].
    pub(super) trimmed: HashMap<u64, i64>,
    pub(super) stats: CheckpointStats,
}

impl Plan {
    pub(super) fn has_rollup(&self, source: u64, step: rollup::Step) -> bool {
        self.rollups
            .iter()
            .any(|rollup| rollup.step == step && rollup.source == Some(source))
    }
}

impl Shared {
    pub(super) fn rollup_retention(&self, step: rollup::Step) -> Option<i64> {
        let all = self.rollup_retention_ns.iter();
        all.filter(|(other, _)| *other == step)
            .find_map(|(_, retention)| *retention)
    }

    pub(super) fn checkpoint(
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
            self.inner.lock().next_file = plan.next_file;
            discard(&plan.written);
            return Err(error);
        }
        self.inner.lock().next_file = plan.next_file;
        if let Err(error) = before_commit() {
            discard(&plan.written);
            return Err(StoreError::BeforeCommit(error));
        }
        self.commit(&mut plan, position, snapshot, counts)?;
        plan.stats.duration = started.elapsed();
        self.inner.lock().last_checkpoint = Some(plan.stats.clone());
        Ok(plan.stats)
    }

    fn plan(&self) -> Plan {
        let inner = self.inner.lock();
        let segments: Vec<_> = inner
            .segments
            .iter()
            .filter(|segment| !segment.is_damaged())
            .cloned()
            .collect();
        // Kinds without files are forgotten.
        let mut kinds: Vec<Layout> = Vec::new();
        let known: HashSet<&Layout> = segments.iter().map(|segment| &segment.layout).collect();
        kinds.extend(
            inner
                .kinds
                .iter()
                .filter(|kind| known.contains(kind))
                .cloned(),
        );
        let sound: HashSet<u64> = segments.iter().map(|segment| segment.entry.id).collect();
        let rollups = inner.rollups.iter().filter(|r| !r.segment.is_damaged());
        let rollups = rollups
            .map(|rollup| Rollup {
                // What a damaged file was rolled up into is all that is left of it.
                source: rollup.source.filter(|source| sound.contains(source)),
                ..rollup.clone()
            })
            .collect();
        Plan {
            kinds,
            segments,
            rollups,
            written: Vec::new(),
            next_file: inner.next_file,
            removed_readings: 0,
            trimmed: HashMap::new(),
            stats: CheckpointStats::default(),
        }
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
            let inner = self.inner.lock();
            let filled = inner
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
            let rows = rows.map_err(encode_error)?;
            plan.stats.rows += rows.num_rows() as u64;
            self.write_file(plan, layout, &rows)?;
        }
        Ok(())
    }

    /// Encodes rows and writes them to a new file; its number, unless there is
    /// nothing to write.
    pub(super) fn write_file(
        &self,
        plan: &mut Plan,
        layout: Layout,
        rows: &RecordBatch,
    ) -> Result<Option<u64>, StoreError> {
        let kind = match plan.kinds.iter().position(|kind| *kind == layout) {
            Some(known) => known,
            None => plan.kinds.len(),
        };
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

    pub(super) fn write_segment(
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

    fn write_encoded(
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
        // Listed before it is written: half a file is discarded too.
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

    /// Writes the roll-ups of a file that are missing.
    pub(super) fn roll_up(
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
            let rolled = rollup::of_rows(layout, rows, step).map_err(encode_error)?;
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

    /// Writes the files anew in which a late reading overwrites a value.
    fn apply_patches(self: &Arc<Self>, plan: &mut Plan) -> Result<(), StoreError> {
        let patches = self.inner.lock().patches.clone();
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
            let rows = rewrite::patch(&old.layout, &rows, patches).map_err(encode_error)?;
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

    /// Merges the files that are due first; how many cells they had.
    fn merge_some(self: &Arc<Self>, plan: &mut Plan) -> Result<Option<u64>, StoreError> {
        let now = self.inner.lock().now.map_or(i64::MIN, |now| now.0);
        let Some(chosen) = compaction::choose(&plan.segments, now, &plan.kinds) else {
            return Ok(None);
        };
        let rows: u64 = chosen.iter().map(|segment| segment.entry.rows).sum();
        let kept = self.rollup_retention_ns.iter();
        let kept = kept.filter(|(_, retention)| rows >= WORTHWHILE_ROWS && retention.is_some());
        let steps: Vec<rollup::Step> = kept.map(|(step, _)| *step).collect();
        let made = match merge::merge(&chosen, &self.footers, &steps) {
            Ok(made) => made,
            Err(MergeError::Source(segment, error)) => {
                // The others are merged the next time.
                self.not_readable(&segment, error)?;
                plan.segments
                    .retain(|other| other.entry.id != segment.entry.id);
                return Ok(None);
            }
            Err(MergeError::Encode(error)) => return Err(SegmentError::Encode(error).into()),
        };
        let layout = chosen[0].layout.clone();
        let known = plan.kinds.iter().position(|kind| *kind == layout);
        let kind = known.expect("the files that are merged are of it");
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

    /// A damaged file is set aside and goes without; any other error ends the
    /// checkpoint.
    pub(super) fn not_readable(
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

    fn commit(
        &self,
        plan: &mut Plan,
        position: Position,
        snapshot: &[u8],
        counts: &ReadingCounts,
    ) -> Result<(), StoreError> {
        let manifest = {
            let mut inner = self.inner.lock();
            // Every attempt has a number of its own: one that failed may still
            // have reached the disk.
            inner.sequence += 1;
            self.manifest(plan, inner.sequence, &inner, position, snapshot, counts)
        };
        let path = manifest::path(&self.dir, manifest.sequence);
        let bytes = manifest.encode().map_err(StoreError::Encode)?;
        let written = weir_disk::replace(&*self.disk, &path, &bytes);
        if let Err(source) = written {
            // It may have reached the disk all the same, so the files that it
            // names stay until a later manifest is durable.
            self.inner.lock().limbo.append(&mut plan.written);
            return Err(StoreError::io(&path, source));
        }
        self.committed(plan, &manifest);
        Ok(())
    }

    fn manifest(
        &self,
        plan: &Plan,
        sequence: u64,
        inner: &super::Inner,
        position: Position,
        snapshot: &[u8],
        counts: &ReadingCounts,
    ) -> Manifest {
        // A file that was carried over has the number of its kind in the
        // manifest before.
        let numbers: HashMap<&Layout, u32> = plan.kinds.iter().zip(0..).collect();
        let entry = |segment: &Arc<Segment>| FileEntry {
            kind: numbers[&segment.layout],
            ..segment.entry.clone()
        };
        Manifest {
            sequence,
            position,
            counts: counts.clone(),
            next_file: plan.next_file,
            horizon: inner.horizon,
            removed_readings: inner.removed_readings + plan.removed_readings,
            damaged_files: inner.damaged_files,
            damaged_readings: inner.damaged_readings,
            kinds: plan.kinds.iter().map(KindEntry::from).collect(),
            files: plan
                .segments
                .iter()
                .filter(|segment| !segment.is_damaged())
                .map(entry)
                .collect(),
            snapshot: snapshot.to_vec(),
            rollups: plan
                .rollups
                .iter()
                .map(|rollup| RollupEntry {
                    step: rollup.step,
                    source: rollup.source,
                    file: rollup.segment.entry.clone(),
                })
                .collect(),
        }
    }

    /// The manifest is durable: now memory follows.
    fn committed(&self, plan: &mut Plan, manifest: &Manifest) {
        let mut inner = self.inner.lock();
        let inner = &mut *inner;
        let of_rollups = |rollups: &[Rollup]| -> Vec<Arc<Segment>> {
            rollups
                .iter()
                .map(|rollup| rollup.segment.clone())
                .collect()
        };
        let kept: HashSet<u64> = plan
            .segments
            .iter()
            .chain(&of_rollups(&plan.rollups))
            .map(|segment| segment.entry.id)
            .collect();
        let before = std::mem::replace(&mut inner.segments, Arc::new(plan.segments.clone()));
        let rollups = std::mem::replace(&mut inner.rollups, Arc::new(plan.rollups.clone()));
        let mut dropped: Vec<Arc<Segment>> = before
            .iter()
            .chain(&of_rollups(&rollups))
            .filter(|segment| !kept.contains(&segment.entry.id) && !segment.is_damaged())
            .cloned()
            .collect();
        // Written and merged again within this checkpoint.
        dropped.extend(
            plan.written
                .iter()
                .filter(|segment| !kept.contains(&segment.entry.id))
                .cloned(),
        );
        for segment in inner.limbo.drain(..).chain(inner.previous.drain(..)) {
            inner.keys.forget(segment.entry.id);
            segment.doom();
        }
        inner.previous = dropped;
        inner.trimmed.extend(plan.trimmed.drain());
        inner.trimmed.retain(|file, _| kept.contains(file));
        inner.kinds = std::mem::take(&mut plan.kinds);
        inner.removed_readings += plan.removed_readings;
        inner.memory.clear();
        inner.patches.clear();
        if let Some(now) = inner.now {
            inner.horizon = next_horizon(inner.horizon, now, self.retention_ns);
        }
        let keep = [
            manifest.sequence,
            std::mem::replace(&mut inner.durable, manifest.sequence),
        ];
        self.remove_manifests(&keep);
    }

    fn remove_manifests(&self, keep: &[u64]) {
        let Ok(found) = manifest::list(&*self.disk, &self.dir) else {
            return;
        };
        for (sequence, path) in found {
            if !keep.contains(&sequence)
                && let Err(error) = self.disk.remove(&path)
            {
                tracing::warn!(path = %path.display(), %error, "cannot remove an old manifest");
            }
        }
    }
}

/// Never later than `now` minus the retention, and never far ahead of where it
/// was.
pub(super) fn next_horizon(horizon: i64, now: Timestamp, retention_ns: i64) -> i64 {
    now.0
        .saturating_sub(retention_ns)
        .min(horizon.saturating_add(MAX_HORIZON_STEP_NS))
}

/// Files of a checkpoint that did not commit, in no manifest.
fn discard(written: &[Arc<Segment>]) {
    for segment in written {
        segment.doom();
    }
}

pub(super) fn encode_error(error: ArrowError) -> StoreError {
    StoreError::from(SegmentError::Encode(ParquetError::from(error)))
}
