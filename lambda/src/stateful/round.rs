//! One round: some messages, run and committed, again on the newer memory where that
//! conflicts.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use weir_model::{Alert, Row};
use weir_pipeline::Pipeline;

use super::Stateful;
use super::plan::{Group, Todo, alone, plan};
use crate::message::Incoming;
use crate::outlets::{Rejected, Rows};
use crate::run::{Devices, Ran, rejected, run};
use crate::state::Item;
use crate::stateless::refused_entry;

/// How often a device runs again after a conflict.
const RERUNS: usize = 3;
/// A run with the devices that it was for, and clears of functions that the
/// configuration no longer has.
pub(crate) struct GroupRan {
    pub(crate) devices: BTreeSet<String>,
    pub(crate) messages: Vec<usize>,
    pub(crate) cleared: Vec<Alert>,
    pub(crate) ran: Ran,
}

impl Stateful<'_> {
    pub(super) fn round(&mut self, messages: &[Incoming], chunk: &[usize]) {
        let mut todo = self.todo(messages, chunk);
        let bare = chunk.iter().filter(|at| self.devices[**at].is_empty());
        let mut bare: Vec<usize> = bare.copied().collect();
        for attempt in 0..=RERUNS {
            if todo.is_empty() && bare.is_empty() {
                break;
            }
            if !self.has_time() {
                self.give_up(&todo, &bare, "the time of the invocation is up");
                todo.clear();
                break;
            }
            if attempt > 0 {
                let again: usize = todo.values().map(Vec::len).sum();
                self.metrics.reruns += again as u64;
            }
            match self.run_all(messages, &mut todo, &mut bare, attempt == 0) {
                Ok(runs) => todo = self.commit_runs(messages, &todo, runs),
                Err(reason) => {
                    self.give_up(&todo, &bare, &reason);
                    todo.clear();
                }
            }
            bare.clear();
        }
        self.give_up(
            &todo,
            &[],
            "other invocations keep changing the same device",
        );
        let devices: BTreeSet<String> = chunk
            .iter()
            .flat_map(|at| self.devices[*at].iter().cloned())
            .collect();
        let failed = self.publish_outboxes(&devices);
        for at in chunk {
            let failed = self.devices[*at]
                .iter()
                .find_map(|device| failed.get(device));
            if let Some(reason) = failed {
                self.failed.entry(*at).or_insert_with(|| reason.clone());
            }
        }
    }

    /// What has to be run of these messages; what was applied gets its answer.
    fn todo(&mut self, messages: &[Incoming], chunk: &[usize]) -> Todo {
        let mut todo = Todo::new();
        for at in chunk {
            let devices = self.devices[*at].clone();
            for device in devices {
                if self.broken.contains_key(&device) || self.is_applied(messages, *at, &device) {
                    continue;
                }
                todo.entry(device).or_default().push(*at);
            }
        }
        todo
    }

    pub(super) fn is_applied(&mut self, messages: &[Incoming], at: usize, device: &str) -> bool {
        let item = self.items.get(device);
        let answer = item.and_then(|item| item.applied.answer_to(&messages[at]));
        if let Some(part) = answer {
            self.metrics.repeated += 1;
            self.parts.insert((at, device.to_owned()), part);
        }
        answer.is_some()
    }

    fn give_up(&mut self, todo: &Todo, bare: &[usize], reason: &str) {
        for device in todo.keys() {
            self.break_device(device, reason);
        }
        for at in bare {
            self.failed.entry(*at).or_insert_with(|| reason.to_owned());
        }
    }

    /// Runs everything and brings rows and rejected readings to safety. A message whose
    /// rejected readings cannot be is left out, and fails.
    fn run_all(
        &mut self,
        messages: &[Incoming],
        todo: &mut Todo,
        bare: &mut Vec<usize>,
        is_first: bool,
    ) -> Result<Vec<GroupRan>, String> {
        loop {
            let runs = self.run_groups(messages, todo, bare);
            let mut unsafe_messages = self.quarantine(&runs);
            let mut refused = Vec::new();
            if unsafe_messages.is_empty() {
                refused = self.write_rows(messages, &runs)?;
                let sent = self.handler.outlets.quarantine(&refused);
                unsafe_messages = failures(&refused, sent);
            }
            if unsafe_messages.is_empty() {
                if is_first {
                    self.count(&runs, &refused);
                }
                return Ok(runs);
            }
            todo.values_mut()
                .for_each(|list| list.retain(|at| !unsafe_messages.contains_key(at)));
            todo.retain(|_, list| !list.is_empty());
            bare.retain(|at| !unsafe_messages.contains_key(at));
            self.failed.extend(unsafe_messages);
            if todo.is_empty() && bare.is_empty() {
                return Ok(Vec::new());
            }
        }
    }

    fn run_groups(
        &mut self,
        messages: &[Incoming],
        todo: &mut Todo,
        bare: &[usize],
    ) -> Vec<GroupRan> {
        let config = &self.handler.settings.config;
        let each_alone = Pipeline::new(config).wants_ticks();
        let mut groups = plan(todo, &self.devices, bare, each_alone);
        let mut runs = Vec::new();
        while let Some(group) = groups.pop() {
            match self.assemble(&group.devices) {
                Ok((pipeline, cleared)) => {
                    let Group {
                        devices,
                        messages: at,
                    } = group;
                    let ran = run(config, pipeline, Devices::Only(&devices), messages, &at);
                    runs.push(GroupRan {
                        devices,
                        messages: at,
                        cleared,
                        ran,
                    });
                }
                // One of them cannot be read: which?
                Err(_) if group.devices.len() > 1 => {
                    let each = group.devices.iter();
                    groups.extend(each.map(|device| alone(device, &todo[device])));
                    groups.extend((!bare.is_empty()).then(|| Group {
                        devices: BTreeSet::new(),
                        messages: bare.to_vec(),
                    }));
                }
                Err(reason) => {
                    for device in &group.devices {
                        self.break_device(device, &reason);
                        todo.remove(device);
                    }
                }
            }
        }
        runs
    }

    /// A pipeline of these devices under the present configuration, and the clears of
    /// functions that it no longer has.
    pub(crate) fn assemble(
        &self,
        devices: &BTreeSet<String>,
    ) -> Result<(Pipeline, Vec<Alert>), String> {
        let settings = &self.handler.settings;
        let items = devices.iter().filter_map(|device| self.items.get(device));
        let items: Vec<&Item> = items.filter(|item| !item.memory.is_empty()).collect();
        let memories: Vec<&[u8]> = items.iter().map(|item| &*item.memory).collect();
        let mut pipeline = Pipeline::assemble(&settings.config, &memories)
            .map_err(|error| format!("the memory of {devices:?}: {error}"))?;
        let is_changed = items.iter().any(|item| item.config != settings.digest);
        let cleared = is_changed.then(|| pipeline.close_abandoned());
        Ok((pipeline, cleared.unwrap_or_default()))
    }

    /// Each rejected reading once, although several runs may have found it.
    fn quarantine(&mut self, runs: &[GroupRan]) -> BTreeMap<usize, String> {
        let mut known = BTreeSet::new();
        let all = runs.iter().flat_map(|run| &run.ran.rejected);
        let entries: Vec<Rejected> = all
            .filter(|one| {
                let entry = &one.entry;
                known.insert((one.message, entry.reading, entry.reason))
            })
            .cloned()
            .collect();
        if entries.is_empty() {
            return BTreeMap::new();
        }
        let failed = failures(&entries, self.handler.outlets.quarantine(&entries));
        if failed.is_empty() {
            let mut counts: BTreeMap<usize, u32> = BTreeMap::new();
            for entry in &entries {
                *counts.entry(entry.message).or_default() += 1;
            }
            self.quarantined.extend(counts);
        }
        failed
    }

    fn write_rows(
        &mut self,
        messages: &[Incoming],
        runs: &[GroupRan],
    ) -> Result<Vec<Rejected>, String> {
        type Version<'a> = Box<dyn Fn(&Row) -> i64 + Sync + 'a>;
        let items = &self.items;
        let with_rows: Vec<&GroupRan> =
            runs.iter().filter(|run| !run.ran.rows.is_empty()).collect();
        let versions: Vec<Version<'_>> = with_rows
            .iter()
            .map(|run| {
                let catalog = run.ran.pipeline.engine().catalog().clone();
                let version = move |row: &Row| {
                    let item = items.get(&*catalog.device(row.device));
                    item.map_or(1, |item| item.version as i64 + 1)
                };
                Box::new(version) as Version<'_>
            })
            .collect();
        let rows: Vec<Rows<'_>> = with_rows
            .iter()
            .zip(&versions)
            .map(|(run, version)| Rows {
                batch: &run.ran.rows,
                catalog: run.ran.pipeline.engine().catalog(),
                version,
            })
            .collect();
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let began = Instant::now();
        let refused = self.handler.outlets.write_rows(&rows);
        self.metrics.rows_latency += began.elapsed();
        let config = &self.handler.settings.config;
        let refused = refused?.into_iter();
        Ok(refused
            .map(|refused| rejected(config, refused_entry(&refused, messages), messages))
            .collect())
    }

    fn count(&mut self, runs: &[GroupRan], refused: &[Rejected]) {
        for run in runs {
            self.metrics.readings.add(&run.ran.readings);
            self.metrics.untimed |= run.ran.untimed;
        }
        for entry in refused {
            self.metrics.note_refused();
            *self.quarantined.entry(entry.message).or_default() += 1;
        }
        let all = runs.iter().flat_map(|run| &run.ran.rejected).chain(refused);
        for entry in all {
            let reason = entry.entry.reason.as_str();
            *self.metrics.reasons.entry(reason).or_default() += 1;
        }
    }
}

/// The messages whose entries did not arrive, by reason.
fn failures(entries: &[Rejected], sent: Vec<Result<(), String>>) -> BTreeMap<usize, String> {
    let sent = entries.iter().zip(sent);
    sent.filter_map(|(entry, sent)| Some((entry.message, sent.err()?)))
        .collect()
}
