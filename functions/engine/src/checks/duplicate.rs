//! The kind `duplicate`: the same value again so soon that it is the reading
//! before once more, under a new time. A reading with the very time of another
//! needs no function: the store keeps one of each (device, sensor, time).
//!
//! 16 bytes per series.

use serde::{Deserialize, Serialize};
use weir_config::Duplicate;
use weir_model::{Flags, Why};

use crate::conclusion::Conclusion;
use crate::inspect::fact::{Fact, length, measure, time};
use crate::kind::{Kind, Stage};

/// The reading before.
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

impl Kind for Duplicate {
    type Memory = Memory;

    const STAGE: Stage = Stage::Check;

    fn empty(&self) -> Memory {
        Memory::EMPTY
    }

    fn step_number(&self, memory: &mut Memory, time_ns: i64, value: f64) -> Conclusion {
        step(memory, self, time_ns, value)
    }

    fn settings(&self) -> Vec<Fact> {
        vec![length("interval", self.interval)]
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
fn step(memory: &mut Memory, settings: &Duplicate, time_ns: i64, value: f64) -> Conclusion {
    let elapsed = time_ns.saturating_sub(memory.time);
    let soon = i128::from(elapsed) <= settings.interval.as_nanos() as i128;
    let fault = value == memory.value && soon;
    let why = Why::Repeated {
        seconds: elapsed as f64 / 1e9,
    };
    if !fault {
        // Of a row of copies each is one of the first, not of the one before.
        *memory = Memory {
            time: time_ns,
            value,
        };
    }
    Conclusion::check(fault, settings.effect, Flags::REPEATED, why)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use weir_config::Effect;
    use weir_model::Quality::{self, Bad, Good};

    use super::*;

    #[test]
    fn copies_are_distinguished_from_values_that_come_again_later() {
        let settings = Duplicate {
            interval: Duration::from_millis(500),
            effect: Effect {
                quality: Bad,
                severity: None,
            },
        };
        let mut memory = Memory::EMPTY;
        let steps: [(i64, f64, Quality); 6] = [
            (0, 1.0, Good),
            (300, 1.0, Bad),
            (500, 1.0, Bad),
            (600, 1.0, Good),
            (700, 2.0, Good),
            (800, 1.0, Good),
        ];
        for (millis, value, expect) in steps {
            let found = step(&mut memory, &settings, millis * 1_000_000, value);
            assert_eq!(found.quality, expect, "{millis} ms");
        }
    }
}
