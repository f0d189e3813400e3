//! From the readings of a message to calls, and from calls to verdicts.
//!
//! Readings wait until their message is done, and each function is then called
//! with all of its own: in pieces of at most [`MAX_READINGS`] and [`MAX_BYTES`],
//! in their order, a series' state going from piece to piece. So what a call gets
//! follows from the message alone.
//!
//! A call that fails gives no verdicts and leaves states as they were; the
//! readings are stored all the same. So many failures in a row trip the function:
//! it is not called again until it is changed. Failures in a row and tripping are
//! part of the snapshot; what is counted for metrics is not.

use ahash::RandomState;
use hashbrown::HashMap;
use serde::{Deserialize, Serialize};
use weir_config::{FunctionKind, Wasm};
use weir_model::Position;

use super::frame::{Failure, Frame, READING};
use super::program::program;
use crate::batch::Batch;
use crate::conclusion::Conclusion;
use crate::inspect::meter::Meter;
use crate::kinds::State;
use crate::pending::Pending;
use crate::rules::Rules;
use crate::state::index::{FunctionIx, SlotIx};
use crate::state::slot::SlotMemory;
use crate::text::stable_hash;

/// Readings of one call.
const MAX_READINGS: usize = 1_024;
/// Bytes of one call's readings and states, or of one reading and its state.
const MAX_BYTES: usize = 256 << 10;

/// All functions that are modules, and what is on its way to them.
#[derive(Debug, Default)]
pub(crate) struct Runs {
    pub(crate) pending: Vec<Pending>,
    functions: Vec<Run>,
    frame: Frame,
    piece: Vec<Pending>,
    /// The slots of a piece in the order of their first reading, and their places.
    slots: Vec<SlotIx>,
    place_of: HashMap<SlotIx, u32, RandomState>,
    concluded: Vec<Conclusion>,
}

/// One function.
#[derive(Debug)]
struct Run {
    function: FunctionIx,
    kept: Kept,
    calls: u64,
    readings: u64,
    /// By kind, in the order of their first coming.
    failures: Vec<(&'static str, u64)>,
    last: Option<ModuleFailure>,
}

/// What a snapshot keeps of a function that has failed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Kept {
    name: String,
    /// Of the module and all settings: another one starts at zero.
    fingerprint: u64,
    failing: u32,
    /// Why it is no longer called.
    tripped: Option<String>,
}

impl Kept {
    /// Adds what another snapshot keeps: of each function the most failures count.
    pub(crate) fn join(all: &mut Vec<Self>, others: Vec<Self>) {
        for other in others {
            let same = |known: &&mut Self| {
                (&known.name, known.fingerprint) == (&other.name, other.fingerprint)
            };
            match all.iter_mut().find(same) {
                Some(known) if known.failing < other.failing => *known = other,
                Some(_) => {}
                None => all.push(other),
            }
        }
    }
}

/// The last call that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModuleFailure {
    pub position: Position,
    /// A sentence.
    pub reason: String,
}

/// How a module is doing.
#[derive(Clone, Copy, Debug)]
pub struct ModuleReport<'a> {
    pub function: &'a str,
    /// Since the start of the process, as all counts here.
    pub calls: u64,
    pub readings: u64,
    /// Calls that failed, by kind: `fuel`, `timeout`, `memory`, `trap`, `status`,
    /// `interface`, `unusable`.
    pub failures: &'a [(&'static str, u64)],
    pub last: Option<&'a ModuleFailure>,
    /// Failures since the last call that did not fail.
    pub failing: u32,
    /// Why it is no longer called, until it is changed.
    pub tripped: Option<&'a str>,
}

impl Runs {
    /// `kept` comes from a snapshot.
    pub(crate) fn new(rules: &Rules, kept: Vec<Kept>) -> Self {
        let functions = rules.iter().filter_map(|(function, rule)| {
            let FunctionKind::Wasm(settings) = &rule.kind else {
                return None;
            };
            let new = Kept {
                name: rule.name.clone(),
                fingerprint: fingerprint(settings),
                ..Kept::default()
            };
            let same = |old: &&Kept| (&old.name, old.fingerprint) == (&new.name, new.fingerprint);
            Some(Run {
                function,
                kept: kept.iter().find(same).unwrap_or(&new).clone(),
                calls: 0,
                readings: 0,
                failures: Vec::new(),
                last: None,
            })
        });
        Self {
            functions: functions.collect(),
            ..Self::default()
        }
    }

    /// For other rules. Counts continue by name.
    pub(crate) fn follow(&mut self, rules: &Rules) {
        let old = std::mem::take(self);
        let kept = old.functions.iter().map(|run| run.kept.clone());
        *self = Self::new(rules, kept.collect());
        for run in &mut self.functions {
            let mut before = old.functions.iter();
            if let Some(old) = before.find(|old| old.kept.name == run.kept.name) {
                (run.calls, run.readings) = (old.calls, old.readings);
                run.failures.clone_from(&old.failures);
            }
        }
    }

