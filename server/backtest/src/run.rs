//! Devices through the engine and the alarm engine, on all cores.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, Result};
use parking_lot::Mutex;
use weir_config::{Config, Route, TopicPattern};
use weir_engine::{Batch, Engine};
use weir_model::{Alert, Flags, Ingress, Message, Position, QuarantineReason};
use weir_pipeline::{Effects, Pipeline};

use super::readings::{Content, Reading, Readings};

/// Readings between two looks at the verdicts.
const CHUNK: usize = 1_024;

/// What became of the readings of one device under one configuration.
#[derive(Debug, Default)]
pub struct Outcome {
    /// In the order of the readings that caused them.
    pub alerts: Vec<Alert>,
    /// Scores by function and then by place among the device's readings; of
    /// functions that gave any, or give scores by their kind. NaN where none.
    pub scores: Vec<FunctionScores>,
    pub counts: Counts,
}

#[derive(Debug)]
pub struct FunctionScores {
    pub function: String,
    pub scores: Vec<f64>,
    /// Sensors that the function looks at.
    pub sensors: Vec<u32>,
}

/// Counts of readings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub readings: u64,
    /// Not newer than the one before: no function sees it, as in a running Weir.
    pub late: u64,
    /// Without a value.
    pub empty: u64,
    pub quarantined: BTreeMap<&'static str, u64>,
    /// Calls of WebAssembly functions that failed, by function, and why the last did.
    pub failed: BTreeMap<String, (u64, String)>,
}

impl Counts {
    pub fn add(&mut self, other: &Self) {
        self.readings += other.readings;
        self.late += other.late;
        self.empty += other.empty;
        for (reason, count) in &other.quarantined {
            *self.quarantined.entry(reason).or_default() += count;
        }
        for (function, (count, reason)) in &other.failed {
            let failed = self.failed.entry(function.clone()).or_default();
            failed.0 += count;
            failed.1.clone_from(reason);
        }
    }
}

/// A configuration made fit for readings that do not come from a broker.
#[derive(Debug)]
pub struct Rules {
    config: Config,
    keep_scores: bool,
}

impl Rules {
    pub fn new(mut config: Config, keep_scores: bool) -> Self {
        let topic = TopicPattern::parse("{device}").expect("the pattern is well formed");
        config.routes = vec![Route {
            topic,
            ..Route::default()
        }];
        // Old readings are what a backtest is for.
        config.limits.min_time_ns = i64::MIN;
        Self {
            config,
            keep_scores,
        }
    }

    /// The readings of one device, in their order.
    fn run(&self, readings: &Readings, device: u32, places: &[u32], done: &dyn Fn(u64)) -> Outcome {
        let mut pipeline = Pipeline::new(&self.config).without_reports();
        let mut outcome = Outcome::default();
        let scored = self.keep_scores.then_some(places.len());
        let mut scores = Scores::new(pipeline.engine(), scored);
        let (mut effects, mut payload) = (Effects::default(), String::new());
        let topic = readings.name(device);
        for (nth, chunk) in places.chunks(CHUNK).enumerate() {
            effects.clear();
            let first = nth * CHUNK;
            for (at, place) in chunk.iter().enumerate() {
                let reading = &readings.rows[*place as usize];
                outcome.counts.readings += 1;
                if reading.content == Content::None {
                    outcome.counts.empty += 1;
                    continue;
                }
                write_payload(readings, reading, &mut payload);
                let message = Message {
                    received: reading.time,
                    ingress: Ingress::Http,
                    client: "",
                    topic,
                    payload: payload.as_bytes(),
                    qos: 1,
                    retained: false,
                    duplicate: false,
                };
                pipeline.on_message(Position((first + at) as u64), &message, &mut effects);
            }
            for verdict in &effects.batch.verdicts {
                let at = verdict.position.0 as usize;
                scores.note(verdict, at, readings.rows[places[at] as usize].sensor);
            }
            outcome.alerts.append(&mut effects.alerts);
            outcome.counts.note(&effects.batch);
            done(chunk.len() as u64);
        }
        outcome.scores = scores.finish();
        outcome.counts.note_failures(pipeline.engine());
        outcome
    }
}

