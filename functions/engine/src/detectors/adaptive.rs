//! The kind `adaptive`: for a sensor of which nothing is known.
//!
//! Five statistics, each cheap and each blind to what another one sees:
//!
//! | statistic | what it compares |
//! | --- | --- |
//! | level | the mean of some 24 readings with the long mean |
//! | change | the mean of some 10 readings with the mean of some 130 |
//! | time of day | the value with the range usual around this time of day |
//! | time of day, lasting | the same, mean of some 8 readings |
//! | roughness | how much the value moves from reading to reading, in logarithms |
//!
//! None has a scale of its own: each is compared with the five largest separate
//! peaks that it has had in this series ([`peaks`]), so a series with a heavy
//! tail has to do something worse than one that is calm. What rounding alone may
//! come to is no peak: a sensor that mostly repeats itself is not unusual when its
//! last digit moves. The score is the
//! decimal logarithm of how rarely such a peak is to be expected. Whatever
//! exceeds [`REPORT`] is reported once; then the detector holds back for
//! [`HOLD_READINGS`] unless it becomes clearly worse. A value is scored before
//! it is learnt.
//!
//! Time constants are in readings, as nothing is known of the sensor, except
//! for the profile, which is a day long. `docs/reference/functions/adaptive.md` has the
//! sources, what it catches and misses, and how it was measured.
//!
//! Some 1.4 KB per series and 55 ns per reading.

mod means;
mod peaks;
mod profile;

use std::fmt;

use serde::{Deserialize, Serialize};
use weir_config::Adaptive as Settings;
use weir_model::{Level, Side, Statistic, Why};

use crate::conclusion::Conclusion;
use crate::inspect::fact::{Fact, count, length, level, number, scores, seconds};
use crate::kind::{Kind, Stage, whole};
use means::Means;
use peaks::Peaks;
use profile::Profile;

/// From here on the detector reports. About one reading in a thousand of pure
/// noise comes so far.
pub const REPORT: f64 = 1.1;
/// So long after a report only something clearly worse is reported.
const HOLD_READINGS: u32 = 170;
/// By so much worse.
const WORSE: f64 = 0.4;
/// And by so much when it follows so closely that it is likely the same event.
const MUCH_WORSE: f64 = 0.8;
/// What follows a report so closely is the same event, however it rises; and so
/// many usual readings end one.
const SAME_EVENT: u32 = 20;
/// No value counts as further out; it keeps the sums finite.
const LARGEST: f64 = 1e300;
/// The first readings only teach.
const FIRST: u32 = 50;
/// Readings before the first score: the peaks want to be known.
const WARMUP: u32 = FIRST + peaks::APART;

/// What a statistic weighs: the profile's finds are the ones that are right
/// most often.
const WEIGHTS: [f64; 5] = [0.87, 0.9, 1.0, 0.9, 0.65];

/// In the order of [`WEIGHTS`].
const STATISTICS: [Statistic; 5] = [
    Statistic::Level,
    Statistic::Change,
    Statistic::TimeOfDay,
    Statistic::TimeOfDayLasting,
    Statistic::Roughness,
];

/// What one reading amounts to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Finding {
    /// Decimal logarithm of how rare it is; 0 for what is usual.
    pub rarity: f64,
    /// It is to be reported: rare, and not reported already.
    pub reported: bool,
    /// The statistic that is furthest out, when `rarity` is above 0.
    pub statistic: Statistic,
    /// What the statistic compared with: a mean, or the nearer end of the usual
    /// range; of roughness, the usual step.
    pub usual: f64,
    /// How far out, as a multiple of the fifth-largest peak so far.
    pub ratio: f64,
    /// Above what is usual, not below it.
    pub above: bool,
}

impl Finding {
    /// The score, from 0 up to but never 1: 0.75 and more when it is reported,
    /// below 0.25 when it is not. Greater rarity always gives a greater score
    /// on either side.
    pub fn score(&self) -> f64 {
        if self.reported {
            1.0 - 0.25 * REPORT / self.rarity
        } else {
            0.25 * self.rarity / (self.rarity + REPORT)
        }
    }
}

/// What the function remembers of a series: the detector, and the alarm that it
/// has raised.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Memory {
    detector: Adaptive,
    level: Level,
    /// Usual readings since the last that was not, while there is a level.
    calm: u32,
}

impl Kind for Settings {
    type Memory = Memory;

    const STAGE: Stage = Stage::Detect;

    fn empty(&self) -> Memory {
        Memory::default()
    }

    fn step_number(&self, memory: &mut Memory, time_ns: i64, value: f64) -> Conclusion {
        step(memory, self, time_ns, value)
    }

    fn settings(&self) -> Vec<Fact> {
        [length("at_most_every", self.at_most_every)]
            .into_iter()
            .chain(scores(&self.scores))
            .collect()
    }

    fn facts(&self, memory: &Memory) -> Vec<Fact> {
        let detector = &memory.detector;
        let mut facts = vec![
            count("readings", detector.seen),
            seconds("usual_interval", detector.profile.interval_s()),
            level("level", memory.level),
        ];
        if memory.level.is_some() {
            facts.push(count("usual_readings_since", memory.calm));
        }
        if let Some(reported) = detector.reported {
            let since = detector.seen.saturating_sub(reported + 1);
            facts.push(count("readings_since_report", since));
            facts.push(number("rarity_reported", detector.height));
        }
        facts.extend(detector.means.facts());
        facts
    }

