//! The kind `ewma`: how many standard deviations a value is from the
//! exponentially weighted mean of those before it.
//!
//! Weights halve with every half-life of event time, so that irregular series
//! are weighed right. Mean and variance are moved on incrementally (T. Finch,
//! "Incremental calculation of weighted mean and variance", 2009; the chart is
//! S. W. Roberts, "Control chart tests based on geometric moving averages",
//! 1959). A value further out than [`CLIP`] deviations teaches no more than one
//! at that distance would, so that an outlier does not hide the next, while a
//! new level is still learnt.
//!
//! 48 bytes per series; one exponential and one square root per reading.

use serde::{Deserialize, Serialize};
use weir_config::Ewma;
use weir_model::{Side, Why};

use crate::conclusion::Conclusion;
use crate::detectors::steps::Steps;
use crate::inspect::fact::{Fact, count, length, measure, scores, time};
use crate::kind::{Kind, Stage};

/// In deviations: further out counts as so far when it is learnt.
const CLIP: f64 = 4.0;

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Memory {
    mean: f64,
    variance: f64,
    /// Of the value before, nanoseconds.
    time: i64,
    steps: Steps,
    seen: u32,
}

impl Kind for Ewma {
    type Memory = Memory;

    const STAGE: Stage = Stage::Detect;

    fn empty(&self) -> Memory {
        Memory::default()
    }

    fn step_number(&self, memory: &mut Memory, time_ns: i64, value: f64) -> Conclusion {
        step(memory, self, time_ns, value)
    }

    fn settings(&self) -> Vec<Fact> {
        [
            length("half_life", self.half_life),
            count("warmup", self.warmup),
            measure("min_spread", self.min_spread),
        ]
        .into_iter()
        .chain(scores(&self.scores))
        .collect()
    }

    fn facts(&self, memory: &Memory) -> Vec<Fact> {
        let readings = count("readings", memory.seen);
        if memory.seen == 0 {
            return vec![readings];
        }
        let last = time("last", memory.time);
        [
            measure("mean", memory.mean),
            measure("deviation", memory.variance.sqrt()),
            readings,
        ]
        .into_iter()
        .chain(last)
        .chain(memory.steps.facts())
        .collect()
    }
}

/// Concludes from a value, which must be newer than those before it.
fn step(memory: &mut Memory, settings: &Ewma, time_ns: i64, value: f64) -> Conclusion {
    if memory.seen == 0 {
        *memory = Memory {
            mean: value,
            time: time_ns,
            seen: 1,
            ..Memory::default()
        };
        memory.steps.take(value);
        return Conclusion::learning(0.0, f64::from(settings.warmup));
    }
    let deviation = memory.variance.sqrt();
    let spread = memory
        .steps
        .floor(deviation, settings.min_spread, memory.mean);
    let conclusion = if memory.seen < settings.warmup {
        Conclusion::learning(f64::from(memory.seen), f64::from(settings.warmup))
    } else {
        let difference = value - memory.mean;
        let side = if difference < 0.0 {
            Side::Low
        } else {
            Side::High
        };
        let why = Why::Deviation {
            usual: memory.mean,
            spread,
        };
        Conclusion::scored(difference.abs() / spread, side, &settings.scores, why)
    };
    memory.learn(settings, spread, time_ns, value);
    conclusion
}

impl Memory {
    fn learn(&mut self, settings: &Ewma, spread: f64, time_ns: i64, value: f64) {
        let elapsed = time_ns.saturating_sub(self.time) as f64;
        let half_life = settings.half_life.as_nanos() as f64;
        let weight = 1.0 - (-elapsed / half_life).exp2();
        // A plain mean, until it has seen as many readings as the weight averages over.
        let weight = weight.max(1.0 / (f64::from(self.seen) + 1.0));
        let warm = self.seen >= settings.warmup;
        let far = if warm { CLIP * spread } else { f64::MAX };
        let difference = (value - self.mean).clamp(-far, far);
        let moved = weight * difference;
        let variance = (1.0 - weight) * (self.variance + difference * moved);
        if (self.mean + moved).is_finite() && variance.is_finite() {
            self.mean += moved;
            self.variance = variance;
        }
        self.steps.take(value);
        self.time = time_ns;
        self.seen = self.seen.saturating_add(1);
    }
}

#[cfg(test)]
mod tests;
