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
use crate::input::{Input, UnitOutcome};
use crate::inspect::fact::{Fact, text};
use crate::kind::{Kind, Stage};

impl Kind for UnitCheck {
    type Memory = ();

    const STAGE: Stage = Stage::Check;
    const CHECKS_LATE: bool = true;

    fn empty(&self) {}

    fn step(&self, _: &mut (), input: &Input<'_>) -> Conclusion {
        check(self, input.unit)
    }

    fn settings(&self) -> Vec<Fact> {
        vec![text("unit", self.unit.clone())]
    }
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
        return if settings.assume {
            Conversion::Assumed
        } else {
            Conversion::Impossible
        };
    }
    let expected = Unit::find(&settings.unit);
    let found = expected.and_then(|expected| Unit::find_for(unit, expected));
    match (found, expected) {
        (Some(from), Some(to)) if from.convert(0.0, to).is_some() => Conversion::From(from, to),
        _ => Conversion::Impossible,
    }
}

fn check(settings: &UnitCheck, outcome: UnitOutcome) -> Conclusion {
    let fault = outcome == UnitOutcome::Wrong;
    Conclusion::check(fault, settings.effect, Flags::WRONG_UNIT, Why::Unit)
}

#[cfg(test)]
mod tests {
    use weir_config::Effect;
    use weir_model::Quality;

    use super::*;

    #[test]
    fn units_are_kept_converted_assumed_or_wrong_as_worked_out_by_hand() {
        #[track_caller]
        fn check(unit: &str, assume: bool, value: f64, expect: Option<f64>) {
            let settings = UnitCheck {
                unit: "Cel".to_owned(),
                assume,
                effect: Effect::default(),
            };
            let converted = match conversion(&settings, unit) {
                Conversion::None | Conversion::Assumed => Some(value),
                Conversion::From(from, to) => from.convert(value, to),
                Conversion::Impossible => None,
            };
            match (converted, expect) {
                (Some(a), Some(b)) => assert!((a - b).abs() < 1e-9, "{value} {unit}: {a}"),
                (a, b) => assert_eq!(a, b, "{value} {unit}"),
            }
        }
        check("Cel", false, 21.5, Some(21.5));
        check("", true, 21.5, Some(21.5));
        check("", false, 21.5, None);
        // (50 - 32) / 1.8; 300 - 273.15.
        check("[degF]", true, 50.0, Some(10.0));
        check("K", true, 300.0, Some(26.85));
        check("°C", true, 5.0, Some(5.0));
        for celsius in ["\u{ba}C", "\u{2da}C", "C", "celsius", "Celsius"] {
            check(celsius, true, 5.0, Some(5.0));
        }
        check("F", true, 50.0, Some(10.0));
        check("kelvin", true, 300.0, Some(26.85));
        check("V", true, 5.0, None);
        check("furlong per fortnight", true, 5.0, None);
    }

    #[test]
    fn only_what_is_wrong_is_at_fault() {
        let settings = UnitCheck {
            unit: "Cel".to_owned(),
            assume: true,
            effect: Effect {
                quality: Quality::Bad,
                severity: None,
            },
        };
        let quality = |outcome| check(&settings, outcome).quality;
        assert_eq!(quality(UnitOutcome::AsExpected), Quality::Good);
        assert_eq!(quality(UnitOutcome::Converted), Quality::Good);
        assert_eq!(quality(UnitOutcome::Wrong), Quality::Bad);
    }
}