impl Counts {
    pub(super) fn note_failures(&mut self, engine: &Engine) {
        for report in engine.modules() {
            let count = report.failures.iter().map(|(_, count)| count).sum();
            if let Some(last) = report.last {
                let failed = (count, last.reason.clone());
                self.failed.insert(report.function.to_owned(), failed);
            }
        }
    }

    pub(super) fn note(&mut self, batch: &Batch) {
        let late = batch
            .rows
            .rows
            .iter()
            .filter(|row| row.flags.contains(Flags::LATE));
        self.late += late.map(|row| u64::from(row.cell_count)).sum::<u64>();
        for rejected in &batch.quarantined {
            let reason: QuarantineReason = rejected.reason;
            *self.quarantined.entry(reason.as_str()).or_default() += 1;
        }
    }
}

/// As a device would send it; the time goes as the message's, which knows
/// nanoseconds.
fn write_payload(readings: &Readings, reading: &Reading, into: &mut String) {
    into.clear();
    into.push_str("{\"data\":[{\"sensorId\":");
    push_text(into, readings.name(reading.sensor));
    into.push_str(",\"value\":");
    match &reading.content {
        // Debug, as that marks a whole number as one that may be rounded.
        Content::Number(value) => write!(into, "{value:?}").expect("a string takes everything"),
        Content::Text(text) => push_text(into, text),
        Content::None => into.push_str("null"),
    }
    for (member, name) in [("unit", reading.unit), ("location", reading.location)] {
        let text = readings.name(name);
        if !text.is_empty() {
            write!(into, ",\"{member}\":").expect("a string takes everything");
            push_text(into, text);
        }
    }
    into.push_str("}]}");
}

fn push_text(into: &mut String, text: &str) {
    let quoted = serde_json::to_string(text).expect("a text is always JSON");
    into.push_str(&quoted);
}

/// Scores as they come, by function.
struct Scores {
    /// By `Verdict::function`; empty when they are not wanted.
    by_function: Vec<FunctionScores>,
    scored: Vec<bool>,
}

impl Scores {
    fn new(engine: &Engine, readings: Option<usize>) -> Self {
        let functions = readings.map_or(&[][..], |_| engine.functions());
        let scores = |function: &weir_engine::FunctionInfo| FunctionScores {
            function: function.name.to_string(),
            scores: vec![f64::NAN; readings.unwrap_or(0)],
            sensors: Vec::new(),
        };
        Self {
            by_function: functions.iter().map(scores).collect(),
            scored: functions.iter().map(|f| f.gives_scores).collect(),
        }
    }

    fn note(&mut self, verdict: &weir_model::Verdict, at: usize, sensor: u32) {
        let function = usize::from(verdict.function);
        let Some(of) = self.by_function.get_mut(function) else {
            return;
        };
        of.scores[at] = verdict.score;
        self.scored[function] |= !verdict.score.is_nan();
        if !of.sensors.contains(&sensor) {
            of.sensors.push(sensor);
        }
    }

    fn finish(self) -> Vec<FunctionScores> {
        let functions = self.by_function.into_iter().zip(self.scored);
        functions
            .filter(|(_, scored)| *scored)
            .map(|(scores, _)| scores)
            .collect()
    }
}

/// The outcome of each device under each configuration, in the order of devices.
pub fn run(
    rules: &[Rules],
    readings: &Readings,
    devices: &[(u32, Vec<u32>)],
    done: &(dyn Fn(u64) + Sync),
) -> Result<Vec<Vec<Outcome>>> {
    let next = AtomicUsize::new(0);
    let outcomes: Vec<Mutex<Vec<Outcome>>> = devices.iter().map(|_| Mutex::default()).collect();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        let work = || {
            loop {
                let at = next.fetch_add(1, Ordering::Relaxed);
                let (Some((device, places)), Some(slot)) = (devices.get(at), outcomes.get(at))
                else {
                    return;
                };
                let run = |rules: &Rules| rules.run(readings, *device, places, done);
                *slot.lock() = rules.iter().map(run).collect();
            }
        };
        let workers: Vec<_> = (0..cores.min(devices.len()))
            .map(|_| scope.spawn(work))
            .collect();
        for worker in workers {
            worker
                .join()
                .ok()
                .context("a worker of the backtest panicked")?;
        }
        anyhow::Ok(())
    })?;
    Ok(outcomes.into_iter().map(Mutex::into_inner).collect())
}

#[cfg(test)]
mod tests;
