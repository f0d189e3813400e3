//! The batch that a module gets, as bytes, and the verdicts and states that are
//! read from it after the call. `wasm.rs` draws the format.

use std::ops::Range;

use thiserror::Error;
use weir_config::Wasm;
use weir_model::{Severity, Side, Why};

use crate::conclusion::Conclusion;

const VERSION: u32 = 1;
const HEADER: usize = 32;
/// Bytes of one reading, verdict included.
pub(super) const READING: usize = 48;
/// The offset of the verdict in it.
const VERDICT: usize = 24;

/// Why a call returned no verdicts.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[cfg_attr(
    not(feature = "wasm"),
    expect(
        dead_code,
        reason = "a build without modules only says that they are unusable"
    )
)]
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

/// A batch, reused from call to call.
#[derive(Debug, Default)]
pub(super) struct Frame {
    pub(super) bytes: Vec<u8>,
    pub(super) readings: usize,
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
