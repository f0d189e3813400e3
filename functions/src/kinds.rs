//! The kinds of functions: a closed list, each with its settings, its memory
//! per series and its step `(memory, reading, settings) → (memory, conclusion)`.
//!
//! To add a kind:
//! 1. `config/src/kinds.rs`: a struct of settings and a variant of `FunctionKind`;
//!    `config/src/rules.rs`: its keys and who reads them; the keys also in
//!    `config/src/keys.rs` and, with their documentation, in `config/default.toml`.
//! 2. A module here, under `checks` (before anything learns from a reading) or
//!    `detectors` (after): pure, no allocation per reading, its memory
//!    serialisable and `Default`.
//! 3. A variant in [`Kind`] and [`State`] below, and an arm in each `match`. A
//!    memory of more than 16 bytes is boxed: slots stay small for the series
//!    that are only held to limits.
//! 4. Numbers for the sentence: a variant of `weir_model::Why`, if none fits.
//! 5. `docs/functions/KIND.md`; a golden test beside the module; a line in
//!    `engine/tests/every_kind.rs`, which holds every kind to the laws.

use std::mem::size_of;

use serde::{Deserialize, Serialize};
use weir_config::{Clock, Ewma, FunctionKind, Range};

use crate::checks::{clock, range};
use crate::conclusion::Conclusion;
use crate::detectors::ewma;
use crate::memory::SlotMemory;
use crate::threshold;

/// What a function computes, with its settings.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Kind {
    Threshold(threshold::Limits),
    Range(Range),
    Clock(Clock),
    Ewma(Ewma),
}

/// What a function remembers of a series. On disk each is bytes of its own kind
/// ([`Kind::read`]), so variants may come and go in any order.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum State {
    /// The kind remembers nothing, or the function does not run on the series.
    Nothing,
    Threshold(threshold::Memory),
    Ewma(Box<ewma::Memory>),
}

/// When a function runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Before anything learns from the reading: it may keep it from that.
    Check,
    /// On what passed the checks.
    Detect,
}

/// One reading as a function sees it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Input<'a> {
    /// Nanoseconds.
    pub(crate) time: i64,
    /// When the message came, nanoseconds.
    pub(crate) received: i64,
    pub(crate) value: InputValue<'a>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum InputValue<'a> {
    Number(f64),
    Text(&'a str),
}

impl InputValue<'_> {
    pub(crate) fn number(self) -> Option<f64> {
        match self {
            Self::Number(value) => Some(value),
            Self::Text(_) => None,
        }
    }
}

impl Kind {
    pub(crate) fn new(kind: &FunctionKind) -> Self {
        match kind {
            FunctionKind::Threshold(limits) => Self::Threshold(threshold::Limits::new(limits)),
            FunctionKind::Range(settings) => Self::Range(settings.clone()),
            FunctionKind::Clock(settings) => Self::Clock(settings.clone()),
            FunctionKind::Ewma(settings) => Self::Ewma(settings.clone()),
        }
    }

    pub(crate) fn stage(&self) -> Stage {
        match self {
            Self::Range(_) | Self::Clock(_) => Stage::Check,
            Self::Threshold(_) | Self::Ewma(_) => Stage::Detect,
        }
    }

    /// A check that needs no memory says something of late readings too.
    pub(crate) fn is_stateless(&self) -> bool {
        matches!(self, Self::Range(_) | Self::Clock(_))
    }

    /// The settings that the memory depends on, as text: a function of the same
    /// name, kind and shape keeps its memory when its other settings change. It
    /// stands in snapshots. A threshold keeps level and side: an alarm that is
    /// open is judged by the new limits, and not forgotten.
    pub(crate) fn shape(&self) -> String {
        match self {
            Self::Threshold(_) | Self::Range(_) | Self::Clock(_) | Self::Ewma(_) => String::new(),
        }
    }

    /// A memory that has seen nothing.
    pub(crate) fn empty(&self) -> State {
        match self {
            Self::Threshold(_) => State::Threshold(threshold::Memory::EMPTY),
            Self::Range(_) | Self::Clock(_) => State::Nothing,
            Self::Ewma(_) => State::Ewma(Box::default()),
        }
    }

    /// What one series costs, slot included, in bytes.
    pub(crate) fn memory_bytes(&self) -> usize {
        let boxed = match self {
            Self::Threshold(_) | Self::Range(_) | Self::Clock(_) => 0,
            Self::Ewma(_) => size_of::<ewma::Memory>(),
        };
        size_of::<SlotMemory>() + boxed
    }

    /// Takes one reading in. Of a text most kinds conclude nothing.
    #[inline]
    pub(crate) fn step(&self, state: &mut State, input: &Input<'_>) -> Conclusion {
        let Some(value) = input.value.number() else {
            return Conclusion::QUIET;
        };
        match (self, &mut *state) {
            (Self::Threshold(limits), State::Threshold(memory)) => {
                threshold::decide(limits, memory, value)
            }
            (Self::Range(settings), _) => range::check(settings, value),
            (Self::Clock(settings), _) => clock::check(settings, input.time, input.received),
            (Self::Ewma(settings), State::Ewma(memory)) => {
                ewma::step(memory, settings, input.time, value)
            }
            // Never so: a slot's memory is made by its kind.
            (Self::Threshold(_) | Self::Ewma(_), _) => {
                *state = self.empty();
                Conclusion::QUIET
            }
        }
    }

    /// What it says where it selects the series no more: nothing, so that what
    /// it raised is cleared.
    pub(crate) fn step_inactive(&self, state: &mut State, input: &Input<'_>) -> Conclusion {
        match self {
            Self::Threshold(_) => threshold::step(&threshold::Limits::default(), state, input),
            Self::Range(_) | Self::Clock(_) | Self::Ewma(_) => Conclusion::QUIET,
        }
    }

    /// A memory out of a snapshot. `None` when it is not one of this kind.
    pub(crate) fn read(&self, bytes: &[u8]) -> Option<State> {
        fn of<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Option<T> {
            match postcard::take_from_bytes(bytes) {
                Ok((memory, [])) => Some(memory),
                _ => None,
            }
        }
        match self {
            Self::Threshold(_) => of(bytes).map(State::Threshold),
            Self::Range(_) | Self::Clock(_) => bytes.is_empty().then_some(State::Nothing),
            Self::Ewma(_) => of(bytes).map(State::Ewma),
        }
    }
}

impl State {
    /// Appends the memory as [`Kind::read`] reads it.
    pub(crate) fn write(&self, into: Vec<u8>) -> Vec<u8> {
        fn to<T: Serialize>(memory: &T, into: Vec<u8>) -> Vec<u8> {
            postcard::to_extend(memory, into).expect("plain values go into memory")
        }
        match self {
            Self::Nothing => into,
            Self::Threshold(memory) => to(memory, into),
            Self::Ewma(memory) => to(memory, into),
        }
    }
}
