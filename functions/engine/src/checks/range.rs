//! The kind `range`: what a sensor can measure at all.
//!
//! A value beyond it is no measurement: a broken wire, an overflow or a wrong unit.
//! Remembers nothing: 0 bytes per series.

use weir_config::Range;
use weir_model::{Flags, Why};

use crate::conclusion::Conclusion;
use crate::fact::{Fact, limit};
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
        min.into_iter().chain(max).collect()
    }
}

/// Concludes from any value; the ends belong to the range.
#[inline]
fn check(settings: &Range, value: f64) -> Conclusion {
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
}
