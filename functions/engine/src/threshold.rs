//! The function kind `threshold`: a value against limits, with a deadband.
//!
//! A limit is crossed by a value strictly beyond it. Once crossed it counts as
//! crossed until the value comes back by the deadband: a `warning_high` of 80
//! with a deadband of 2 begins above 80 and ends at 78. This is what keeps a
//! value that hovers around its limit from chattering (ISA-18.2, alarm
//! deadband). Pure: memory and value in, memory and conclusion out.

use serde::{Deserialize, Serialize};
use weir_config::Threshold;
use weir_model::{Level, Severity, Side};

use crate::conclusion::Conclusion;
use crate::kinds::{Input, InputValue, State};

/// Limits in the sensor's unit; none that is absent is ever crossed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Limits {
    pub(crate) warning_high: Option<f64>,
    pub(crate) critical_high: Option<f64>,
    pub(crate) warning_low: Option<f64>,
    pub(crate) critical_low: Option<f64>,
    pub(crate) deadband: f64,
}

impl Limits {
    pub(crate) fn new(settings: &Threshold) -> Self {
        Self {
            warning_high: settings.warning_high,
            critical_high: settings.critical_high,
            warning_low: settings.warning_low,
            critical_low: settings.critical_low,
            deadband: settings.deadband,
        }
    }
}

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

/// Concludes from a reading by limits that came with it.
#[inline]
pub(crate) fn step(limits: &Limits, state: &mut State, input: &Input<'_>) -> Conclusion {
    match (state, input.value) {
        (State::Threshold(memory), InputValue::Number(value)) => decide(limits, memory, value),
        _ => Conclusion::QUIET,
    }
}

/// Concludes from a value, which must be newer than those before it.
#[inline]
pub(crate) fn decide(limits: &Limits, memory: &mut Memory, value: f64) -> Conclusion {
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
