//! The kind `seasonal`: how far a value is from what is usual at this time of
//! the day, and on this kind of day.
//!
//! A day is cut into bins of equal length; each bin of each kind of day (`season`:
//! every day alike, weekdays and weekends apart, or each weekday for itself)
//! remembers the mean and the variance of its visits, both exponentially
//! weighted by visit, so that the profile follows the year. While a bin is being
//! visited its readings are only gathered (B. P. Welford, "Note on a method for
//! calculating corrected sums of squares and products", 1962); when it is left
//! they are folded in as one visit, whether it had one reading or thousands. A
//! visit whose mean is more than [`CLIP`] deviations out teaches no more than
//! one there would: a day of failure does not become the custom. What is expected
//! is interpolated between the middles of neighbouring bins. The idea is that of
//! seasonal profiles in demand forecasting (P. R. Winters, "Forecasting sales by
//! exponentially weighted moving averages", 1960), without a trend.
//!
//! 12 bytes per bin and 80 more per series: 1,232 with half hours, weekdays and
//! weekends apart. One square root per reading.

use serde::{Deserialize, Serialize};
use weir_config::{Season, Seasonal};
use weir_model::{Side, Why};

use crate::conclusion::Conclusion;
use crate::detectors::steps::Steps;
use crate::inspect::fact::{Fact, count, length, measure, scores, text};
use crate::kind::{Kind, Stage, whole};

/// In deviations: a visit further out counts as so far when it is learnt.
const CLIP: f64 = 4.0;
/// How many visits the profile remembers, more or less.
const VISITS: f64 = 14.0;

const DAY_NS: i64 = 86_400_000_000_000;

/// The profile, and the visit that is going on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Memory {
    bins: Vec<Bin>,
    /// The bin that is being visited, and in which day since the epoch.
    visit: Option<Visit>,
    steps: Steps,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Bin {
    mean: f32,
    variance: f32,
    visits: u16,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Visit {
    bin: u16,
    day: i32,
    readings: u32,
    mean: f64,
    /// Sum of squared distances from the mean.
    squares: f64,
}

/// The place of a time in the season.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Place {
    bin: u16,
    day: i32,
    /// How far into the bin, 0 to 1.
    within: f64,
}

impl Memory {
    fn new(settings: &Seasonal) -> Self {
        Self {
            bins: vec![Bin::default(); bins(settings)],
            visit: None,
            steps: Steps::default(),
        }
    }

    /// A memory out of a snapshot, if it is sound for these settings.
    fn restored(self, settings: &Seasonal) -> Option<Self> {
        let bins = bins(settings);
        let visiting = self.visit.is_none_or(|visit| usize::from(visit.bin) < bins);
        (self.bins.len() == bins && visiting).then_some(self)
    }

    /// What is usual: between the middle of this bin and that of the nearer
    /// neighbour, if both are known.
    fn expected(&self, settings: &Seasonal, place: Place) -> f64 {
        let per_day = per_day(settings);
        let bin = self.bins[usize::from(place.bin)];
        let (own, mean) = (usize::from(place.bin), f64::from(bin.mean));
        let (first, at) = (own - own % per_day, own % per_day);
        // Around midnight the neighbour is of the same kind of day: nearly always so.
        let (neighbour, distance) = if place.within < 0.5 {
            ((at + per_day - 1) % per_day, 0.5 - place.within)
        } else {
            ((at + 1) % per_day, place.within - 0.5)
        };
        let neighbour = self.bins[first + neighbour];
        if neighbour.visits == 0 {
            return mean;
        }
        mean + distance * (f64::from(neighbour.mean) - mean)
    }

    /// Folds the visit in that ended before this place.
    fn close(&mut self, settings: &Seasonal, place: Place) {
        let ended = |visit: &mut Visit| (visit.bin, visit.day) != (place.bin, place.day);
        if let Some(ended) = self.visit.take_if(ended) {
            self.fold(settings, ended);
        }
    }

    fn learn(&mut self, place: Place, value: f64) {
        self.steps.take(value);
        let visit = self.visit.get_or_insert(Visit {
            bin: place.bin,
            day: place.day,
            readings: 0,
            mean: 0.0,
            squares: 0.0,
        });
        visit.readings = visit.readings.saturating_add(1);
        let difference = value - visit.mean;
        visit.mean += difference / f64::from(visit.readings);
        visit.squares += difference * (value - visit.mean);
    }

    fn fold(&mut self, settings: &Seasonal, visit: Visit) {
        let Visit {
            readings,
            mean,
            squares,
            ..
        } = visit;
        let bin = &mut self.bins[usize::from(visit.bin)];
        let within = squares / f64::from(readings);
        let (old_mean, old_variance) = (f64::from(bin.mean), f64::from(bin.variance));
        let (new_mean, new_variance) = if bin.visits == 0 {
            (mean, within)
        } else {
            let spread = self
                .steps
                .floor(old_variance.sqrt(), settings.min_spread, old_mean);
            let learnt = bin.visits >= settings.warmup;
            let far = if learnt { CLIP * spread } else { f64::MAX };
            let difference = (mean - old_mean).clamp(-far, far);
            let within = if learnt {
                within.min(far * far)
            } else {
                within
            };
            let weight = 1.0 / (f64::from(bin.visits) + 1.0).min(VISITS);
            let moved = weight * difference;
            let apart = old_variance + difference * moved;
            (old_mean + moved, (1.0 - weight) * apart + weight * within)
        };
        let (mean, variance) = (new_mean as f32, new_variance as f32);
        if mean.is_finite() && variance.is_finite() {
            (bin.mean, bin.variance) = (mean, variance);
        }
        bin.visits = bin.visits.saturating_add(1);
    }
}

