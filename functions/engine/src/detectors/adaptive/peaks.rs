//! The five largest separate peaks of one statistic, and how rare one is that
//! exceeds them.
//!
//! Peaks-over-threshold (J. Pickands, 1975) in its smallest form: above the
//! fifth-largest peak b the tail is taken for a power law, whose exponent the
//! kept peaks estimate (B. M. Hill, "A simple general approach to inference
//! about the tail of a distribution", 1975), drawn towards a prior as five are
//! few. Peaks within [`APART`] readings are one. A peak is forgotten once it is
//! both [`MAX_AGE_READINGS`] and [`MAX_AGE_MINUTES`] old, so a series that runs
//! for years is compared with its last months.

use std::f64::consts::LN_10;

use serde::{Deserialize, Serialize};

const KEPT: usize = 5;
pub(super) const APART: u32 = 80;
/// The tail's exponent that is assumed, and with the weight of how many peaks.
const TAIL: f64 = 0.35;
const TAIL_WEIGHT: f64 = 18.0;
/// How much the length of the history counts.
const HISTORY: f64 = 0.9;

/// How often ages are looked at, in readings.
const LOOK_EVERY: u32 = 1_024;
const MAX_AGE_READINGS: u32 = 20_000;
const MAX_AGE_MINUTES: i64 = 90 * 24 * 60;

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Peak {
    value: f64,
    /// Minutes since the epoch.
    minute: i32,
    index: u32,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Peaks {
    /// Largest first; the first `count` are there.
    largest: [Peak; KEPT],
    count: u8,
    /// First reading that counts for the rate: 0, or since when peaks are known.
    since: u32,
    /// When the youngest peak was noted, and what it has reached.
    last: Option<u32>,
    last_value: f64,
}

impl Peaks {
    /// Rarity of a distance, as a decimal logarithm, and its multiple of the
    /// smallest kept peak; then learns it. What is below `floor` is usual.
    #[inline]
    pub(super) fn step(
        &mut self,
        index: u32,
        minute: i64,
        distance: f64,
        floor: f64,
    ) -> (f64, f64) {
        if index.is_multiple_of(LOOK_EVERY) {
            self.forget(index, minute);
        }
        let count = usize::from(self.count);
        if distance <= floor || (count == KEPT && distance <= self.largest[KEPT - 1].value) {
            return (0.0, 0.0);
        }
        let smallest = count
            .checked_sub(1)
            .map_or(0.0, |last| self.largest[last].value);
        self.unusual(index, minute, distance, smallest.max(floor))
    }

    /// The rare case.
    fn unusual(&mut self, index: u32, minute: i64, distance: f64, base: f64) -> (f64, f64) {
        let seen = f64::from(index - self.since.min(index)) - f64::from(super::FIRST) + 1.0;
        let mut rarity = 0.0;
        if distance > base && seen >= f64::from(APART) {
            let kept = self.largest[..usize::from(self.count)].iter();
            let logs: f64 = kept
                .filter(|peak| peak.value > base)
                .map(|peak| (peak.value / base).ln())
                .sum();
            let count = f64::from(self.count.max(1));
            let tail = (logs + TAIL_WEIGHT * TAIL) / (count - 1.0 + TAIL_WEIGHT);
            let rate = (seen / (count * f64::from(APART))).ln();
            rarity = ((HISTORY * rate + (distance / base).ln() / tail) / LN_10).max(0.0);
        }
        self.learn(index, minute, distance);
        (rarity, distance / base)
    }

    fn learn(&mut self, index: u32, minute: i64, distance: f64) {
        let count = usize::from(self.count);
        if count == KEPT && distance <= self.largest[KEPT - 1].value {
            return;
        }
        let peak = Peak {
            value: distance,
            minute: minute.clamp(i64::from(i32::MIN), i64::from(i32::MAX)) as i32,
            index,
        };
        let same = self.last.is_some_and(|last| index - last < APART);
        if same {
            if distance <= self.last_value {
                return;
            }
            let kept = &mut self.largest[..count];
            if let Some(last) = kept.iter_mut().find(|p| Some(p.index) == self.last) {
                last.value = distance;
            }
        } else {
            let at = count.min(KEPT - 1);
            self.largest[at] = peak;
            self.count = (at + 1) as u8;
            self.last = Some(index);
        }
        self.last_value = distance;
        self.largest[..usize::from(self.count)].sort_by(|a, b| b.value.total_cmp(&a.value));
    }

    /// Takes `by` off every index.
    pub(super) fn shorten(&mut self, by: u32) {
        for peak in &mut self.largest {
            peak.index = peak.index.saturating_sub(by);
        }
        self.since = self.since.saturating_sub(by);
        self.last = self.last.map(|last| last.saturating_sub(by));
    }

    /// Removes peaks that are too old.
    fn forget(&mut self, index: u32, minute: i64) {
        let old = |peak: &Peak| {
            index - peak.index.min(index) > MAX_AGE_READINGS
                && minute - i64::from(peak.minute) > MAX_AGE_MINUTES
        };
        let mut kept = 0;
        for at in 0..usize::from(self.count) {
            let peak = self.largest[at];
            if old(&peak) {
                self.since = self.since.max(peak.index);
            } else {
                self.largest[kept] = peak;
                kept += 1;
            }
        }
        self.count = kept as u8;
    }
}
