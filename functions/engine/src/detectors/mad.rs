//! The kind `mad`: how far a value is from the median of the window before
//! it, in robust deviations.
//!
//! The deviation is 1.4826 times the median absolute deviation, which equals
//! the standard deviation of normal noise and does not move when up to half of
//! the window are outliers (F. R. Hampel, "The influence curve and its role in
//! robust estimation", 1974; C. Leys et al., "Detecting outliers: Do not use
//! standard deviation around the mean, use absolute deviation around the
//! median", 2013). When more than half of the window are equal the median
//! deviation is 0; the mean absolute deviation, times 1.2533, takes its place.
//!
//! 16 bytes per reading of the window and 72 more per series: 1,032 with the
//! default of 60. Per reading one insertion into a sorted window and one walk
//! over half of it.

use serde::{Deserialize, Serialize};
use weir_config::Mad;
use weir_model::{Side, Why};

use crate::conclusion::Conclusion;
use crate::detectors::steps::Steps;
use crate::inspect::fact::{Fact, count, measure, scores};
use crate::kind::{Kind, Stage, whole};

/// Makes the median absolute deviation of normal noise its standard deviation.
const MAD_TO_SIGMA: f64 = 1.4826;
/// The same for the mean absolute deviation: the square root of π/2.
const MEAN_TO_SIGMA: f64 = 1.2533;

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Memory {
    /// The window, in the order of arrival from `oldest` on once it is full.
    window: Vec<f64>,
    /// The same, ascending.
    sorted: Vec<f64>,
    oldest: u16,
    steps: Steps,
}

impl Memory {
    /// With room for the whole window, so that nothing is allocated later.
    fn new(settings: &Mad) -> Self {
        let room = usize::from(settings.window);
        Self {
            window: Vec::with_capacity(room),
            sorted: Vec::with_capacity(room),
            ..Self::default()
        }
    }

    /// A memory out of a snapshot, if it is sound for these settings.
    fn restored(mut self, settings: &Mad) -> Option<Self> {
        let (len, room) = (self.window.len(), usize::from(settings.window));
        let oldest = usize::from(self.oldest);
        if len != self.sorted.len() || len > room || oldest >= room.max(1) {
            return None;
        }
        if (len < room && oldest != 0) || self.window.iter().any(|value| !value.is_finite()) {
            return None;
        }
        let mut sorted = self.window.clone();
        sorted.sort_by(f64::total_cmp);
        if sorted != self.sorted {
            return None;
        }
        self.window.reserve_exact(room - len);
        self.sorted.reserve_exact(room - len);
        Some(self)
    }

    fn take(&mut self, settings: &Mad, value: f64) {
        // The place of a value, known or new. Values are finite.
        let place = |sorted: &[f64], value: f64| sorted.partition_point(|known| *known < value);
        if self.window.len() < usize::from(settings.window) {
            self.window.push(value);
            self.sorted.insert(place(&self.sorted, value), value);
        } else {
            let oldest = usize::from(self.oldest);
            let gone = std::mem::replace(&mut self.window[oldest], value);
            self.oldest = ((oldest + 1) % self.window.len()) as u16;
            // One move of the values between the two.
            let (from, to) = (place(&self.sorted, gone), place(&self.sorted, value));
            if from < to {
                self.sorted.copy_within(from + 1..to, from);
                self.sorted[to - 1] = value;
            } else {
                self.sorted.copy_within(to..from, to + 1);
                self.sorted[to] = value;
            }
        }
        self.steps.take(value);
    }
}

impl Kind for Mad {
    type Memory = Memory;

    const STAGE: Stage = Stage::Detect;

    fn empty(&self) -> Memory {
        Memory::new(self)
    }

    fn step_number(&self, memory: &mut Memory, _: i64, value: f64) -> Conclusion {
        step(memory, self, value)
    }

    fn settings(&self) -> Vec<Fact> {
        [
            count("window", self.window),
            count("warmup", self.warmup),
            measure("min_spread", self.min_spread),
        ]
        .into_iter()
        .chain(scores(&self.scores))
        .collect()
    }

    fn facts(&self, memory: &Memory) -> Vec<Fact> {
        let readings = count("readings_in_window", memory.sorted.len() as u64);
        if memory.sorted.is_empty() {
            return vec![readings];
        }
        let median = median(&memory.sorted);
        [
            measure("median", median),
            measure("deviation", spread(&memory.sorted, median)),
            readings,
        ]
        .into_iter()
        .chain(memory.steps.facts())
        .collect()
    }

    fn shape(&self) -> String {
        format!("window {}", self.window)
    }

    /// Two windows.
    fn heap_bytes(&self) -> usize {
        2 * usize::from(self.window) * size_of::<f64>()
    }

    fn read(&self, bytes: &[u8]) -> Option<Memory> {
        whole::<Memory>(bytes)?.restored(self)
    }
}

/// Concludes from a value, which must be newer than those before it.
fn step(memory: &mut Memory, settings: &Mad, value: f64) -> Conclusion {
    let needed = usize::from(settings.window).min(usize::from(settings.warmup));
    let conclusion = if memory.sorted.len() < needed {
        Conclusion::learning(memory.sorted.len() as f64, needed as f64)
    } else {
        let median = median(&memory.sorted);
        let spread = spread(&memory.sorted, median);
        let spread = memory.steps.floor(spread, settings.min_spread, median);
        let difference = value - median;
        let side = if difference < 0.0 {
            Side::Low
        } else {
            Side::High
        };
        let why = Why::Deviation {
            usual: median,
            spread,
        };
        Conclusion::scored(difference.abs() / spread, side, &settings.scores, why)
    };
    memory.take(settings, value);
    conclusion
}

fn median(sorted: &[f64]) -> f64 {
    let upper = sorted[sorted.len() / 2];
    if sorted.len() % 2 == 1 {
        return upper;
    }
    let lower = sorted[sorted.len() / 2 - 1];
    lower + (upper - lower) / 2.0
}

/// A robust standard deviation; 0 when all are equal.
fn spread(sorted: &[f64], median: f64) -> f64 {
    let deviation = median_deviation(sorted, median);
    if deviation > 0.0 {
        return MAD_TO_SIGMA * deviation;
    }
    let sum: f64 = sorted.iter().map(|value| (value - median).abs()).sum();
    MEAN_TO_SIGMA * sum / sorted.len() as f64
}

/// The median of the distances from the median: distances grow on both sides of
/// it, so that the nearer of two ends is always the next.
fn median_deviation(sorted: &[f64], median: f64) -> f64 {
    let middle = sorted.partition_point(|value| *value < median);
    let (mut below, mut above) = (middle, middle);
    let mut distance = 0.0;
    // An even number of them is halved on its upper side: a distance that exists.
    for _ in 0..=sorted.len() / 2 {
        let under = below.checked_sub(1).map(|at| median - sorted[at]);
        let over = sorted.get(above).map(|value| value - median);
        match (under, over) {
            (Some(under), Some(over)) if under < over => (distance, below) = (under, below - 1),
            (_, Some(over)) => (distance, above) = (over, above + 1),
            (Some(under), None) => (distance, below) = (under, below - 1),
            (None, None) => break,
        }
    }
    distance
}

#[cfg(test)]
mod tests;
