//! Messages through one pipeline, and its effects by message and device.
//!
//! A run is for some devices. A message may be of others too: what it does to them
//! in this run is left out. They are run elsewhere, or were run before.

use std::collections::{BTreeMap, BTreeSet};

use weir_config::Config;
use weir_model::{
    Alert, DeviceIx, Flags, Position, QuarantineEntry, RowBatch, Timestamp, Value, tick,
};
use weir_pipeline::{Effects, Pipeline};

use crate::message::{Incoming, Processed};
use crate::outlets::Rejected;

/// Ticks for one device between two messages: far more than it has functions that
/// notice silence.
const MAX_TICKS: usize = 64;
/// Of no message.
const TICK: Position = Position(u64::MAX);
/// The engine looks at everyone once a second.
const LOOK: i64 = 1_000_000_000;

/// Readings by their outcome: `received = stored + quarantined + deduplicated`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Readings {
    pub(crate) received: u64,
    pub(crate) stored: u64,
    pub(crate) quarantined: u64,
    pub(crate) deduplicated: u64,
}

impl Readings {
    pub(crate) fn add(&mut self, other: &Self) {
        self.received += other.received;
        self.stored += other.stored;
        self.quarantined += other.quarantined;
        self.deduplicated += other.deduplicated;
    }
}

/// What messages did.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) pipeline: Pipeline,
    /// The rows of the run's devices. Their positions are indexes of messages.
    pub(crate) rows: RowBatch,
    /// The alerts of the run's devices, in their order.
    pub(crate) alerts: Vec<Alert>,
    pub(crate) rejected: Vec<Rejected>,
    /// By message and device.
    pub(crate) parts: BTreeMap<(usize, String), Processed>,
    pub(crate) readings: Readings,
    /// Some reading got the time of receipt.
    pub(crate) untimed: bool,
}

/// Which devices a run is for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Devices<'a> {
    All,
    Only(&'a BTreeSet<String>),
}

impl Devices<'_> {
    fn has(&self, device: &str) -> bool {
        match self {
            Self::All => true,
            Self::Only(devices) => devices.contains(device),
        }
    }
}

/// Runs messages in their order; `at` are their indexes.
pub(crate) fn run(
    config: &Config,
    mut pipeline: Pipeline,
    devices: Devices<'_>,
    messages: &[Incoming],
    at: &[usize],
) -> Ran {
    let mut effects = Effects::default();
    for index in at {
        let message = &messages[*index];
        pass_time(&mut pipeline, devices, message.received, &mut effects);
        let position = Position(*index as u64);
        let before = effects.quarantined.len();
        match message.fault {
            Some(fault) => {
                pipeline.on_corrupt(position, fault, &message.payload, &mut effects);
                for entry in &mut effects.quarantined[before..] {
                    complete(entry, message);
                }
            }
            None => pipeline.on_message(position, &message.message(), &mut effects),
        }
    }
    collect(config, pipeline, devices, messages, effects)
}

/// Lets time pass up to `until`, so that silence is noticed when it is due.
pub(crate) fn pass_time_only(
    config: &Config,
    mut pipeline: Pipeline,
    names: &BTreeSet<String>,
    until: Timestamp,
) -> Ran {
    let mut effects = Effects::default();
    let devices = Devices::Only(names);
    let is_known = |device: &String| pipeline.engine().device_ix(device).is_some();
    if !names.iter().all(is_known) {
        // The first look at a device begins its time.
        let before = until.saturating_add_nanos(-LOOK);
        pipeline.on_message(TICK, &tick(before), &mut effects);
    }
    pass_time(&mut pipeline, devices, until, &mut effects);
    pipeline.bridge_silence(Timestamp(until.0.saturating_sub(1)));
    pipeline.on_message(TICK, &tick(until), &mut effects);
    collect(config, pipeline, devices, &[], effects)
}

/// Ticks at the moments at which the devices of the run wait for one.
fn pass_time(
    pipeline: &mut Pipeline,
    devices: Devices<'_>,
    until: Timestamp,
    effects: &mut Effects,
) {
    let Devices::Only(devices) = devices else {
        return;
    };
    if !pipeline.wants_ticks() {
        return;
    }
    let mut last = Timestamp(i64::MIN);
    for _ in 0..MAX_TICKS {
        let engine = pipeline.engine();
        let due = devices
            .iter()
            .filter_map(|device| engine.due(engine.device_ix(device)?))
            .min();
        let Some(due) = due else { break };
        let due = due.max(last.saturating_add_nanos(LOOK));
        if due > until {
            break;
        }
        pipeline.bridge_silence(due);
        pipeline.on_message(TICK, &tick(due), effects);
        last = due;
    }
    pipeline.bridge_silence(Timestamp(until.0.saturating_sub(1)));
}

