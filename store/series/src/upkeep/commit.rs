//! The commit of a checkpoint: the manifest is replaced atomically, then memory
//! follows. Files that only the previous manifest names are removed by the commit
//! after this one.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use weir_model::{Position, ReadingCounts, Timestamp};

use crate::error::StoreError;
use crate::file::layout::Layout;
use crate::file::manifest::{self, FileEntry, KindEntry, Manifest, RollupEntry};
use crate::file::segment::{Rollup, Segment};
use crate::state::{Contents, StoreState};
use crate::upkeep::plan::Plan;

/// How far the retention horizon moves in one checkpoint, so that a clock that
/// jumps ahead does not empty the store at once.
const MAX_HORIZON_STEP_NS: i64 = 3_600 * 1_000_000_000;

impl StoreState {
    pub(crate) fn commit(
        &self,
        plan: &mut Plan,
        position: Position,
        snapshot: &[u8],
        counts: &ReadingCounts,
    ) -> Result<(), StoreError> {
        let manifest = {
            let mut contents = self.contents.lock();
            // Every attempt has its own number: a failed one may still have reached
            // the disk.
            contents.sequence += 1;
            self.manifest(
                plan,
                contents.sequence,
                &contents,
                position,
                snapshot,
                counts,
            )
        };
        let path = manifest::path(&self.dir, manifest.sequence);
        let bytes = manifest.encode().map_err(StoreError::Encode)?;
        let written = weir_disk::replace(&*self.disk, &path, &bytes);
        if let Err(source) = written {
            // The manifest may still have reached the disk, so the files that it
            // names are kept until a later manifest is durable.
            self.contents.lock().unconfirmed.append(&mut plan.written);
            return Err(StoreError::io(&path, source));
        }
        self.committed(plan, &manifest);
        Ok(())
    }

    fn manifest(
        &self,
        plan: &Plan,
        sequence: u64,
        contents: &Contents,
        position: Position,
        snapshot: &[u8],
        counts: &ReadingCounts,
    ) -> Manifest {
        // An older file still has its kind's number in the previous manifest.
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
            horizon: contents.horizon,
            removed_readings: contents.removed_readings + plan.removed_readings,
            damaged_files: contents.damaged_files,
            damaged_readings: contents.damaged_readings,
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

    /// Applies a durable manifest to memory.
    fn committed(&self, plan: &mut Plan, manifest: &Manifest) {
        let mut contents = self.contents.lock();
        let contents = &mut *contents;
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
        let before = std::mem::replace(&mut contents.segments, Arc::new(plan.segments.clone()));
        let rollups = std::mem::replace(&mut contents.rollups, Arc::new(plan.rollups.clone()));
        let mut dropped: Vec<Arc<Segment>> = before
            .iter()
            .chain(&of_rollups(&rollups))
            .filter(|segment| !kept.contains(&segment.entry.id) && !segment.is_damaged())
            .cloned()
            .collect();
        // Files written and merged within this checkpoint.
        dropped.extend(
            plan.written
                .iter()
                .filter(|segment| !kept.contains(&segment.entry.id))
                .cloned(),
        );
        for segment in contents
            .unconfirmed
            .drain(..)
            .chain(contents.previous.drain(..))
        {
            contents.keys.forget(segment.entry.id);
            segment.delete_on_drop();
        }
        contents.previous = dropped;
        contents.trimmed.extend(plan.trimmed.drain());
        contents.trimmed.retain(|file, _| kept.contains(file));
        contents.kinds = std::mem::take(&mut plan.kinds);
        contents.removed_readings += plan.removed_readings;
        contents.memory.clear();
        contents.patches.clear();
        if let Some(now) = contents.now {
            contents.horizon = next_horizon(contents.horizon, now, self.retention_ns);
        }
        let keep = [
            manifest.sequence,
            std::mem::replace(&mut contents.durable, manifest.sequence),
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

/// The horizon after a checkpoint: never later than `now` minus the retention,
/// and at most one step further than before.
pub(crate) fn next_horizon(horizon: i64, now: Timestamp, retention_ns: i64) -> i64 {
    now.0
        .saturating_sub(retention_ns)
        .min(horizon.saturating_add(MAX_HORIZON_STEP_NS))
}
