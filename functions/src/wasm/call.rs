//! One call: a batch in, verdicts and states out, or why not.

use std::fmt;
use std::ops::Range;

use thiserror::Error;
use wasmtime::{Store, Trap};
use weir_config::Wasm;
use weir_model::{Severity, Side, Why};

use super::program::{EVALUATE, INPUT, Limiter, MEMORY, Program, TICK, one_line};
use crate::conclusion::Conclusion;

const VERSION: u32 = 1;
const HEADER: usize = 32;
/// Bytes of one reading, verdict included.
pub(super) const READING: usize = 48;
/// Where the verdict stands in it.
const VERDICT: usize = 24;

/// Why a call gave nothing.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub(super) enum Failure {
    #[error("the module cannot be used: {0}")]
    Unusable(String),
    #[error("it ran out of fuel (fuel)")]
    Fuel,
    #[error("it took longer than its timeout (timeout)")]
    Deadline,
    #[error("it wanted more memory than it may have (memory), and then: {0}")]
    Memory(String),
    #[error("it trapped: {0}")]
    Trap(String),
    #[error("it gave the status {0}")]
    Status(i32),
    #[error("it broke the interface: {0}")]
    Interface(String),
}

impl Failure {
    /// For metrics.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Unusable(_) => "unusable",
            Self::Fuel => "fuel",
            Self::Deadline => "timeout",
            Self::Memory(_) => "memory",
            Self::Trap(_) => "trap",
            Self::Status(_) => "status",
            Self::Interface(_) => "interface",
        }
    }
}

/// A batch on its way, reused from call to call.
#[derive(Debug, Default)]
pub(super) struct Frame {
    bytes: Vec<u8>,
    readings: usize,
    states: Range<usize>,
    state_length: usize,
}

impl Frame {
    /// Begins a batch of `readings` of `series` series. Both are to be put next,
    /// all readings first.
    pub(super) fn begin(&mut self, settings: &Wasm, readings: usize, series: usize) {
        let state = usize::from(settings.state);
        let numbers_at = HEADER;
        let readings_at = numbers_at + settings.params.len() * 8;
        let states_at = readings_at + readings * READING;
        self.readings = readings;
        self.states = states_at..states_at + series * state;
        self.state_length = state;
        self.bytes.clear();
        self.bytes.reserve(self.states.end);
        let header = [
            VERSION as usize,
            readings,
            series,
            state,
            settings.params.len(),
            numbers_at,
            readings_at,
            states_at,
        ];
        for number in header {
            self.bytes.extend((number as u32).to_le_bytes());
        }
        for number in &settings.params {
            self.bytes.extend(number.to_le_bytes());
        }
    }

    pub(super) fn put_reading(&mut self, time: i64, value: f64, series: u32) {
        self.bytes.extend(time.to_le_bytes());
        self.bytes.extend(value.to_le_bytes());
        self.bytes.extend(series.to_le_bytes());
        self.bytes.extend([0; 12]);
        self.bytes.extend(f64::NAN.to_le_bytes());
        self.bytes.extend(f64::NAN.to_le_bytes());
    }

    /// Zeroes for a series that has none of this length.
    pub(super) fn put_state(&mut self, state: &[u8]) {
        let end = self.bytes.len() + self.state_length;
        self.bytes.extend(state);
        self.bytes.resize(end, 0);
    }

    /// What the module concluded of a reading.
    fn verdict(&self, nth: usize, reasons: usize) -> Result<Conclusion, String> {
        let at = self.states.start - (self.readings - nth) * READING + VERDICT;
        let bytes = &self.bytes[at..at + READING - VERDICT];
        let number = |at: usize| {
            let bytes = bytes[at..at + 8].try_into().expect("they are eight");
            f64::from_le_bytes(bytes)
        };
        let level = match bytes[0] {
            0 => None,
            1 => Some(Severity::Warning),
            2 => Some(Severity::Critical),
            other => return Err(format!("reading {nth} has level {other}")),
        };
        let side = match bytes[1] {
            0 => Side::High,
            1 => Side::Low,
            other => return Err(format!("reading {nth} has side {other}")),
        };
        let reason = u16::from_le_bytes([bytes[2], bytes[3]]);
        if usize::from(reason) > reasons {
            return Err(format!(
                "reading {nth} has reason {reason}, and the configuration has {reasons}"
            ));
        }
        let (score, threshold) = (number(8), number(16));
        if score.is_infinite() || threshold.is_infinite() {
            return Err(format!("reading {nth} has an infinite score or threshold"));
        }
        Ok(Conclusion {
            level,
            threshold,
            side,
            score,
            why: Why::Module { reason },
            ..Conclusion::QUIET
        })
    }

