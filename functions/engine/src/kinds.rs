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
use weir_config::{
    Absence, Adaptive, Allowed, Clock, Cusum, Derived, Duplicate, Ewma, Flatline, FunctionKind,
    Gap, Mad, Multivariate, Range, RateOfChange, Seasonal, UnitCheck, Wasm,
};

use crate::absence;
use crate::checks::unit::{self, UnitOutcome};
use crate::checks::{allowed, clock, duplicate, flatline, gap, range, rate};
use crate::conclusion::Conclusion;
use crate::detectors::{adaptive, cusum, ewma, mad, multivariate, seasonal};
use crate::memory::SlotMemory;
use crate::threshold;

/// What a function computes, with its settings.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Kind {
    Threshold(threshold::Limits),
    Range(Range),
    Clock(Clock),
    Allowed(Allowed),
    Unit(UnitCheck),
    RateOfChange(RateOfChange),
    Flatline(Flatline),
    Gap(Gap),
    Duplicate(Duplicate),
    Ewma(Ewma),
    Mad(Mad),
    Seasonal(Seasonal),
    Cusum(Cusum),
    Absence(Absence),
    Adaptive(Adaptive),
    Derived(Derived),
    Multivariate(Multivariate),
    Wasm(Wasm),
}

/// What a function remembers of a series. On disk each is bytes of its own kind
/// ([`Kind::read`]), so variants may come and go in any order.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum State {
    /// The kind remembers nothing, or the function does not run on the series.
    Nothing,
    Threshold(threshold::Memory),
    Gap(gap::Memory),
    RateOfChange(Box<rate::Memory>),
    Flatline(Box<flatline::Memory>),
    Duplicate(Box<duplicate::Memory>),
    Ewma(Box<ewma::Memory>),
    Mad(Box<mad::Memory>),
    Seasonal(Box<seasonal::Memory>),
    Cusum(Box<cusum::Memory>),
    Absence(Box<absence::Memory>),
    Multivariate(Box<multivariate::Memory>),
    Adaptive(Box<adaptive::Memory>),
    /// Boxed twice, to be no wider than the others.
    Wasm(Box<Box<[u8]>>),
}

/// When a function runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Before anything learns from the reading: it may keep it from that.
    Check,
    /// On what passed the checks.
    Detect,
    /// As [`Self::Detect`], once the message is done, with all that it brought.
    Batch,
    /// Not on readings: when time passes, or for a device as a whole.
    Device,
}