    /// Of those that have failed last.
    pub(crate) fn kept(&self) -> Vec<&Kept> {
        let kept = self.functions.iter().map(|run| &run.kept);
        kept.filter(|kept| kept.failing > 0).collect()
    }

    pub(crate) fn reports(&self) -> impl Iterator<Item = ModuleReport<'_>> {
        self.functions.iter().map(|run| ModuleReport {
            function: &run.kept.name,
            calls: run.calls,
            readings: run.readings,
            failures: &run.failures,
            last: run.last.as_ref(),
            failing: run.kept.failing,
            tripped: run.kept.tripped.as_deref(),
        })
    }

    /// Calls the functions with what waits for them.
    pub(crate) fn run(
        &mut self,
        rules: &Rules,
        slots: &mut [SlotMemory],
        position: Position,
        meter: &mut Meter,
        out: &mut Batch,
    ) {
        for at in 0..self.functions.len() {
            let function = self.functions[at].function;
            let Some(FunctionKind::Wasm(settings)) = rules.kind(function) else {
                continue;
            };
            let by_bytes = MAX_BYTES / (READING + usize::from(settings.state));
            let most = by_bytes.clamp(1, MAX_READINGS);
            let mut from = 0;
            while self.gather(function, most, &mut from) {
                if self.functions[at].kept.tripped.is_some() {
                    break;
                }
                let began = meter.begin(function);
                let called = self.call(settings, slots);
                meter.end(function, began);
                match called {
                    Ok(()) => self.emit(position, meter, out),
                    Err(_) => meter.note_error(function),
                }
                let readings = self.piece.len() as u64;
                self.functions[at].note(settings, position, readings, called);
            }
        }
        self.pending.clear();
    }

    /// The next piece of a function, from the pending reading `from` on.
    fn gather(&mut self, function: FunctionIx, most: usize, from: &mut usize) -> bool {
        self.piece.clear();
        while let Some(next) = self.pending.get(*from)
            && self.piece.len() < most
        {
            *from += 1;
            if next.function == function {
                self.piece.push(*next);
            }
        }
        !self.piece.is_empty()
    }

    fn call(&mut self, settings: &Wasm, slots: &mut [SlotMemory]) -> Result<(), Failure> {
        let program = program(&settings.module)
            .as_ref()
            .map_err(|reason| Failure::Unusable(reason.clone()))?;
        self.slots.clear();
        self.place_of.clear();
        for reading in &self.piece {
            if self.slots.last() != Some(&reading.slot)
                && !self.place_of.contains_key(&reading.slot)
            {
                self.place_of.insert(reading.slot, self.slots.len() as u32);
                self.slots.push(reading.slot);
            }
        }
        let frame = &mut self.frame;
        frame.begin(settings, self.piece.len(), self.slots.len());
        for reading in &self.piece {
            let place = self.place_of[&reading.slot];
            frame.put_reading(reading.time.0, reading.value, place);
        }
        for slot in &self.slots {
            match &slots[slot.index()].state {
                State::Wasm(state) => frame.put_state(state),
                _ => frame.put_state(&[]),
            }
        }
        program.call(settings, frame)?;
        frame.verdicts(settings, &mut self.concluded)?;
        for (slot, new) in self.slots.iter().zip(frame.states()) {
            if let State::Wasm(state) = &mut slots[slot.index()].state {
                **state = new.into();
            }
        }
        Ok(())
    }

    fn emit(&self, position: Position, meter: &mut Meter, out: &mut Batch) {
        for (reading, concluded) in self.piece.iter().zip(&self.concluded) {
            meter.note(reading.function, concluded);
            out.verdicts.push(reading.verdict(position, concluded));
        }
    }
}

impl Run {
    fn note(
        &mut self,
        settings: &Wasm,
        position: Position,
        readings: u64,
        called: Result<(), Failure>,
    ) {
        self.calls += 1;
        self.readings += readings;
        let Err(failure) = called else {
            self.kept.failing = 0;
            return;
        };
        let kind = failure.kind();
        match self.failures.iter_mut().find(|(known, _)| *known == kind) {
            Some((_, count)) => *count += 1,
            None => self.failures.push((kind, 1)),
        }
        let reason = failure.to_string();
        self.kept.failing = self.kept.failing.saturating_add(1);
        let hopeless = matches!(failure, Failure::Unusable(_));
        if hopeless || self.kept.failing >= settings.max_failures {
            self.kept.tripped = Some(reason.clone());
        }
        self.last = Some(ModuleFailure { position, reason });
    }
}

/// Of everything that decides what a call does.
fn fingerprint(settings: &Wasm) -> u64 {
    let Wasm {
        module,
        state,
        state_version,
        params,
        reasons,
        fuel,
        memory,
        timeout,
        max_failures,
    } = settings;
    let digest = module.content.digest();
    let limits = (fuel, memory, timeout, max_failures);
    let text = format!("{digest} {state} {state_version:?} {params:?} {reasons:?} {limits:?}");
    stable_hash(text.as_bytes())
}