    /// What it concluded of each reading; all of them are in order, or none is taken.
    pub(super) fn verdicts(
        &self,
        settings: &Wasm,
        into: &mut Vec<Conclusion>,
    ) -> Result<(), Failure> {
        into.clear();
        for nth in 0..self.readings {
            let verdict = self.verdict(nth, settings.reasons.len());
            into.push(verdict.map_err(Failure::Interface)?);
        }
        Ok(())
    }

    /// What it remembers of each series from now on.
    pub(super) fn states(&self) -> impl Iterator<Item = &[u8]> {
        // Without states there is none to give back.
        self.bytes[self.states.clone()].chunks_exact(self.state_length.max(1))
    }
}

impl Program {
    /// Calls the module with a batch, in an instance of its own.
    pub(super) fn call(&self, settings: &Wasm, frame: &mut Frame) -> Result<(), Failure> {
        let mut store = Store::new(&self.engine, Limiter::new(settings.memory));
        store.limiter(|limiter| limiter);
        let fuel = settings.fuel.saturating_mul(frame.readings as u64 + 1);
        let ticks = settings.timeout.as_nanos().div_ceil(TICK.as_nanos()) + 1;
        store.set_epoch_deadline(u64::try_from(ticks).unwrap_or(u64::MAX));
        let called = store
            .set_fuel(fuel)
            .and_then(|()| self.run(&mut store, frame));
        match called {
            Ok(Ok(())) => Ok(()),
            Ok(Err(failure)) => Err(failure),
            Err(error) => Err(failure(&error, store.data().refused)),
        }
    }

    fn run(
        &self,
        store: &mut Store<Limiter>,
        frame: &mut Frame,
    ) -> wasmtime::Result<Result<(), Failure>> {
        let broke = |what: fmt::Arguments<'_>| Ok(Err(Failure::Interface(what.to_string())));
        let instance = self.instance.instantiate(&mut *store)?;
        let length = frame.bytes.len();
        let input = instance.get_typed_func::<u32, u32>(&mut *store, INPUT)?;
        let address = input.call(&mut *store, length as u32)?;
        let memory = instance.get_memory(&mut *store, MEMORY);
        let Some(memory) = memory else {
            return broke(format_args!("it has no memory"));
        };
        let begin = address as usize;
        let place = begin..begin.saturating_add(length);
        let size = memory.data_size(&*store);
        if address == 0 && length > 0 {
            return broke(format_args!("{INPUT} has no room for {length} bytes"));
        }
        if !address.is_multiple_of(8) || place.end > size {
            return broke(format_args!(
                "{INPUT} gave address {address} for {length} bytes, in {size}"
            ));
        }
        memory.data_mut(&mut *store)[place.clone()].copy_from_slice(&frame.bytes);
        let evaluate = instance.get_typed_func::<(u32, u32), i32>(&mut *store, EVALUATE)?;
        match evaluate.call(&mut *store, (address, length as u32))? {
            0 => {}
            status => return Ok(Err(Failure::Status(status))),
        }
        // Memory only grows.
        frame.bytes.copy_from_slice(&memory.data(&*store)[place]);
        Ok(Ok(()))
    }
}

fn failure(error: &wasmtime::Error, refused: bool) -> Failure {
    let told = match error.downcast_ref::<Trap>() {
        Some(Trap::OutOfFuel) => return Failure::Fuel,
        Some(Trap::Interrupt) => return Failure::Deadline,
        Some(trap) => trap.to_string().replace("wasm trap: ", ""),
        None => one_line(&format!("{error:#}")),
    };
    match refused {
        true => Failure::Memory(told),
        false => Failure::Trap(told),
    }
}
