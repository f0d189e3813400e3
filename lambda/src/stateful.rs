//! `state = "dynamodb"`: the memory of each device is loaded, run and committed.
//!
//! ```text
//! load ─▶ leave out what was applied ─▶ run ─▶ quarantine, rows ─▶ commit per device
//!              ▲                                                      │        │
//!              └────────────── conflict: the newer item ──────────────┘        ▼
//!                                               alerts and shadow ─▶ empty the outbox
//! ```
//!
//! What has been decided is in the outbox of the item that is committed, and leaves
//! after the commit. A commit takes over what the outbox still holds. So a crash at
//! any step loses nothing, and whoever committed last publishes what is left.

mod commit;
mod plan;
mod publish;
mod round;

use std::collections::{BTreeMap, BTreeSet};

use weir_model::Timestamp;
use weir_pipeline::Pipeline;

pub(crate) use round::GroupRan;

use crate::handler::{Handler, RESERVE};
use crate::message::{Incoming, Outcome, Processed};
use crate::metrics::Metrics;
use crate::state::{Item, KEPT_IDS, StateStore};

/// One invocation.
pub(crate) struct Stateful<'h> {
    pub(crate) handler: &'h Handler,
    pub(crate) store: &'h dyn StateStore,
    deadline: Timestamp,
    pub(crate) metrics: &'h mut Metrics,
    /// The devices of each message.
    devices: Vec<Vec<String>>,
    pub(crate) items: BTreeMap<String, Item>,
    /// Devices that cannot go on, by reason: what follows of them would come out of
    /// turn.
    pub(crate) broken: BTreeMap<String, String>,
    /// What was committed of a message and a device.
    parts: BTreeMap<(usize, String), Processed>,
    /// Rejected readings of a message.
    quarantined: BTreeMap<usize, u32>,
    /// Messages that fail whatever becomes of their devices, by reason.
    failed: BTreeMap<usize, String>,
}

impl<'h> Stateful<'h> {
    pub(crate) fn new(
        handler: &'h Handler,
        store: &'h dyn StateStore,
        deadline: Timestamp,
        metrics: &'h mut Metrics,
    ) -> Self {
        Self {
            handler,
            store,
            deadline,
            metrics,
            devices: Vec::new(),
            items: BTreeMap::new(),
            broken: BTreeMap::new(),
            parts: BTreeMap::new(),
            quarantined: BTreeMap::new(),
            failed: BTreeMap::new(),
        }
    }

    pub(crate) fn process(mut self, messages: &[Incoming]) -> Vec<Outcome> {
        self.devices = self.devices_of(messages);
        let all: BTreeSet<&String> = self.devices.iter().flatten().collect();
        let all: Vec<String> = all.into_iter().cloned().collect();
        if let Err(reason) = self.load(&all) {
            return vec![Outcome::Failed(reason); messages.len()];
        }
        let first = first_of_each_id(messages);
        let unique: Vec<usize> = (0..messages.len()).filter(|at| first[*at] == *at).collect();
        for chunk in self.chunks(messages, &unique) {
            self.round(messages, &chunk);
        }
        let outcomes: Vec<Outcome> = (0..messages.len()).map(|at| self.outcome(at)).collect();
        first.iter().map(|at| outcomes[*at].clone()).collect()
    }

    fn devices_of(&self, messages: &[Incoming]) -> Vec<Vec<String>> {
        let pipeline = Pipeline::new(&self.handler.settings.config);
        let devices = messages.iter().map(|message| match message.fault {
            Some(_) => Vec::new(),
            None => pipeline.engine().devices_of(&message.message()),
        });
        devices.collect()
    }

    /// Puts the items of devices into `items`, from the cache or from the store.
    pub(crate) fn load(&mut self, devices: &[String]) -> Result<(), String> {
        let mut missing: Vec<&str> = Vec::new();
        {
            let mut cache = self.handler.lock_cache();
            for device in devices {
                match cache.get(device) {
                    Some(item) => {
                        self.items.insert(device.clone(), item);
                    }
                    None => missing.push(device),
                }
            }
        }
        if missing.is_empty() {
            return Ok(());
        }
        self.metrics.state_reads += missing.len() as u64;
        let loaded = self
            .store
            .load(&missing)
            .map_err(|error| error.to_string())?;
        for item in loaded {
            self.items.insert(item.device.clone(), item);
        }
        Ok(())
    }

    /// Messages are cut so that an item can keep the ids of all that one commit
    /// applies.
    fn chunks(&self, messages: &[Incoming], unique: &[usize]) -> Vec<Vec<usize>> {
        let mut chunks = vec![Vec::new()];
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for at in unique {
            let is_named = matches!(messages[*at].id, crate::message::MessageId::Named(_));
            let devices = &self.devices[*at];
            let is_full = |device: &String| {
                counts
                    .get(device.as_str())
                    .is_some_and(|count| *count >= KEPT_IDS)
            };
            if is_named && devices.iter().any(is_full) {
                chunks.push(Vec::new());
                counts.clear();
            }
            for device in devices {
                *counts.entry(device).or_default() += 1;
            }
            if let Some(chunk) = chunks.last_mut() {
                chunk.push(*at);
            }
        }
        chunks
    }

    pub(crate) fn has_time(&self) -> bool {
        let now = (self.handler.settings.clock)();
        now.saturating_add_nanos(RESERVE) < self.deadline
    }

    pub(crate) fn break_device(&mut self, device: &str, reason: &str) {
        self.broken
            .entry(device.to_owned())
            .or_insert_with(|| reason.to_owned());
    }

    fn outcome(&self, at: usize) -> Outcome {
        if let Some(reason) = self.failed.get(&at) {
            return Outcome::Failed(reason.clone());
        }
        let mut sum = Processed {
            quarantined: self.quarantined.get(&at).copied().unwrap_or_default(),
            ..Processed::default()
        };
        for device in &self.devices[at] {
            match self.parts.get(&(at, device.clone())) {
                Some(part) => sum.add(part),
                None => {
                    let reason = self.broken.get(device).map_or("it was not run", |r| r);
                    return Outcome::Failed(reason.to_owned());
                }
            }
        }
        Outcome::Done(sum)
    }
}

/// For each message the first one of the same id.
fn first_of_each_id(messages: &[Incoming]) -> Vec<usize> {
    let mut known: BTreeMap<u64, usize> = BTreeMap::new();
    let ids = messages.iter().map(|message| message.id.hash());
    ids.enumerate()
        .map(|(at, id)| *known.entry(id).or_insert(at))
        .collect()
}
