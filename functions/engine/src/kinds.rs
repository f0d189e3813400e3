//! The table of all kinds of functions: a closed list. CONTRIBUTING.md lists the
//! steps to add one.
//!
//! Here a kind has a line in [`of_kind`] and, if it remembers something, a line in
//! `states!`. A memory of more than 16 bytes is boxed: slots stay small for the
//! series that are only compared with limits. A kind of `weir_config` without a line
//! here does not compile.

use weir_config::FunctionKind;

use crate::checks::{duplicate, flatline, gap, rate};
use crate::conclusion::Conclusion;
use crate::detectors::{adaptive, cusum, ewma, mad, multivariate, seasonal};
use crate::input::Input;
use crate::inspect::fact::Fact;
use crate::kind::{Kind, Stage};
use crate::{absence, threshold};

/// The table: evaluates `$use` with `$kind` bound to the settings of the kind.
macro_rules! of_kind {
    ($function:expr, $kind:ident => $use:expr) => {
        match $function {
            FunctionKind::Threshold($kind) => $use,
            FunctionKind::Range($kind) => $use,
            FunctionKind::Clock($kind) => $use,
            FunctionKind::Allowed($kind) => $use,
            FunctionKind::Unit($kind) => $use,
            FunctionKind::RateOfChange($kind) => $use,
            FunctionKind::Flatline($kind) => $use,
            FunctionKind::Gap($kind) => $use,
            FunctionKind::Duplicate($kind) => $use,
            FunctionKind::Ewma($kind) => $use,
            FunctionKind::Mad($kind) => $use,
            FunctionKind::Seasonal($kind) => $use,
            FunctionKind::Cusum($kind) => $use,
            FunctionKind::Adaptive($kind) => $use,
            FunctionKind::Absence($kind) => $use,
            FunctionKind::Derived($kind) => $use,
            FunctionKind::Multivariate($kind) => $use,
            FunctionKind::Wasm($kind) => $use,
        }
    };
}

/// Makes [`State`] of the memories of all kinds.
macro_rules! states {
    (inline { $($inline:ident($plain:ty),)* } boxed { $($boxed:ident($large:ty),)* }) => {
        /// What a function remembers of a series. In a snapshot each is bytes of its
        /// own kind ([`read`]), so variants may come and go in any order.
        #[derive(Clone, Debug, PartialEq)]
        pub(crate) enum State {
            $($inline($plain),)*
            $($boxed(Box<$large>),)*
        }

        $(states!(@of $inline($plain), 0, |memory| memory);)*
        $(states!(@of $boxed($large), size_of::<$large>(), |memory| Box::new(memory));)*
    };
    (@of $variant:ident($memory:ty), $boxed:expr, |$value:ident| $into:expr) => {
        impl Remembered for $memory {
            const BOXED: usize = $boxed;

            fn into_state(self) -> State {
                let $value = self;
                State::$variant($into)
            }

            #[inline]
            fn of(state: &State) -> Option<&Self> {
                match state {
                    State::$variant(memory) => Some(memory),
                    _ => None,
                }
            }

            #[inline]
            fn of_mut(state: &mut State) -> Option<&mut Self> {
                match state {
                    State::$variant(memory) => Some(memory),
                    _ => None,
                }
            }
        }
    };
}

states! {
    inline {
        Nothing(()),
        Threshold(threshold::Memory),
        Gap(gap::Memory),
    }
    boxed {
        RateOfChange(rate::Memory),
        Flatline(flatline::Memory),
        Duplicate(duplicate::Memory),
        Ewma(ewma::Memory),
        Mad(mad::Memory),
        Seasonal(seasonal::Memory),
        Cusum(cusum::Memory),
        Adaptive(adaptive::Memory),
        Absence(absence::Memory),
        Multivariate(multivariate::Memory),
        // Boxed twice, to be no wider than the others.
        Wasm(Box<[u8]>),
    }
}

impl State {
    /// The kind remembers nothing, or the function does not run on the series.
    pub(crate) const NOTHING: Self = Self::Nothing(());
}

/// The memory of a kind, as a variant of [`State`].
pub(crate) trait Remembered: Sized {
    /// Bytes outside the state.
    const BOXED: usize;

    fn into_state(self) -> State;
    fn of(state: &State) -> Option<&Self>;
    fn of_mut(state: &mut State) -> Option<&mut Self>;
}

