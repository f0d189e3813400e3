//! What a kind of function is: settings, a memory per series, and a step
//! `(memory, reading) → conclusion`. Each kind implements [`Kind`] once, for its
//! settings; `kinds.rs` is the table of all kinds and says how to add one.
//!
//! A kind is pure: the same readings give the same conclusions and the same
//! memory. It allocates nothing per reading.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::conclusion::Conclusion;
use crate::input::{Input, InputValue};
use crate::inspect::fact::Fact;

/// When a function runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Before anything learns from the reading: it may keep it from that.
    Check,
    /// On what passed the checks.
    Detect,
    /// As [`Self::Detect`], once the message is done, with all that it brought.
    Batch,
    /// Not on single readings: when time passes, or for a device as a whole.
    Device,
}

impl Stage {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Check => "check",
            Self::Detect => "detect",
            Self::Batch => "batch",
            Self::Device => "device",
        }
    }
}

/// A kind of function, implemented for the settings of one.
pub(crate) trait Kind {
    /// What it remembers of one series; `()` if nothing.
    type Memory: Serialize + DeserializeOwned;

    const STAGE: Stage;
    /// It checks late readings too. Only for a check that remembers nothing.
    const CHECKS_LATE: bool = false;

    /// A memory that has seen nothing.
    fn empty(&self) -> Self::Memory;

    /// Concludes from a reading. A detector sees only readings that are newer than
    /// all before them. From a text most kinds conclude nothing.
    #[inline]
    fn step(&self, memory: &mut Self::Memory, input: &Input<'_>) -> Conclusion {
        match input.value {
            InputValue::Number(value) => self.step_number(memory, input.time, value),
            InputValue::Text(_) => Conclusion::QUIET,
        }
    }

    /// As [`Self::step`], from a number. `time` is in nanoseconds.
    #[inline]
    fn step_number(&self, _memory: &mut Self::Memory, _time: i64, _value: f64) -> Conclusion {
        Conclusion::QUIET
    }

    /// The conclusion where it no longer selects the series: nothing, so that
    /// what it raised is cleared.
    fn step_inactive(&self, _memory: &mut Self::Memory, _input: &Input<'_>) -> Conclusion {
        Conclusion::QUIET
    }

    /// Its settings, but for the keys that every function has.
    fn settings(&self) -> Vec<Fact>;

    /// What it remembers.
    fn facts(&self, _memory: &Self::Memory) -> Vec<Fact> {
        Vec::new()
    }

    /// The settings that the memory depends on, as text: a function of the same
    /// name, kind and shape keeps its memory when its other settings change. It
    /// is part of snapshots.
    fn shape(&self) -> String {
        String::new()
    }

    /// What the memory takes beside its own size, in bytes.
    fn heap_bytes(&self) -> usize {
        0
    }

    /// The sensor that it feeds, if it computes readings.
    fn output(&self) -> Option<&str> {
        None
    }

    /// Appends a memory as [`Self::read`] reads it.
    fn write(memory: &Self::Memory, into: Vec<u8>) -> Vec<u8> {
        postcard::to_extend(memory, into).expect("plain values go into memory")
    }

    /// A memory out of a snapshot. `None` when it is not one of this kind.
    fn read(&self, bytes: &[u8]) -> Option<Self::Memory> {
        whole(bytes)
    }
}

/// A value that takes all of the bytes.
pub(crate) fn whole<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    match postcard::take_from_bytes(bytes) {
        Ok((value, [])) => Some(value),
        _ => None,
    }
}
