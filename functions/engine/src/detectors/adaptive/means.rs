//! Exponentially weighted means over several lengths, and what they say of
//! each other.
//!
//! Each starts as a plain mean and becomes exponential once it has seen as many
//! readings as it is long. The longer ones take at most some mean
//! deviations at a time, so that what is unusual is not soon taken for usual.
//! The shorter ones grow only with the logarithm of a value far out: one wild
//! reading is not a change of level.

use serde::{Deserialize, Serialize};

use crate::inspect::fact::{Fact, measure};

/// Lengths, in readings.
pub(super) const FAST: f64 = 10.0;
pub(super) const SHORT: f64 = 24.0;
const RECENT: f64 = 128.0;
const SLOW: f64 = 3_000.0;
const STEP_SHORT: f64 = 24.0;
const STEP_LONG: f64 = 1_500.0;

/// In mean deviations: what the long means take at most, and from where on the
/// short ones follow the logarithm.
const SLOW_CLIP: f64 = 4.0;
const RECENT_CLIP: f64 = 2.5;
const BEND: f64 = 4.0;

/// A distance below this part of the mean deviation is never unusual.
const FLOOR: f64 = 0.01;
/// How far a value is from what was measured before it was rounded to steps of 1,
/// as a deviation: one over the root of 12. Nor is a distance below that unusual.
const ROUNDING: f64 = 0.288_675_134_594_812_9;

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Means {
    fast: f64,
    short: f64,
    recent: f64,
    slow: f64,
    /// Mean distances from `slow` and `recent`.
    slow_spread: f64,
    recent_spread: f64,
    /// Mean of the absolute value.
    size: f64,
    last: f64,
    /// Means of the logarithm of the steps between readings.
    step_short: f64,
    step_long: f64,
    /// The resolution: the smallest step between two readings that was any; 0 while
    /// there was none. Last, as memories of earlier versions end before it.
    smallest_step: f64,
}

/// Signed distances, and what they are distances from.
pub(super) struct Distances {
    pub(super) level: f64,
    pub(super) change: f64,
    pub(super) roughness: f64,
    pub(super) floor: f64,
    pub(super) slow: f64,
    pub(super) recent: f64,
    pub(super) usual_step: f64,
}

impl Means {
    /// The offset of the smallest step in the bytes of a snapshot.
    pub(super) const STEP_AT: usize = 10 * size_of::<f64>();

    /// What rounding leaves uncertain about a mean of so many readings. Rounding
    /// errors of readings that follow each other may be alike: the mean is not taken
    /// for better than a plain one.
    #[inline]
    pub(super) fn rounding(&self, readings: f64) -> f64 {
        ROUNDING * self.smallest_step / readings.sqrt()
    }

    pub(super) fn facts(&self) -> [Fact; 4] {
        [
            measure("mean_of_24", self.short),
            measure("mean_of_128", self.recent),
            measure("mean_of_3000", self.slow),
            measure("mean_distance", self.slow_spread),
        ]
    }

    #[inline]
    pub(super) fn step(&mut self, index: u32, value: f64) -> Distances {
        if index == 0 {
            *self = Self {
                fast: value,
                short: value,
                recent: value,
                slow: value,
                size: value.abs(),
                last: value,
                ..Self::default()
            };
        }
        let plain = 1.0 / (f64::from(index) + 1.0);
        let gain = |length: f64| plain.max(1.0 / length);
        let long_gain = gain(SLOW);
        self.size += (value.abs() - self.size) * long_gain;
        let moved = (value - self.last).abs();
        if moved > 0.0 && (self.smallest_step == 0.0 || moved < self.smallest_step) {
            self.smallest_step = moved;
        }
        let floor = FLOOR * self.slow_spread + 1e-9 * self.size + f64::MIN_POSITIVE;

        let bent = if index > 100 {
            self.recent + bend(value - self.recent, BEND * self.recent_spread)
        } else {
            value
        };
        self.fast += (bent - self.fast) * gain(FAST);
        self.short += (bent - self.short) * gain(SHORT);
        let (slow, recent) = (self.slow, self.recent);
        let (level, change) = (self.short - slow, self.fast - recent);

        let mut off_recent = value - recent;
        self.recent_spread += (off_recent.abs() - self.recent_spread) * long_gain;
        if index > 100 {
            let most = RECENT_CLIP * self.recent_spread;
            off_recent = off_recent.clamp(-most, most);
        }
        self.recent += off_recent * gain(RECENT);
        let (roughness, usual_step) =
            self.roughness(index, value, gain(STEP_SHORT), gain(STEP_LONG));

        let mut off_slow = value - slow;
        self.slow_spread += (off_slow.abs() - self.slow_spread) * long_gain;
        if index > 200 {
            let most = SLOW_CLIP * self.slow_spread;
            off_slow = off_slow.clamp(-most, most);
        }
        self.slow += off_slow * long_gain;
        Distances {
            level,
            change,
            roughness,
            floor,
            slow,
            recent,
            usual_step,
        }
    }

    /// The logarithm of how much the value moves now against usual, and how
    /// much is usual.
    #[inline]
    fn roughness(&mut self, index: u32, value: f64, short: f64, long: f64) -> (f64, f64) {
        let least = 1e-3 * self.slow_spread + 1e-9 * self.size + f64::MIN_POSITIVE;
        let step = ((value - self.last).abs() + least).ln();
        self.last = value;
        if index <= 1 {
            self.step_short = step;
            self.step_long = step;
        }
        self.step_short += (step - self.step_short) * short;
        self.step_long += (step - self.step_long) * long;
        (self.step_short - self.step_long, self.step_long.exp())
    }
}

/// Leaves what is within `limit`; beyond it, the logarithm of how far.
#[inline]
fn bend(distance: f64, limit: f64) -> f64 {
    if distance.abs() <= limit || limit <= 0.0 {
        distance
    } else {
        limit.copysign(distance) * (1.0 + (distance.abs() / limit).ln())
    }
}
