//! The kind `unit`: readings in one unit, whatever their senders measure in.
//!
//! A reading in another unit of the same quantity is converted before anything
//! else sees it, limits that came with it included, and flagged `converted`. One
//! without a unit is taken to be in the expected one, unless `assume = false`.
//! What cannot be converted is at fault. Units are UCUM codes and common
//! spellings of them ([`weir_model::Unit`]). Remembers nothing: 0 bytes per series.

use weir_config::UnitCheck;
use weir_model::{Flags, Unit, Why};

use crate::conclusion::Conclusion;

/// What became of a reading's unit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum UnitOutcome {
    /// It is the expected one, or no function asks.
    #[default]
    AsExpected,
    Converted,
    Wrong,
}

/// What is to be done with a reading in this unit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Conversion {
    None,
    /// It has no unit and gets the expected one.
    Assumed,
    From(Unit, Unit),
    Impossible,
}

/// How a reading comes into the expected unit; empty: it names none.
pub(crate) fn conversion(settings: &UnitCheck, unit: &str) -> Conversion {
    if unit == settings.unit {
        return Conversion::None;
    }
    if unit.is_empty() {
        return match settings.assume {
            true => Conversion::Assumed,
            false => Conversion::Impossible,
        };
    }
    match (Unit::find(unit), Unit::find(&settings.unit)) {
        (Some(from), Some(to)) if from.convert(0.0, to).is_some() => Conversion::From(from, to),
        _ => Conversion::Impossible,
    }
}

pub(crate) fn check(settings: &UnitCheck, outcome: UnitOutcome) -> Conclusion {
    let fault = outcome == UnitOutcome::Wrong;
    Conclusion::check(fault, settings.effect, Flags::WRONG_UNIT, Why::Unit)
}