impl Kind for Seasonal {
    type Memory = Memory;

    const STAGE: Stage = Stage::Detect;

    fn empty(&self) -> Memory {
        Memory::new(self)
    }

    fn step_number(&self, memory: &mut Memory, time_ns: i64, value: f64) -> Conclusion {
        step(memory, self, time_ns, value)
    }

    fn settings(&self) -> Vec<Fact> {
        [
            text("season", format!("{:?}", self.season).to_lowercase()),
            length("bin", self.bin),
            count("warmup", self.warmup),
            measure("min_spread", self.min_spread),
        ]
        .into_iter()
        .chain(scores(&self.scores))
        .collect()
    }

    /// The bin that was visited last, and how much of the profile is known.
    fn facts(&self, memory: &Memory) -> Vec<Fact> {
        let known = memory.bins.iter().filter(|bin| bin.visits > 0).count();
        let mut facts = vec![
            count("bins", memory.bins.len() as u64),
            count("bins_known", known as u64),
        ];
        let visited = memory.visit.as_ref();
        if let Some((visit, bin)) =
            visited.and_then(|visit| Some((visit, memory.bins.get(usize::from(visit.bin))?)))
        {
            facts.push(count("bin", visit.bin));
            if bin.visits > 0 {
                facts.push(measure("bin_mean", f64::from(bin.mean)));
                facts.push(measure("bin_deviation", f64::from(bin.variance).sqrt()));
            }
            facts.extend([
                count("bin_visits", bin.visits),
                measure("visit_mean", visit.mean),
                count("visit_readings", visit.readings),
            ]);
        }
        facts.extend(memory.steps.facts());
        facts
    }

    fn shape(&self) -> String {
        format!(
            "{:?}, bin {} s, offset {} min",
            self.season,
            self.bin.as_secs(),
            self.utc_offset_minutes
        )
    }

    /// Of the profile.
    fn heap_bytes(&self) -> usize {
        bins(self) * size_of::<Bin>()
    }

    fn read(&self, bytes: &[u8]) -> Option<Memory> {
        whole::<Memory>(bytes)?.restored(self)
    }
}

/// Concludes from a value, which must be newer than those before it.
fn step(memory: &mut Memory, settings: &Seasonal, time_ns: i64, value: f64) -> Conclusion {
    let place = place(settings, time_ns);
    memory.close(settings, place);
    let bin = memory.bins[usize::from(place.bin)];
    let conclusion = if bin.visits < settings.warmup {
        Conclusion::learning(f64::from(bin.visits), f64::from(settings.warmup))
    } else {
        let usual = memory.expected(settings, place);
        let spread = f64::from(bin.variance).sqrt();
        let spread = memory.steps.floor(spread, settings.min_spread, usual);
        let difference = value - usual;
        let side = if difference < 0.0 {
            Side::Low
        } else {
            Side::High
        };
        let why = Why::Deviation { usual, spread };
        Conclusion::scored(difference.abs() / spread, side, &settings.scores, why)
    };
    memory.learn(place, value);
    conclusion
}

fn per_day(settings: &Seasonal) -> usize {
    (DAY_NS / bin_ns(settings)).max(1) as usize
}

/// The configuration lets only lengths pass that a day is a multiple of.
fn bin_ns(settings: &Seasonal) -> i64 {
    (settings.bin.as_nanos() as i64).clamp(1, DAY_NS)
}

fn bins(settings: &Seasonal) -> usize {
    let kinds_of_day = match settings.season {
        Season::Day => 1,
        Season::Workweek => 2,
        Season::Week => 7,
    };
    per_day(settings) * kinds_of_day
}

fn place(settings: &Seasonal, time_ns: i64) -> Place {
    let offset = i64::from(settings.utc_offset_minutes) * 60_000_000_000;
    let local = time_ns.saturating_add(offset);
    let (day, of_day) = (local.div_euclid(DAY_NS), local.rem_euclid(DAY_NS));
    // 1970-01-01 was a Thursday: 0 is Monday.
    let weekday = (day + 3).rem_euclid(7) as usize;
    let kind_of_day = match settings.season {
        Season::Day => 0,
        Season::Workweek => usize::from(weekday >= 5),
        Season::Week => weekday,
    };
    let bin_ns = bin_ns(settings);
    let bin = kind_of_day * per_day(settings) + (of_day / bin_ns) as usize;
    Place {
        bin: bin as u16,
        day: day as i32,
        within: (of_day % bin_ns) as f64 / bin_ns as f64,
    }
}

#[cfg(test)]
mod tests;