/// What is known of a message that cannot be read.
fn complete(entry: &mut QuarantineEntry, message: &Incoming) {
    entry.topic = message.topic.clone();
    entry.client = message.client.clone();
    entry.ingress = message.message().ingress;
    entry.received = message.received;
}

fn collect(
    config: &Config,
    pipeline: Pipeline,
    devices: Devices<'_>,
    messages: &[Incoming],
    effects: Effects,
) -> Ran {
    let Effects {
        batch,
        alerts,
        quarantined,
        ..
    } = effects;
    let names: BTreeMap<DeviceIx, String> = known_devices(&pipeline);
    let is_own = |device: DeviceIx| devices.has(&names[&device]);
    let mut parts: BTreeMap<(usize, String), Processed> = BTreeMap::new();
    for row in batch.rows.rows.iter().filter(|row| is_own(row.device)) {
        let key = (row.position.0 as usize, names[&row.device].clone());
        let part = parts.entry(key).or_default();
        part.readings += row.cell_count;
        part.timestamp = part.timestamp.max(Some(row.time));
    }
    let mut beyond: BTreeSet<(usize, DeviceIx, Timestamp, &str)> = BTreeSet::new();
    for verdict in batch
        .verdicts
        .iter()
        .filter(|verdict| is_own(verdict.device))
    {
        let sensor = pipeline.engine().slot(verdict.slot).sensor;
        let message = verdict.position.0 as usize;
        if verdict.level.is_some() && beyond.insert((message, verdict.device, verdict.time, sensor))
        {
            let key = (message, names[&verdict.device].clone());
            parts.entry(key).or_default().alerts += 1;
        }
    }
    let all = batch.rows.cells.len() as u64;
    let rows = own_rows(batch.rows, &is_own);
    let stored = rows.cells.len() as u64;
    let readings = Readings {
        received: batch.received,
        stored,
        quarantined: quarantined.len() as u64,
        deduplicated: batch.deduplicated + (all - stored),
    };
    let rejected = quarantined
        .into_iter()
        .map(|entry| rejected(config, entry, messages))
        .collect();
    let alerts = alerts.into_iter();
    let untimed = rows
        .rows
        .iter()
        .any(|row| row.flags.contains(Flags::TIME_RECEIVED));
    Ran {
        untimed,
        rows,
        alerts: alerts
            .filter(|alert| devices.has(&alert.device_id))
            .collect(),
        rejected,
        parts,
        readings,
        pipeline,
    }
}

fn known_devices(pipeline: &Pipeline) -> BTreeMap<DeviceIx, String> {
    let names = pipeline.engine().catalog().devices();
    let names = (0..).map(DeviceIx).zip(names.iter());
    names.map(|(ix, name)| (ix, name.to_string())).collect()
}

/// The rows of the run's devices; all of them, nearly always.
fn own_rows(all: RowBatch, is_own: &dyn Fn(DeviceIx) -> bool) -> RowBatch {
    if all.rows.iter().all(|row| is_own(row.device)) {
        return all;
    }
    let mut own = RowBatch {
        texts: all.texts.clone(),
        ..RowBatch::default()
    };
    for row in all.rows.iter().filter(|row| is_own(row.device)) {
        let mut copy = *row;
        copy.first_cell = own.cells.len() as u32;
        own.cells.extend_from_slice(all.cells_of(row));
        own.rows.push(copy);
    }
    debug_assert!(own.cells.iter().all(|cell| match cell.value {
        Value::Text(text) => (text as usize) < own.texts.len(),
        Value::Number(_) => true,
    }));
    own
}

pub(crate) fn rejected(config: &Config, entry: QuarantineEntry, messages: &[Incoming]) -> Rejected {
    let message = entry.position.0 as usize;
    let mut routes = config.routes.iter();
    let device = routes.find_map(|route| route.topic.captures(&entry.topic)?.device);
    Rejected {
        device: device.unwrap_or("unknown").to_owned(),
        message,
        message_id: messages
            .get(message)
            .map_or_else(String::new, |message| message.id.text().to_owned()),
        entry,
    }
}
