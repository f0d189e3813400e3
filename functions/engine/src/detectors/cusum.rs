//! The kind `cusum`: has the level of a series changed, be it by less than any
//! single value would show?
//!
//! Two sums gather how far each value is above, and below, the mean so far, in
//! standard deviations and less `drift` each; they fall back to 0 when there is
//! nothing to gather (E. S. Page, "Continuous inspection schemes", 1954). Mean
//! and deviation come from the series itself, without a phase of calibration
//! (D. M. Hawkins, "Self-starting CUSUM charts for location and scale", 1987):
//! they are those of the values before, and each value is scaled by
//! √((n-1)/n). A value counts for at most [`CLIP`] deviations: one spike is no
//! level. The score is the larger sum. Once it reaches the alarm the level has
//! changed: the new one is learnt from `warmup` readings, during which the alarm
//! remains, and then is the level that counts.
//!
//! 104 bytes per series; two square roots and a division per reading. The series must be stationary but
//! for its changes: a daily rhythm is one change after the other.

use serde::{Deserialize, Serialize};
use weir_config::Cusum;
use weir_model::{Side, Why};

use crate::conclusion::Conclusion;
use crate::detectors::steps::Steps;
use crate::inspect::fact::{Fact, count, measure, number, scores};
use crate::kind::{Kind, Stage};

/// In deviations.
const CLIP: f64 = 4.0;
/// The mean learns as if it had seen no more than so many: it may follow slow drift.
const LONGEST: f64 = 5_000.0;

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Memory {
    base: Moments,
    high: Sum,
    low: Sum,
    steps: Steps,
    /// The level that was left, while the new one is learnt.
    shifted: Option<Shifted>,
}

/// Mean and variance of the values so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Moments {
    seen: u32,
    mean: f64,
    squares: f64,
}

/// One of the two sums, with the mean of the values since it was 0 last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Sum {
    sum: f32,
    readings: u32,
    mean: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Shifted {
    from: f64,
    spread: f64,
    score: f64,
    side: Side,
}

impl Moments {
    fn take(&mut self, value: f64) {
        self.seen = self.seen.saturating_add(1);
        let count = f64::from(self.seen).min(LONGEST);
        let difference = value - self.mean;
        self.mean += difference / count;
        let grown = self.squares + difference * (value - self.mean);
        // Beyond the longest memory, as much is forgotten as is added.
        self.squares = if f64::from(self.seen) > LONGEST {
            grown * (LONGEST - 1.0) / LONGEST
        } else {
            grown
        };
    }

    fn spread(&self) -> f64 {
        let count = f64::from(self.seen).min(LONGEST);
        (self.squares / (count - 1.0).max(1.0)).sqrt()
    }
}

impl Sum {
    fn take(&mut self, excess: f64, value: f64) {
        let sum = f64::from(self.sum) + excess;
        if sum <= 0.0 {
            *self = Self::default();
            return;
        }
        self.sum = sum as f32;
        self.readings = self.readings.saturating_add(1);
        self.mean += (value - self.mean) / f64::from(self.readings);
    }
}

impl Kind for Cusum {
    type Memory = Memory;

    const STAGE: Stage = Stage::Detect;

    fn empty(&self) -> Memory {
        Memory::default()
    }

    fn step_number(&self, memory: &mut Memory, _: i64, value: f64) -> Conclusion {
        step(memory, self, value)
    }

    fn settings(&self) -> Vec<Fact> {
        [
            number("drift", self.drift),
            count("warmup", self.warmup),
            measure("min_spread", self.min_spread),
        ]
        .into_iter()
        .chain(scores(&self.scores))
        .collect()
    }

    fn facts(&self, memory: &Memory) -> Vec<Fact> {
        let shifted = memory.shifted.iter();
        [
            measure("level", memory.base.mean),
            measure("deviation", memory.base.spread()),
            count("readings", memory.base.seen),
            number("sum_high", f64::from(memory.high.sum)),
            number("sum_low", f64::from(memory.low.sum)),
        ]
        .into_iter()
        .chain(shifted.map(|shifted| measure("level_left", shifted.from)))
        .chain(memory.steps.facts())
        .collect()
    }
}

/// Concludes from a value, which must be newer than those before it.
fn step(memory: &mut Memory, settings: &Cusum, value: f64) -> Conclusion {
    let Memory { base, steps, .. } = *memory;
    memory.steps.take(value);
    if base.seen < settings.warmup {
        memory.base.take(value);
        return match memory.shifted {
            Some(shifted) => shifted.conclusion(settings, memory.base.mean),
            None => Conclusion::learning(f64::from(base.seen), f64::from(settings.warmup)),
        };
    }
    memory.shifted = None;
    let spread = steps.floor(base.spread(), settings.min_spread, base.mean);
    let seen = f64::from(base.seen);
    let scale = ((seen - 1.0) / seen).sqrt();
    let deviation = (scale * (value - base.mean) / spread).clamp(-CLIP, CLIP);
    memory.high.take(deviation - settings.drift, value);
    memory.low.take(-deviation - settings.drift, value);
    let (side, sum) = if memory.high.sum >= memory.low.sum {
        (Side::High, memory.high)
    } else {
        (Side::Low, memory.low)
    };
    let score = f64::from(sum.sum);
    let scores = &settings.scores;
    let alarm = scores.warning.into_iter().chain(scores.critical);
    let limit = alarm.fold(f64::INFINITY, f64::min);
    if score < limit {
        // An outlier is no part of the level, and evidence of a new one is not either.
        let far = CLIP * spread;
        memory
            .base
            .take(value.clamp(base.mean - far, base.mean + far));
        let usual = base.mean;
        return Conclusion::scored(score, side, scores, Why::Deviation { usual, spread });
    }
    let shifted = Shifted {
        from: base.mean,
        spread,
        score,
        side,
    };
    *memory = Memory {
        steps: memory.steps,
        shifted: Some(shifted),
        ..Memory::default()
    };
    memory.base.take(value);
    shifted.conclusion(settings, sum.mean)
}

impl Shifted {
    fn conclusion(&self, settings: &Cusum, to: f64) -> Conclusion {
        let why = Why::Shift {
            from: self.from,
            to,
            spread: self.spread,
        };
        Conclusion::scored(self.score, self.side, &settings.scores, why)
    }
}

#[cfg(test)]
mod tests;
