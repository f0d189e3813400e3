//! What is usual at a time of day: the mean of each ten minutes.
//!
//! A value is compared with the range of the means at its time, a step before
//! and a step after, so that a cycle which comes somewhat earlier or later is
//! not unusual. Days that are all off by the same, as after a change of level,
//! are reported once: the mean residual is taken off.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Ten minutes each.
const BINS: usize = 144;
const DAY_S: f64 = 86_400.0;
const BIN_S: f64 = DAY_S / BINS as f64;

/// How much a day counts at readings every five minutes or less often.
const GAIN: f64 = 0.04;
const GAIN_EVERY_S: f64 = 300.0;
/// Lengths of the mean residual and of the lasting one, in readings.
const RESIDUAL: f64 = 200.0;
pub(super) const LASTING: f64 = 8.0;
/// Length of the mean size of residuals, and how many of it are taken at most
/// once it is known.
const SIZE: f64 = 1_000.0;
const CLIP: f64 = 8.0;
const FIRST: u32 = 1_000;

#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Profile {
    /// Means, relative to `base`.
    #[serde(with = "bins")]
    means: [f32; BINS],
    /// Readings in each, up to 255.
    #[serde(with = "bins")]
    counts: [u8; BINS],
    /// The first value: what is left of it fits into single precision.
    base: f64,
    mean_residual: f64,
    residual_size: f64,
    lasting: f64,
    /// Mean seconds between readings.
    interval_s: f64,
    last_ns: i64,
}

impl Default for Profile {
    fn default() -> Self {
        Self {
            means: [0.0; BINS],
            counts: [0; BINS],
            base: 0.0,
            mean_residual: 0.0,
            residual_size: 0.0,
            lasting: 0.0,
            interval_s: 0.0,
            last_ns: 0,
        }
    }
}

impl Profile {
    /// How far the value is from what is usual now, how far the last ones
    /// did in the mean, and the nearer end of what is usual.
    #[inline]
    pub(super) fn step(&mut self, index: u32, time_ns: i64, value: f64) -> (f64, f64, f64) {
        self.note_interval(index, time_ns);
        if index == 0 {
            self.base = value;
        }
        let value = value - self.base;
        let time_s = time_ns.rem_euclid(86_400_000_000_000) as f64 / 1e9;
        let bin = bin_of(time_s);
        let (mut residual, mut usual) = (0.0, value);
        if self.counts[bin] > 0 {
            let (low, high) = self.range(bin, time_s);
            usual = value.clamp(low, high);
            residual = value - usual - self.mean_residual;
            // One that is far out must not make the usual look unusual.
            let most = CLIP * self.residual_size;
            let clipped = if index > FIRST {
                residual.clamp(-most, most)
            } else {
                residual
            };
            self.mean_residual += clipped / RESIDUAL;
            self.residual_size += (residual.abs() - self.residual_size) / SIZE;
            self.lasting += (residual - self.lasting) / LASTING;
        }
        let lasting = if self.counts[bin] > 0 {
            self.lasting
        } else {
            0.0
        };
        self.learn(index, bin, value);
        (residual, lasting, usual + self.base)
    }

    /// Mean seconds between readings; 0 before the second.
    pub(super) fn interval_s(&self) -> f64 {
        self.interval_s
    }

    #[inline]
    fn note_interval(&mut self, index: u32, time_ns: i64) {
        let elapsed_s = time_ns.saturating_sub(self.last_ns) as f64 / 1e9;
        self.last_ns = time_ns;
        match index {
            0 => {}
            1 => self.interval_s = elapsed_s,
            _ => self.interval_s += (elapsed_s - self.interval_s) * 0.05,
        }
    }

    #[inline]
    fn range(&self, bin: usize, time_s: f64) -> (f64, f64) {
        let mut low = self.means[bin];
        let mut high = low;
        let away = self.interval_s.max(BIN_S);
        for near in [time_s - away, time_s + away] {
            let near = bin_of(near.rem_euclid(DAY_S));
            if self.counts[near] > 0 {
                low = low.min(self.means[near]);
                high = high.max(self.means[near]);
            }
        }
        (f64::from(low), f64::from(high))
    }

    #[inline]
    fn learn(&mut self, index: u32, bin: usize, value: f64) {
        let count = self.counts[bin].saturating_add(1);
        self.counts[bin] = count;
        let gain = if index == 0 {
            GAIN
        } else {
            GAIN * (self.interval_s.max(1e-3) / GAIN_EVERY_S).min(1.0)
        };
        // A plain mean first, as long as the bin can count.
        let gain = match count {
            u8::MAX => gain,
            _ => gain.max(1.0 / f64::from(count)),
        };
        let mean = f64::from(self.means[bin]);
        let moved = (mean + (value - mean) * gain) as f32;
        self.means[bin] = moved.clamp(f32::MIN, f32::MAX);
    }
}

#[inline]
fn bin_of(time_s: f64) -> usize {
    ((time_s / BIN_S) as usize).min(BINS - 1)
}

/// Arrays longer than serde knows, as sequences.
mod bins {
    use super::{Deserialize, Deserializer, Serialize, Serializer};
    use serde::de::Error;

    pub(super) fn serialize<S: Serializer, T: Serialize, const N: usize>(
        bins: &[T; N],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        bins.as_slice().serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>, T: Deserialize<'de>, const N: usize>(
        deserializer: D,
    ) -> Result<[T; N], D::Error> {
        let bins = Vec::<T>::deserialize(deserializer)?;
        let found = bins.len();
        bins.try_into()
            .map_err(|_| D::Error::invalid_length(found, &"one per bin"))
    }
}
