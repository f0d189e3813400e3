//! The kind `gap`: more time since the reading before than there should be. It
//! looks back, when the next reading has come; `absence` notices while nothing
//! comes.
//!
//! 8 bytes per series.

use serde::{Deserialize, Serialize};
use weir_config::Gap;
use weir_model::{Flags, Why};

use crate::conclusion::Conclusion;
use crate::inspect::fact::{Fact, length, time};
use crate::kind::{Kind, Stage};

/// The time of the reading before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Memory {
    last: Option<i64>,
}

impl Kind for Gap {
    type Memory = Memory;

    const STAGE: Stage = Stage::Check;

    fn empty(&self) -> Memory {
        Memory::default()
    }

    fn step_number(&self, memory: &mut Memory, time_ns: i64, _: f64) -> Conclusion {
        step(memory, self, time_ns)
    }

    fn settings(&self) -> Vec<Fact> {
        vec![length("max_gap", self.max_gap)]
    }

    fn facts(&self, memory: &Memory) -> Vec<Fact> {
        memory
            .last
            .and_then(|last| time("last", last))
            .into_iter()
            .collect()
    }
}

/// Concludes from a time, which must be newer than those before it.
fn step(memory: &mut Memory, settings: &Gap, time_ns: i64) -> Conclusion {
    let Some(last) = memory.last.replace(time_ns) else {
        return Conclusion::QUIET;
    };
    let elapsed = time_ns.saturating_sub(last);
    let fault = i128::from(elapsed) > settings.max_gap.as_nanos() as i128;
    let why = Why::Gap {
        seconds: elapsed as f64 / 1e9,
        expected: settings.max_gap.as_secs_f64(),
    };
    Conclusion::check(fault, settings.effect, Flags::GAP, why)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use weir_config::Effect;
    use weir_model::Quality::{self, Good, Suspect};

    use super::*;

    #[test]
    fn the_first_reading_after_too_long_is_marked() {
        let settings = Gap {
            max_gap: Duration::from_secs(60),
            effect: Effect {
                quality: Suspect,
                severity: None,
            },
        };
        let mut memory = Memory::default();
        let steps: [(i64, Quality); 5] = [
            (0, Good),
            (60, Good),
            (121, Suspect),
            (122, Good),
            (182, Good),
        ];
        for (second, expect) in steps {
            let found = step(&mut memory, &settings, second * 1_000_000_000);
            assert_eq!(found.quality, expect, "{second} s");
        }
    }
}