/// When functions of this kind run.
pub(crate) fn stage(function: &FunctionKind) -> Stage {
    fn of<K: Kind>(_: &K) -> Stage {
        K::STAGE
    }
    of_kind!(function, kind => of(kind))
}

/// Whether it checks late readings too.
pub(crate) fn checks_late(function: &FunctionKind) -> bool {
    fn of<K: Kind>(_: &K) -> bool {
        K::CHECKS_LATE
    }
    of_kind!(function, kind => of(kind))
}

/// A memory that has seen nothing.
pub(crate) fn empty(function: &FunctionKind) -> State {
    fn of<K: Kind<Memory: Remembered>>(kind: &K) -> State {
        Remembered::into_state(kind.empty())
    }
    of_kind!(function, kind => of(kind))
}

/// Concludes from one reading. Limits are most of what runs: they are inlined.
#[inline]
pub(crate) fn step(function: &FunctionKind, state: &mut State, input: &Input<'_>) -> Conclusion {
    match function {
        FunctionKind::Threshold(limits) => step_as(limits, state, input),
        other => step_other(other, state, input),
    }
}

#[inline(never)]
fn step_other(function: &FunctionKind, state: &mut State, input: &Input<'_>) -> Conclusion {
    of_kind!(function, kind => step_as(kind, state, input))
}

/// As [`step`], of a kind that is known.
#[inline]
pub(crate) fn step_as<K>(kind: &K, state: &mut State, input: &Input<'_>) -> Conclusion
where
    K: Kind<Memory: Remembered>,
{
    match Remembered::of_mut(state) {
        Some(memory) => kind.step(memory, input),
        // Never so: a slot's memory is made by its kind.
        None => Conclusion::QUIET,
    }
}

/// The conclusion where the function no longer selects the series.
pub(crate) fn step_inactive(
    function: &FunctionKind,
    state: &mut State,
    input: &Input<'_>,
) -> Conclusion {
    fn of<K>(kind: &K, state: &mut State, input: &Input<'_>) -> Conclusion
    where
        K: Kind<Memory: Remembered>,
    {
        let memory = Remembered::of_mut(state);
        memory.map_or(Conclusion::QUIET, |memory| {
            kind.step_inactive(memory, input)
        })
    }
    of_kind!(function, kind => of(kind, state, input))
}

/// Its settings, but for the keys that every function has.
pub(crate) fn settings(function: &FunctionKind) -> Vec<Fact> {
    of_kind!(function, kind => kind.settings())
}

/// What it remembers of a series.
pub(crate) fn facts(function: &FunctionKind, state: &State) -> Vec<Fact> {
    fn of<K: Kind<Memory: Remembered>>(kind: &K, state: &State) -> Vec<Fact> {
        Remembered::of(state).map_or_else(Vec::new, |memory| kind.facts(memory))
    }
    of_kind!(function, kind => of(kind, state))
}

/// The settings that the memory depends on, as text.
pub(crate) fn shape(function: &FunctionKind) -> String {
    of_kind!(function, kind => kind.shape())
}

/// The sensor that it feeds, if it computes readings.
pub(crate) fn output(function: &FunctionKind) -> Option<&str> {
    of_kind!(function, kind => kind.output())
}

/// What it remembers of one series outside the slot, in bytes.
pub(crate) fn boxed_bytes(function: &FunctionKind) -> usize {
    fn of<K: Kind<Memory: Remembered>>(kind: &K) -> usize {
        K::Memory::BOXED + kind.heap_bytes()
    }
    of_kind!(function, kind => of(kind))
}

/// A memory out of a snapshot. `None` when it is not one of this kind.
pub(crate) fn read(function: &FunctionKind, bytes: &[u8]) -> Option<State> {
    of_kind!(function, kind => kind.read(bytes).map(Remembered::into_state))
}

/// Appends the memory as [`read`] reads it.
pub(crate) fn write(function: &FunctionKind, state: &State, into: Vec<u8>) -> Vec<u8> {
    fn of<K: Kind<Memory: Remembered>>(_: &K, state: &State, into: Vec<u8>) -> Vec<u8> {
        match Remembered::of(state) {
            Some(memory) => K::write(memory, into),
            None => into,
        }
    }
    of_kind!(function, kind => of(kind, state, into))
}