/// One reading as a function sees it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Input<'a> {
    /// Nanoseconds.
    pub(crate) time: i64,
    /// When the message came, nanoseconds.
    pub(crate) received: i64,
    pub(crate) unit: UnitOutcome,
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
            FunctionKind::Allowed(settings) => Self::Allowed(settings.clone()),
            FunctionKind::Unit(settings) => Self::Unit(settings.clone()),
            FunctionKind::RateOfChange(settings) => Self::RateOfChange(settings.clone()),
            FunctionKind::Flatline(settings) => Self::Flatline(settings.clone()),
            FunctionKind::Gap(settings) => Self::Gap(settings.clone()),
            FunctionKind::Duplicate(settings) => Self::Duplicate(settings.clone()),
            FunctionKind::Ewma(settings) => Self::Ewma(settings.clone()),
            FunctionKind::Mad(settings) => Self::Mad(settings.clone()),
            FunctionKind::Seasonal(settings) => Self::Seasonal(settings.clone()),
            FunctionKind::Cusum(settings) => Self::Cusum(settings.clone()),
            FunctionKind::Absence(settings) => Self::Absence(settings.clone()),
            FunctionKind::Adaptive(settings) => Self::Adaptive(settings.clone()),
            FunctionKind::Derived(settings) => Self::Derived(settings.clone()),
            FunctionKind::Multivariate(settings) => Self::Multivariate(settings.clone()),
            FunctionKind::Wasm(settings) => Self::Wasm(settings.clone()),
        }
    }

    pub(crate) fn stage(&self) -> Stage {
        match self {
            Self::Range(_)
            | Self::Clock(_)
            | Self::Allowed(_)
            | Self::Unit(_)
            | Self::RateOfChange(_)
            | Self::Flatline(_)
            | Self::Gap(_)
            | Self::Duplicate(_) => Stage::Check,
            Self::Threshold(_)
            | Self::Ewma(_)
            | Self::Mad(_)
            | Self::Seasonal(_)
            | Self::Cusum(_)
            | Self::Adaptive(_) => Stage::Detect,
            Self::Wasm(_) => Stage::Batch,
            Self::Absence(_) | Self::Derived(_) | Self::Multivariate(_) => Stage::Device,
        }
    }

    /// A check that needs no memory says something of late readings too.
    pub(crate) fn is_stateless(&self) -> bool {
        matches!(
            self,
            Self::Range(_) | Self::Clock(_) | Self::Allowed(_) | Self::Unit(_)
        )
    }

    /// The settings that the memory depends on, as text: a function of the same
    /// name, kind and shape keeps its memory when its other settings change. It
    /// stands in snapshots. A threshold keeps level and side: an alarm that is
    /// open is judged by the new limits, and not forgotten.
    pub(crate) fn shape(&self) -> String {
        match self {
            Self::Multivariate(settings) => format!("{:?}", settings.sensors),
            Self::Wasm(settings) => match settings.state_version {
                Some(version) => format!("{} bytes, version {version}", settings.state),
                None => {
                    let digest = settings.module.content.digest();
                    format!("{} bytes of {digest}", settings.state)
                }
            },
            Self::Mad(settings) => format!("window {}", settings.window),
            Self::Seasonal(settings) => format!(
                "{:?}, bin {} s, offset {} min",
                settings.season,
                settings.bin.as_secs(),
                settings.utc_offset_minutes
            ),
            _ => String::new(),
        }
    }

    /// A memory that has seen nothing.
    pub(crate) fn empty(&self) -> State {
        match self {
            Self::Threshold(_) => State::Threshold(threshold::Memory::EMPTY),
            Self::Range(_) | Self::Clock(_) | Self::Allowed(_) | Self::Unit(_) => State::Nothing,
            Self::RateOfChange(_) => State::RateOfChange(Box::new(rate::Memory::EMPTY)),
            Self::Flatline(_) => State::Flatline(Box::new(flatline::Memory::EMPTY)),
            Self::Gap(_) => State::Gap(gap::Memory::default()),
            Self::Duplicate(_) => State::Duplicate(Box::new(duplicate::Memory::EMPTY)),
            Self::Ewma(_) => State::Ewma(Box::default()),
            Self::Mad(settings) => State::Mad(Box::new(mad::Memory::new(settings))),
            Self::Seasonal(settings) => State::Seasonal(Box::new(seasonal::Memory::new(settings))),
            Self::Cusum(_) => State::Cusum(Box::default()),
            Self::Derived(_) => State::Nothing,
            Self::Multivariate(_) => State::Multivariate(Box::default()),
            Self::Absence(_) => State::Absence(Box::new(absence::Memory::EMPTY)),
            Self::Adaptive(_) => State::Adaptive(Box::default()),
            Self::Wasm(settings) => {
                let zeroes = vec![0; usize::from(settings.state)];
                State::Wasm(Box::new(zeroes.into_boxed_slice()))
            }
        }
    }

    /// What one series costs, slot included, in bytes.
    pub(crate) fn memory_bytes(&self) -> usize {
        let boxed = match self {
            Self::Threshold(_)
            | Self::Range(_)
            | Self::Clock(_)
            | Self::Allowed(_)
            | Self::Unit(_)
            | Self::Derived(_)
            | Self::Gap(_) => 0,
            Self::RateOfChange(_) => size_of::<rate::Memory>(),
            Self::Flatline(_) => size_of::<flatline::Memory>(),
            Self::Duplicate(_) => size_of::<duplicate::Memory>(),
            Self::Ewma(_) => size_of::<ewma::Memory>(),
            Self::Mad(settings) => size_of::<mad::Memory>() + mad::Memory::heap_bytes(settings),
            Self::Seasonal(settings) => {
                size_of::<seasonal::Memory>() + seasonal::Memory::heap_bytes(settings)
            }
            Self::Cusum(_) => size_of::<cusum::Memory>(),
            Self::Absence(_) => size_of::<absence::Memory>(),
            Self::Multivariate(_) => size_of::<multivariate::Memory>(),
            Self::Adaptive(_) => size_of::<adaptive::Memory>(),
            Self::Wasm(settings) => size_of::<Box<[u8]>>() + usize::from(settings.state),
        };
        size_of::<SlotMemory>() + boxed
    }

    /// Takes one reading in. Of a text most kinds conclude nothing.
    #[inline]
    pub(crate) fn step(&self, state: &mut State, input: &Input<'_>) -> Conclusion {
        match self {
            Self::Threshold(limits) => return threshold::step(limits, state, input),
            Self::Clock(settings) => return clock::check(settings, input.time, input.received),
            Self::Allowed(settings) => return allowed::check(settings, input.value),
            Self::Unit(settings) => return unit::check(settings, input.unit),
            _ => {}
        }
        match input.value {
            InputValue::Number(value) => self.step_number(state, input.time, value),
            InputValue::Text(_) => Conclusion::QUIET,
        }
    }

    fn step_number(&self, state: &mut State, time: i64, value: f64) -> Conclusion {
        match (self, state) {
            (Self::Range(settings), _) => range::check(settings, value),
            (Self::RateOfChange(settings), State::RateOfChange(memory)) => {
                rate::step(memory, settings, time, value)
            }
            (Self::Flatline(settings), State::Flatline(memory)) => {
                flatline::step(memory, settings, time, value)
            }
            (Self::Gap(settings), State::Gap(memory)) => gap::step(memory, settings, time),
            (Self::Duplicate(settings), State::Duplicate(memory)) => {
                duplicate::step(memory, settings, time, value)
            }
            (Self::Ewma(settings), State::Ewma(memory)) => {
                ewma::step(memory, settings, time, value)
            }
            (Self::Mad(settings), State::Mad(memory)) => mad::step(memory, settings, value),
            (Self::Seasonal(settings), State::Seasonal(memory)) => {
                seasonal::step(memory, settings, time, value)
            }
            (Self::Cusum(settings), State::Cusum(memory)) => cusum::step(memory, settings, value),
            (Self::Absence(_) | Self::Derived(_) | Self::Multivariate(_) | Self::Wasm(_), _) => {
                Conclusion::QUIET
            }
            (Self::Adaptive(settings), State::Adaptive(memory)) => {
                adaptive::step(memory, settings, time, value)
            }
            // Never so: a slot's memory is made by its kind.
            (_, state) => {
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
            _ => Conclusion::QUIET,
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
            Self::Range(_) | Self::Clock(_) | Self::Allowed(_) | Self::Unit(_) => {
                bytes.is_empty().then_some(State::Nothing)
            }
            Self::RateOfChange(_) => of(bytes).map(State::RateOfChange),
            Self::Flatline(_) => of(bytes).map(State::Flatline),
            Self::Gap(_) => of(bytes).map(State::Gap),
            Self::Duplicate(_) => of(bytes).map(State::Duplicate),
            Self::Ewma(_) => of(bytes).map(State::Ewma),
            Self::Mad(settings) => {
                let memory = of::<mad::Memory>(bytes)?.restored(settings)?;
                Some(State::Mad(Box::new(memory)))
            }
            Self::Seasonal(settings) => {
                let memory = of::<seasonal::Memory>(bytes)?.restored(settings)?;
                Some(State::Seasonal(Box::new(memory)))
            }
            Self::Cusum(_) => of(bytes).map(State::Cusum),
            Self::Absence(_) => of(bytes).map(State::Absence),
            Self::Adaptive(_) => {
                let memory =
                    of(bytes).or_else(|| adaptive::Memory::without_step(bytes).map(Box::new));
                memory.map(State::Adaptive)
            }
            Self::Derived(_) => bytes.is_empty().then_some(State::Nothing),
            Self::Multivariate(_) => of(bytes).map(State::Multivariate),
            Self::Wasm(settings) => (bytes.len() == usize::from(settings.state))
                .then(|| State::Wasm(Box::new(bytes.into()))),
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
            Self::RateOfChange(memory) => to(memory, into),
            Self::Flatline(memory) => to(memory, into),
            Self::Gap(memory) => to(memory, into),
            Self::Duplicate(memory) => to(memory, into),
            Self::Ewma(memory) => to(memory, into),
            Self::Mad(memory) => to(memory, into),
            Self::Seasonal(memory) => to(memory, into),
            Self::Cusum(memory) => to(memory, into),
            Self::Absence(memory) => to(memory, into),
            Self::Multivariate(memory) => to(memory, into),
            Self::Adaptive(memory) => to(memory, into),
            Self::Wasm(state) => {
                let mut into = into;
                into.extend_from_slice(state);
                into
            }
        }
    }
}
