//! The function kind `threshold`: a value against limits, with a deadband.
//!
//! A limit is crossed by a value strictly beyond it. Once crossed it counts as
//! crossed until the value comes back by the deadband: a `warning_high` of 80
//! with a deadband of 2 begins above 80 and ends at 78. This is what keeps a
//! value that hovers around its limit from chattering (ISA-18.2, alarm
//! deadband). Pure: memory and value in, memory and conclusion out.

use std::iter;

use serde::{Deserialize, Serialize};
use weir_config::Threshold;
use weir_model::{Level, Severity, Side};

use crate::conclusion::Conclusion;
use crate::input::Input;
use crate::inspect::fact::{Fact, level, limit, measure, text};
use crate::kind::{Kind, Stage};

/// What the function remembers of a series: what it concluded last, and at
/// which end. The side outlives the level, so that what follows a crossing can
/// name the limit that it came back from.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Memory {
    pub(crate) level: Level,
    pub(crate) side: Option<Side>,
}

impl Memory {
    pub(crate) const EMPTY: Self = Self {
        level: None,
        side: None,
    };
}

/// One end of the limits, mirrored so that beyond is always above.
#[derive(Clone, Copy)]
struct End {
    side: Side,
    warning: Option<f64>,
    critical: Option<f64>,
}

impl End {
    /// The level of a value, given the level that this end was at.
    fn level(self, value: f64, deadband: f64, was: Level) -> Level {
        let crossed = |limit: Option<f64>, severity: Severity| {
            let latched = was >= Some(severity);
            limit.is_some_and(|limit| match (self.side, latched) {
                (Side::High, false) => value > limit,
                (Side::High, true) => value > limit - deadband,
                (Side::Low, false) => value < limit,
                (Side::Low, true) => value < limit + deadband,
            })
        };
        if crossed(self.critical, Severity::Critical) {
            Some(Severity::Critical)
        } else if crossed(self.warning, Severity::Warning) {
            Some(Severity::Warning)
        } else {
            None
        }
    }

    fn limit_of(self, level: Level) -> Option<f64> {
        match level {
            Some(Severity::Critical) => self.critical,
            Some(Severity::Warning) => self.warning,
            None => self.warning.or(self.critical),
        }
    }
}

impl Kind for Threshold {
    type Memory = Memory;

    const STAGE: Stage = Stage::Detect;

    fn empty(&self) -> Memory {
        Memory::EMPTY
    }

    #[inline]
    fn step_number(&self, memory: &mut Memory, _: i64, value: f64) -> Conclusion {
        step(self, memory, value)
    }

    fn step_inactive(&self, memory: &mut Memory, input: &Input<'_>) -> Conclusion {
        Self::default().step(memory, input)
    }

    fn settings(&self) -> Vec<Fact> {
        [
            limit("warning_high", self.warning_high),
            limit("critical_high", self.critical_high),
            limit("warning_low", self.warning_low),
            limit("critical_low", self.critical_low),
            Some(measure("deadband", self.deadband)),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    fn facts(&self, memory: &Memory) -> Vec<Fact> {
        let side = memory.side.map(|side| match side {
            Side::High => "high",
            Side::Low => "low",
        });
        iter::once(level("level", memory.level))
            .chain(side.map(|side| text("side", side)))
            .collect()
    }
}

/// Concludes from a value, which must be newer than those before it.
#[inline]
pub(crate) fn step(limits: &Threshold, memory: &mut Memory, value: f64) -> Conclusion {
    let high = End {
        side: Side::High,
        warning: limits.warning_high,
        critical: limits.critical_high,
    };
    let low = End {
        side: Side::Low,
        warning: limits.warning_low,
        critical: limits.critical_low,
    };
    let was = |side| {
        if memory.side == Some(side) {
            memory.level
        } else {
            None
        }
    };
    let at_high = high.level(value, limits.deadband, was(Side::High));
    let at_low = low.level(value, limits.deadband, was(Side::Low));

    let end = if at_high == at_low {
        // Nothing is crossed (or both, by a deadband wider than the band
        // between the limits): the end that it was at last, else the one that
        // has limits.
        let only_low = high.limit_of(None).is_none() && low.limit_of(None).is_some();
        match memory
            .side
            .unwrap_or(if only_low { Side::Low } else { Side::High })
        {
            Side::High => high,
            Side::Low => low,
        }
    } else if at_high > at_low {
        high
    } else {
        low
    };
    let level = at_high.max(at_low);
    if level.is_some() {
        memory.side = Some(end.side);
    }
    memory.level = level;
    let threshold = end.limit_of(level).unwrap_or(f64::NAN);
    Conclusion {
        level,
        threshold,
        side: end.side,
        ..Conclusion::QUIET
    }
}

#[cfg(test)]
mod tests;
