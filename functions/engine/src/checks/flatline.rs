//! The kinds `flatline` and `stuck`: a value that has not moved for too long. A
//! frozen converter and a cached reading look like the best of weather.
//!
//! The value counts as unmoved while it stays within `tolerance` of where the
//! run began. A run needs `min_readings` besides its time, so that a sensor that
//! sends seldom is not called stuck for two equal readings.
//!
//! 24 bytes per series; one comparison per reading.

use serde::{Deserialize, Serialize};
use weir_config::Flatline;
use weir_model::{Flags, Why};

use crate::conclusion::Conclusion;
use crate::inspect::fact::{Fact, count, length, measure, time};
use crate::kind::{Kind, Stage};

/// The present run.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Memory {
    since: i64,
    value: f64,
    readings: u32,
}

impl Memory {
    pub(crate) const EMPTY: Self = Self {
        since: 0,
        value: f64::NAN,
        readings: 0,
    };
}

impl Kind for Flatline {
    type Memory = Memory;

    const STAGE: Stage = Stage::Check;

    fn empty(&self) -> Memory {
        Memory::EMPTY
    }

    fn step_number(&self, memory: &mut Memory, time_ns: i64, value: f64) -> Conclusion {
        step(memory, self, time_ns, value)
    }

    fn settings(&self) -> Vec<Fact> {
        vec![
            length("after", self.after),
            measure("tolerance", self.tolerance),
            count("min_readings", self.min_readings),
        ]
    }

    /// The present run.
    fn facts(&self, memory: &Memory) -> Vec<Fact> {
        if memory.readings == 0 {
            return Vec::new();
        }
        let since = time("unmoved_since", memory.since);
        since
            .into_iter()
            .chain([
                measure("value", memory.value),
                count("readings", memory.readings),
            ])
            .collect()
    }
}

/// Concludes from a value, which must be newer than those before it.
fn step(memory: &mut Memory, settings: &Flatline, time_ns: i64, value: f64) -> Conclusion {
    let unmoved = (value - memory.value).abs() <= settings.tolerance;
    if memory.readings == 0 || !unmoved {
        *memory = Memory {
            since: time_ns,
            value,
            readings: 1,
        };
    } else {
        memory.readings = memory.readings.saturating_add(1);
    }
    let elapsed = time_ns.saturating_sub(memory.since).max(0);
    let long = i128::from(elapsed) >= settings.after.as_nanos() as i128;
    let fault = long && memory.readings >= settings.min_readings;
    let why = Why::Unchanged {
        seconds: elapsed as f64 / 1e9,
        within: settings.tolerance,
    };
    Conclusion::check(fault, settings.effect, Flags::STUCK, why)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use weir_config::Effect;
    use weir_model::Severity;

    use super::*;

    #[track_caller]
    fn check(tolerance: f64, steps: &[(i64, f64, bool)]) {
        let settings = Flatline {
            after: Duration::from_secs(10),
            tolerance,
            min_readings: 3,
            effect: Effect {
                severity: Some(Severity::Warning),
                ..Effect::default()
            },
        };
        let mut memory = Memory::EMPTY;
        for (second, value, expect) in steps {
            let found = step(&mut memory, &settings, second * 1_000_000_000, *value);
            assert_eq!(found.level.is_some(), *expect, "{second} s, {value}");
        }
    }

    #[test]
    fn a_run_needs_time_and_readings() {
        let steps = [
            (0, 21.0, false),
            (5, 21.0, false),
            (10, 21.0, true),
            (11, 21.0, true),
            (12, 21.1, false),
            (22, 21.1, false), // long enough, but only two
            (23, 21.1, true),
            (24, 21.0, false),
        ];
        check(0.0, &steps);
    }

    #[test]
    fn noise_within_the_tolerance_is_no_movement() {
        let steps = [
            (0, 21.0, false),
            (5, 21.1, false),
            (10, 20.9, true),
            (11, 21.15, true),
            // From where the run began, not from the reading before.
            (12, 21.25, false),
            (22, 21.25, false),
        ];
        check(0.2, &steps);
    }
}
