//! The items that a run leaves, and what becomes of their commit.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use weir_config::ShadowReports;
use weir_model::{Alert, Timestamp};
use weir_pipeline::Pipeline;

use super::Stateful;
use super::plan::Todo;
use super::round::GroupRan;
use crate::message::{Incoming, Processed};
use crate::run::Ran;
use crate::shadow::merged;
use crate::state::{Committed, Item};

/// Alerts that an outbox holds: while they cannot leave, none are added to it.
const MAX_OUTBOX: usize = 200;
/// When a sweep looks after an outbox that nobody emptied.
const OUTBOX_DUE: i64 = 120_000_000_000;

impl Stateful<'_> {
    /// Commits every device of the runs; returns what has to run again.
    pub(super) fn commit_runs(
        &mut self,
        messages: &[Incoming],
        todo: &Todo,
        runs: Vec<GroupRan>,
    ) -> Todo {
        let mut items = Vec::new();
        let mut parts = BTreeMap::new();
        for mut run in runs {
            parts.extend(std::mem::take(&mut run.ran.parts));
            for item in self.new_items(messages, todo, run, &parts) {
                if item.outbox.alerts.len() > MAX_OUTBOX {
                    self.break_device(&item.device, "its alerts cannot leave");
                } else {
                    items.push(item);
                }
            }
        }
        let outcomes = self.commit(&items);
        let mut again = Todo::new();
        for (item, committed) in items.into_iter().zip(outcomes) {
            let device = item.device.clone();
            let list = todo.get(&device).cloned().unwrap_or_default();
            if self.settle(item, committed) {
                for at in list {
                    let part = parts.remove(&(at, device.clone())).unwrap_or_default();
                    self.parts.insert((at, device.clone()), part);
                }
            } else if !self.broken.contains_key(&device) {
                let rest = list.into_iter();
                let rest: Vec<usize> = rest
                    .filter(|at| !self.is_applied(messages, *at, &device))
                    .collect();
                if !rest.is_empty() {
                    again.insert(device, rest);
                }
            }
        }
        again
    }

    pub(crate) fn commit(&mut self, items: &[Item]) -> Vec<Committed> {
        if items.is_empty() {
            return Vec::new();
        }
        let bytes: usize = items.iter().map(|item| item.memory.len()).sum();
        self.metrics.state_bytes += bytes as u64;
        self.metrics.state_writes += items.len() as u64;
        let began = Instant::now();
        let outcomes = self.store.commit(items);
        self.metrics.commit_latency += began.elapsed();
        outcomes
    }

    /// Notes how a commit ended; true if the item is stored.
    pub(crate) fn settle(&mut self, item: Item, committed: Committed) -> bool {
        let device = item.device.clone();
        match committed {
            Committed::Done => {
                self.handler.lock_cache().put(item.clone());
                self.items.insert(device, item);
                true
            }
            Committed::Conflict(newer) => {
                self.metrics.conflicts += 1;
                self.handler.lock_cache().put((*newer).clone());
                self.items.insert(device, *newer);
                false
            }
            Committed::Failed(reason) => {
                self.handler.lock_cache().remove(&device);
                self.break_device(&device, &reason);
                false
            }
        }
    }

    /// The items of a run's devices as they are to be committed.
    pub(crate) fn new_items(
        &mut self,
        messages: &[Incoming],
        todo: &Todo,
        run: GroupRan,
        parts: &BTreeMap<(usize, String), Processed>,
    ) -> Vec<Item> {
        let GroupRan {
            devices,
            messages: at,
            cleared,
            ran,
        } = run;
        let Ran {
            mut pipeline,
            alerts,
            ..
        } = ran;
        let mut decided: BTreeMap<String, Vec<Alert>> = BTreeMap::new();
        for alert in cleared.into_iter().chain(alerts) {
            decided
                .entry(alert.device_id.clone())
                .or_default()
                .push(alert);
        }
        let now = at.iter().map(|at| messages[*at].received).max();
        let now = now.unwrap_or_else(self.handler.settings.clock);
        let reported: BTreeSet<&String> = devices
            .iter()
            .filter(|device| self.is_reported(device, decided.contains_key(*device), now))
            .collect();
        let mut memories = self.memories(&pipeline, devices.iter(), |d| !reported.contains(d));
        let mut reports = BTreeMap::new();
        if !reported.is_empty() {
            let taken = pipeline.take_reports().into_iter();
            reports.extend(taken.map(|request| (request.thing, request.payload)));
            memories.extend(self.memories(&pipeline, devices.iter(), |d| reported.contains(d)));
        }
        let clock = (self.handler.settings.clock)();
        let mut items = Vec::new();
        for device in &devices {
            let Some(old) = self.items.get(device) else {
                continue;
            };
            let mut item = Item {
                version: old.version + 1,
                config: self.handler.settings.digest,
                ..old.clone()
            };
            if let Some(memory) = memories.remove(device) {
                item.memory = memory;
            }
            for at in todo.get(device).into_iter().flatten() {
                let part = parts.get(&(*at, device.clone())).copied();
                item.applied.add(&messages[*at], &part.unwrap_or_default());
            }
            item.outbox
                .alerts
                .extend(decided.remove(device).unwrap_or_default());
            if let Some(report) = reports.remove(device) {
                item.outbox.report = Some(merged(item.outbox.report.take(), report));
                item.applied.reported = Some(now);
            }
            note_due(&mut item, &pipeline, clock);
            items.push(item);
        }
        items
    }

    fn memories<'d>(
        &self,
        pipeline: &Pipeline,
        devices: impl Iterator<Item = &'d String>,
        is_wanted: impl Fn(&String) -> bool,
    ) -> BTreeMap<String, Vec<u8>> {
        let memories = pipeline.device_memories();
        devices
            .filter(|device| is_wanted(device))
            .filter_map(|device| Some((device.clone(), memories.of(device)?)))
            .collect()
    }

    fn is_reported(&self, device: &str, has_alerts: bool, now: Timestamp) -> bool {
        let config = &self.handler.settings.config;
        let interval = i64::try_from(config.shadows.interval.as_nanos()).unwrap_or(i64::MAX);
        let last = self
            .items
            .get(device)
            .and_then(|item| item.applied.reported);
        match self.handler.reports() {
            ShadowReports::Off => false,
            ShadowReports::Alarms => has_alerts,
            ShadowReports::Readings => {
                has_alerts || last.is_none_or(|last| last.saturating_add_nanos(interval) <= now)
            }
        }
    }
}

/// When a sweep has to look at the item: for its silence, and for its outbox.
fn note_due(item: &mut Item, pipeline: &Pipeline, clock: Timestamp) {
    let engine = pipeline.engine();
    let device = engine.device_ix(&item.device);
    let silence = device.and_then(|device| engine.due(device));
    item.applied.silence = silence;
    let outbox = (!item.outbox.is_empty()).then(|| clock.saturating_add_nanos(OUTBOX_DUE));
    item.due = [silence, outbox].into_iter().flatten().min();
}
