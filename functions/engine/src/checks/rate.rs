//! The kind `rate_of_change`: did the value move faster than the thing it
//! measures can?
//!
//! A change is compared with what is allowed in the time since the reading
//! before. Readings closer together than `per` are allowed as much as in `per`:
//! a sensor that sends twice in a millisecond is not fast. A reading that is
//! refused (`quality = "bad"`) is not remembered, and more is allowed the longer
//! ago the last good one was, so a real step is believed after a while.
//!
//! 16 bytes per series; one division per reading.

use serde::{Deserialize, Serialize};
use weir_config::RateOfChange;
use weir_model::{Flags, Quality, Side, Why};

use crate::conclusion::Conclusion;
use crate::inspect::fact::{Fact, length, limit, measure, time};
use crate::kind::{Kind, Stage};

/// The last reading that was believed.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Memory {
    time: i64,
    value: f64,
}

impl Memory {
    pub(crate) const EMPTY: Self = Self {
        time: 0,
        value: f64::NAN,
    };
}

impl Kind for RateOfChange {
    type Memory = Memory;

    const STAGE: Stage = Stage::Check;

    fn empty(&self) -> Memory {
        Memory::EMPTY
    }

    fn step_number(&self, memory: &mut Memory, time_ns: i64, value: f64) -> Conclusion {
        step(memory, self, time_ns, value)
    }

    fn settings(&self) -> Vec<Fact> {
        let rise = limit("max_rise", self.max_rise);
        rise.into_iter()
            .chain(limit("max_fall", self.max_fall))
            .chain([length("per", self.per)])
            .collect()
    }

    /// Nothing before the first reading.
    fn facts(&self, memory: &Memory) -> Vec<Fact> {
        if memory.value.is_nan() {
            return Vec::new();
        }
        let last = time("last", memory.time);
        last.into_iter()
            .chain([measure("value", memory.value)])
            .collect()
    }
}

/// Concludes from a value, which must be newer than those before it.
fn step(memory: &mut Memory, settings: &RateOfChange, time_ns: i64, value: f64) -> Conclusion {
    let seen = Memory {
        time: time_ns,
        value,
    };
    if memory.value.is_nan() {
        *memory = seen;
        return Conclusion::QUIET;
    }
    let elapsed = time_ns.saturating_sub(memory.time).max(0) as f64;
    let periods = (elapsed / settings.per.as_nanos() as f64).max(1.0);
    let change = value - memory.value;
    let (side, most) = if change < 0.0 {
        (Side::Low, settings.max_fall)
    } else {
        (Side::High, settings.max_rise)
    };
    let allowed = most.map_or(f64::INFINITY, |most| most * periods);
    let why = Why::Rate {
        change,
        seconds: elapsed / 1e9,
        allowed,
    };
    let fault = change.abs() > allowed;
    let concluded = Conclusion {
        side,
        ..Conclusion::check(fault, settings.effect, Flags::JUMP, why)
    };
    if concluded.quality != Quality::Bad {
        *memory = seen;
    }
    concluded
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use weir_config::Effect;

    use super::*;

    #[track_caller]
    fn check(quality: Quality, steps: &[(i64, f64, Quality)]) {
        let settings = RateOfChange {
            max_rise: Some(5.0),
            max_fall: Some(10.0),
            per: Duration::from_secs(1),
            effect: Effect {
                quality,
                severity: None,
            },
        };
        let mut memory = Memory::EMPTY;
        for (millis, value, expect) in steps {
            let found = step(&mut memory, &settings, millis * 1_000_000, *value);
            assert_eq!(found.quality, *expect, "{millis} ms, {value}: {found:?}");
        }
    }

    #[test]
    fn a_jump_is_one_that_the_time_does_not_allow() {
        use Quality::{Good, Suspect};
        let steps = [
            (0, 20.0, Good),
            (1_000, 25.0, Good),
            (2_000, 30.1, Suspect),
            (2_001, 35.0, Good), // as much as in a second
            (4_001, 45.0, Good),
            (5_001, 35.0, Good), // it may fall faster
            (6_001, 24.9, Suspect),
        ];
        check(Suspect, &steps);
    }

    #[test]
    fn what_is_refused_is_no_measure_for_the_next() {
        use Quality::{Bad, Good};
        let steps = [
            (0, 20.0, Good),
            (1_000, 99.0, Bad),
            (2_000, 20.0, Good),
            // A real step is believed once there was time for it.
            (3_000, 40.0, Bad),
            (4_000, 40.0, Bad),
            (5_000, 40.0, Bad),
            (6_000, 40.0, Good),
        ];
        check(Bad, &steps);
    }
}
