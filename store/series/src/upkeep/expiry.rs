//! Removes expired readings during a checkpoint: whole files, and readings that
//! retention rules expire within the others.

use std::sync::Arc;

use arrow::array::{Array, RecordBatch};

use crate::error::StoreError;
use crate::file::layout::Layout;
use crate::file::rewrite;
use crate::file::segment::{Rollup, Segment};
use crate::rollup;
use crate::rollup_step::RollupStep;
use crate::state::StoreState;
use crate::upkeep::plan::Plan;

impl StoreState {
    /// Drops files that are older than the longest retention. Roll-ups outlive their
    /// rows and have their own retention.
    pub(crate) fn drop_expired(self: &Arc<Self>, plan: &mut Plan) -> Result<(), StoreError> {
        let horizon = self.contents.lock().horizon;
        let longest = self.rules.read().longest(self.retention_ns);
        let end = self.horizon_of(horizon, longest);
        let is_expired = |segment: &Segment| segment.entry.max_time < end;
        let expired: Vec<Arc<Segment>> = plan
            .segments
            .iter()
            .filter(|segment| is_expired(segment))
            .cloned()
            .collect();
        for segment in &expired {
            let kept_longer = |(step, retention): &(RollupStep, Option<i64>)| {
                retention.is_some_and(|retention| retention > longest)
                    && !plan.has_rollup(segment.entry.id, *step)
            };
            if self.rollup_retention_ns.iter().any(kept_longer) {
                match rewrite::load(segment, &self.footers) {
                    Ok(rows) => self.roll_up(plan, segment.entry.id, &segment.layout, &rows)?,
                    Err(error) => self.not_readable(segment, error)?,
                }
            }
            for rollup in &mut plan.rollups {
                if rollup.source == Some(segment.entry.id) {
                    rollup.source = None;
                }
            }
            plan.stats.files_expired += 1;
            plan.removed_readings += segment.entry.total_readings();
        }
        plan.segments.retain(|segment| !is_expired(segment));
        plan.rollups.retain(|rollup| {
            let retention = self.rollup_retention(rollup.step).unwrap_or(0);
            rollup.source.is_some()
                || rollup.segment.entry.max_time >= self.horizon_of(horizon, retention)
        });
        Ok(())
    }

    /// Rewrites the first file that holds readings expired by a rule. At most one file
    /// is read per checkpoint, which bounds its duration.
    pub(crate) fn trim_one(self: &Arc<Self>, plan: &mut Plan) -> Result<(), StoreError> {
        let rules = self.rules.read().clone();
        if rules.is_empty() {
            return Ok(());
        }
        let levels = rules.levels(self.retention_ns);
        let due = {
            let contents = self.contents.lock();
            let over = |segment: &Segment| {
                let passed = levels.iter().rev();
                passed
                    .copied()
                    .find(|keep| segment.entry.max_time < self.horizon_of(contents.horizon, *keep))
            };
            let looked_at = |segment: &Segment| contents.trimmed.get(&segment.entry.id).copied();
            plan.segments.iter().enumerate().find_map(|(at, segment)| {
                let over = over(segment)?;
                (looked_at(segment).is_none_or(|before| before < over)).then_some((at, over))
            })
        };
        let Some((at, over)) = due else {
            return Ok(());
        };
        let old = plan.segments[at].clone();
        let rows = match rewrite::load(&old, &self.footers) {
            Ok(rows) => rows,
            Err(error) => {
                self.not_readable(&old, error)?;
                plan.segments.remove(at);
                return Ok(());
            }
        };
        let split = rules.split(&old.layout, &rows, self.retention_ns, over);
        let Some([kept, gone]) = split? else {
            plan.trimmed.insert(old.entry.id, over);
            return Ok(());
        };
        let rolled_up = plan.rollups.iter().any(|r| r.source == Some(old.entry.id));
        plan.rollups
            .retain(|rollup| rollup.source != Some(old.entry.id));
        let new = self.write_file(plan, old.layout.clone(), &kept)?;
        plan.segments
            .retain(|segment| segment.entry.id != old.entry.id);
        if let Some(new) = new {
            plan.trimmed.insert(new, over);
            if rolled_up {
                self.roll_up(plan, new, &old.layout, &kept)?;
            }
        }
        self.roll_up_gone(plan, &old.layout, &gone, over)?;
        plan.removed_readings += readings(&old.layout, &gone);
        Ok(())
    }

    /// Writes the roll-ups of removed rows, which outlive them.
    fn roll_up_gone(
        &self,
        plan: &mut Plan,
        layout: &Layout,
        gone: &RecordBatch,
        over: i64,
    ) -> Result<(), StoreError> {
        for (step, retention) in self.rollup_retention_ns {
            if retention.is_none_or(|retention| retention <= over) {
                continue;
            }
            let rolled = rollup::of_rows(layout, gone, step)?;
            if let Some(segment) = self.write_segment(plan, &Layout::Rollup, 0, &rolled)? {
                plan.rollups.push(Rollup {
                    step,
                    source: None,
                    segment,
                });
            }
        }
        Ok(())
    }
}

fn readings(layout: &Layout, rows: &RecordBatch) -> u64 {
    let cells = &rows.columns()[layout.first_value()..];
    let filled = cells.iter().map(|cells| cells.len() - cells.null_count());
    filled.sum::<usize>() as u64
}