    fn read(&self, bytes: &[u8]) -> Option<Memory> {
        whole(bytes).or_else(|| Memory::without_step(bytes))
    }
}

/// Concludes from a value, which must be newer than those before it.
#[inline]
fn step(memory: &mut Memory, settings: &Settings, time_ns: i64, value: f64) -> Conclusion {
    let finding = memory.detector.step(time_ns, value);
    let seen = memory.detector.seen;
    let why = if seen <= WARMUP {
        Why::Learning {
            seen: f64::from(seen),
            needed: f64::from(WARMUP),
        }
    } else {
        Why::Unusual {
            statistic: finding.statistic,
            usual: finding.usual,
            ratio: finding.ratio,
        }
    };
    let side = if finding.above { Side::High } else { Side::Low };
    let score = finding.score();
    let mut conclusion = Conclusion::scored(score, side, &settings.scores, why);
    if finding.rarity
        < memory
            .detector
            .rarity_of(settings.at_most_every.as_secs_f64())
    {
        conclusion.level = None;
    }
    memory.hold(&finding, conclusion.level);
    conclusion.level = memory.level;
    conclusion
}

impl Memory {
    /// As versions wrote it that knew of no smallest step; `None` for anything else.
    fn without_step(bytes: &[u8]) -> Option<Self> {
        let (before, behind) = bytes.split_at_checked(Means::STEP_AT)?;
        let bytes = [before, &[0; size_of::<f64>()], behind].concat();
        whole(&bytes)
    }

    /// A level that was reached lasts until the series has been usual for a
    /// while: one event is one alarm.
    #[inline]
    fn hold(&mut self, finding: &Finding, reached: Level) {
        if reached > self.level {
            self.level = reached;
        }
        if finding.rarity >= REPORT {
            self.calm = 0;
        } else if self.level.is_some() {
            self.calm += 1;
            if self.calm >= SAME_EVENT {
                self.calm = 0;
                self.level = None;
            }
        }
    }
}

/// What is remembered of a series.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Adaptive {
    means: Means,
    profile: Profile,
    peaks: [Peaks; 5],
    seen: u32,
    /// Index of the last report.
    reported: Option<u32>,
    /// Rarity of the last report.
    height: f64,
}

impl fmt::Debug for Adaptive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Adaptive")
            .field("seen", &self.seen)
            .field("reported", &self.reported)
            .field("means", &self.means)
            .finish_non_exhaustive()
    }
}

impl Adaptive {
    /// Readings so far.
    pub fn seen(&self) -> u32 {
        self.seen
    }

    /// The rarity of what is to be expected once in so many seconds, at the pace
    /// at which readings come.
    fn rarity_of(&self, seconds: f64) -> f64 {
        let separate = seconds / (f64::from(peaks::APART) * self.profile.interval_s().max(1e-9));
        separate.max(1.0).log10()
    }

    /// Takes one reading in, which must be newer than those before it. `value`
    /// is finite.
    #[inline]
    pub fn step(&mut self, time_ns: i64, value: f64) -> Finding {
        let value = value.clamp(-LARGEST, LARGEST);
        if self.seen == u32::MAX {
            self.shorten();
        }
        let index = self.seen;
        self.seen += 1;
        let means = self.means.step(index, value);
        let (residual, lasting, usual) = self.profile.step(index, time_ns, value);
        let floor = |readings| means.floor.max(self.means.rounding(readings));
        let signed = [
            (means.level, floor(means::SHORT), means.slow),
            (means.change, floor(means::FAST), means.recent),
            (residual, floor(1.0), usual),
            (lasting, floor(profile::LASTING), usual),
            (means.roughness, 0.01, means.usual_step),
        ];
        let minute = time_ns.div_euclid(60_000_000_000);
        let mut finding = Finding {
            rarity: 0.0,
            reported: false,
            statistic: Statistic::Level,
            usual: value,
            ratio: 0.0,
            above: true,
        };
        if index < FIRST {
            return finding;
        }
        for (at, (distance, floor, usual)) in signed.into_iter().enumerate() {
            let (rarity, ratio) = self.peaks[at].step(index, minute, distance.abs(), floor);
            let rarity = rarity * WEIGHTS[at];
            if rarity > finding.rarity {
                finding.rarity = rarity;
                finding.statistic = STATISTICS[at];
                finding.usual = usual;
                finding.ratio = ratio;
                finding.above = distance > 0.0;
            }
        }
        finding.reported = self.report(index, finding.rarity);
        finding
    }

    /// Counts on from half as many, as a number has an end.
    #[cold]
    fn shorten(&mut self) {
        let by = u32::MAX / 2;
        self.seen -= by;
        self.reported = self.reported.map(|index| index.saturating_sub(by));
        for peaks in &mut self.peaks {
            peaks.shorten(by);
        }
    }

    /// Whether so rare a reading is to be reported now.
    fn report(&mut self, index: u32, rarity: f64) -> bool {
        if rarity < REPORT {
            return false;
        }
        let since = self.reported.map_or(u32::MAX, |last| index - last);
        if since < SAME_EVENT && rarity <= self.height + MUCH_WORSE {
            return false;
        }
        if since <= HOLD_READINGS && rarity <= self.height + WORSE {
            return false;
        }
        self.height = rarity;
        self.reported = Some(index);
        true
    }
}

#[cfg(test)]
mod tests;
