//! The kind `range`: what a sensor can measure at all.
//!
//! A value beyond it, or one that the sensor sends for an error, is no measurement: a broken wire, an overflow or a wrong unit.
//! Remembers nothing: 0 bytes per series.

use weir_config::Range;
use weir_model::{Flags, Why};

use crate::conclusion::Conclusion;
use crate::inspect::fact::{Fact, limit, text};
use crate::kind::{Kind, Stage};

impl Kind for Range {
    type Memory = ();

    const STAGE: Stage = Stage::Check;
    const CHECKS_LATE: bool = true;

    fn empty(&self) {}

    fn step_number(&self, _: &mut (), _: i64, value: f64) -> Conclusion {
        check(self, value)
    }

    fn settings(&self) -> Vec<Fact> {
        let (min, max) = (limit("min", self.min), limit("max", self.max));
        let not: Vec<String> = self.not.iter().map(ToString::to_string).collect();
        let not = (!not.is_empty()).then(|| text("not", not.join(", ")));
        min.into_iter().chain(max).chain(not).collect()
    }
}

/// Concludes from any value; the ends belong to the range. A value that means an
/// error (85 and -127 of a DS18B20) is no measurement, wherever it is.
#[inline]
fn check(settings: &Range, value: f64) -> Conclusion {
    if settings.not.contains(&value) {
        return Conclusion::check(true, settings.effect, Flags::OUT_OF_RANGE, Why::NotAValue);
    }
    let below = settings.min.is_some_and(|min| value < min);
    let above = settings.max.is_some_and(|max| value > max);
    let why = Why::Range {
        min: settings.min.unwrap_or(f64::NAN),
        max: settings.max.unwrap_or(f64::NAN),
    };
    Conclusion::check(below || above, settings.effect, Flags::OUT_OF_RANGE, why)
}

#[cfg(test)]
mod tests {
    use weir_config::Effect;
    use weir_model::Quality;

    use super::*;

    #[test]
    fn only_what_lies_beyond_an_end_is_out_of_range() {
        let quality = Quality::Bad;
        let both = Range {
            min: Some(-40.0),
            max: Some(85.0),
            not: Vec::new(),
            effect: Effect {
                quality,
                severity: None,
            },
        };
        let open = Range {
            min: None,
            ..both.clone()
        };
        #[track_caller]
        fn quality_of(settings: &Range, value: f64, expect: Quality) {
            assert_eq!(check(settings, value).quality, expect, "{value}");
        }
        for value in [-40.0, 0.0, 85.0] {
            quality_of(&both, value, Quality::Good);
        }
        for value in [-40.1, 85.1, 1e300] {
            quality_of(&both, value, Quality::Bad);
        }
        quality_of(&open, -1e300, Quality::Good);
        quality_of(&open, 86.0, Quality::Bad);
    }

    #[test]
    fn a_value_that_means_an_error_is_out_of_range_within_the_range() {
        let sensor = Range {
            min: Some(-130.0),
            max: None,
            not: vec![-127.0, 0.0, 85.0],
            effect: Effect {
                quality: Quality::Bad,
                severity: None,
            },
        };
        for value in [85.0, -127.0, 0.0, -0.0] {
            let found = check(&sensor, value);
            assert_eq!(
                (found.quality, found.why),
                (Quality::Bad, Why::NotAValue),
                "{value}"
            );
        }
        for value in [84.9375, 85.0625, -126.9375, 21.5] {
            assert_eq!(check(&sensor, value).quality, Quality::Good, "{value}");
        }
    }
}
