//! The kind `ewma`: how many standard deviations a value lies from the
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
use crate::explain::{Fact, count, measure, time};

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

/// Concludes from a value, which must be newer than those before it.
pub(crate) fn step(memory: &mut Memory, settings: &Ewma, time_ns: i64, value: f64) -> Conclusion {
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
    pub(crate) fn facts(&self) -> Vec<Fact> {
        let readings = count("readings", self.seen);
        if self.seen == 0 {
            return vec![readings];
        }
        let last = time("last", self.time);
        [
            measure("mean", self.mean),
            measure("deviation", self.variance.sqrt()),
            readings,
        ]
        .into_iter()
        .chain(last)
        .chain(self.steps.facts())
        .collect()
    }

    fn learn(&mut self, settings: &Ewma, spread: f64, time_ns: i64, value: f64) {
        let elapsed = time_ns.saturating_sub(self.time) as f64;
        let half_life = settings.half_life.as_nanos() as f64;
        let weight = 1.0 - (-elapsed / half_life).exp2();
        // A plain mean, until there are as many readings as the weight stands for.
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
