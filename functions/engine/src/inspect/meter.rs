//! What the functions do, counted, and how long they take, sampled.
//!
//! Counts follow from the messages alone: the same messages give the same
//! [`Tally`], live and at replay. Time does not, so nothing here looks for it by
//! itself: whoever runs the engine hands in a clock
//! ([`crate::Engine::measure_by`]), and without one nothing is timed. With one,
//! an invocation in some dozens is, at irregular distances, for devices take
//! turns regularly; what the clock itself costs is taken off. No verdict depends
//! on any of it.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use weir_model::{Level, Quality, Severity};

use crate::conclusion::Conclusion;
use crate::state::index::FunctionIx;

/// Nanoseconds since some instant; never goes back.
pub type NanoClock = fn() -> u64;

/// One invocation of a function in so many is timed, on average.
const EVERY: u64 = 64;
/// Looks at the clock to learn what a look costs.
const CALIBRATION: usize = 256;

/// What a function did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Readings that it was given (of `absence`: readings, and silences that it
    /// found; of `derived` and `multivariate`: computations; of `wasm`: calls).
    pub invocations: u64,
    /// Of those, without a conclusion because the function itself failed.
    pub errors: u64,
    /// Of those, with such a level.
    pub warning: u64,
    pub critical: u64,
    /// Readings that it flagged.
    pub suspect: u64,
    /// Readings that it had quarantined.
    pub bad: u64,
}

/// The tallies of a run, to continue from: functions by name and kind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tallies {
    pub messages: u64,
    pub functions: Vec<(String, String, Tally)>,
}

/// What one function amounts to.
#[derive(Clone, Debug, PartialEq)]
pub struct FunctionUsage {
    pub name: Arc<str>,
    pub kind: &'static str,
    pub tally: Tally,
    pub time: Times,
    /// Series (of some kinds: devices) that it remembers something of.
    pub series: u64,
    /// What it remembers of each, in bytes.
    pub bytes_per_series: usize,
}

/// What the engine amounts to.
#[derive(Clone, Debug, PartialEq)]
pub struct Usage {
    /// Messages that were no ticks.
    pub messages: u64,
    /// Of a message as a whole: decoded, validated, through all functions.
    pub message_time: Times,
    pub functions: Vec<FunctionUsage>,
}

/// Of one function, or of messages as a whole.
#[derive(Debug, Default)]
struct Entry {
    tally: Tally,
    /// The invocation to be timed next; 0 while there is no clock.
    next: u64,
    /// Made by the first that is timed.
    times: Option<Box<Times>>,
}

/// Counts and times, by index of function.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    clock: Option<NanoClock>,
    /// What two looks at the clock take, nanoseconds.
    overhead: u64,
    message: Entry,
    functions: Vec<Entry>,
}

/// When an invocation began, if it is timed.
#[derive(Clone, Copy, Debug)]
#[must_use = "an invocation that is begun is ended"]
pub(crate) struct Began(Option<u64>);

impl Meter {
    pub(crate) fn new(functions: usize) -> Self {
        Self {
            functions: (0..functions).map(|_| Entry::default()).collect(),
            ..Self::default()
        }
    }

    pub(crate) fn measure_by(&mut self, clock: NanoClock) {
        let looks = (0..CALIBRATION).map(|_| {
            let began = clock();
            clock().saturating_sub(began)
        });
        self.overhead = looks.min().unwrap_or_default();
        self.clock = Some(clock);
        let entries = self.functions.iter_mut().chain([&mut self.message]);
        for entry in entries {
            entry.next = entry.tally.invocations + 1;
        }
    }

    /// Counts an invocation of a function, and begins to time it if it is its turn.
    #[inline]
    pub(crate) fn begin(&mut self, function: FunctionIx) -> Began {
        match self.functions.get_mut(function.index()) {
            Some(entry) => entry.begin(self.clock),
            None => Began(None),
        }
    }

    #[inline]
    pub(crate) fn end(&mut self, function: FunctionIx, began: Began) {
        if let Began(Some(began)) = began {
            self.time(Some(function), began);
        }
    }

    #[inline]
    pub(crate) fn begin_message(&mut self) -> Began {
        self.message.begin(self.clock)
    }

    #[inline]
    pub(crate) fn end_message(&mut self, began: Began) {
        if let Began(Some(began)) = began {
            self.time(None, began);
        }
    }

    /// The result of an invocation.
    #[inline]
    pub(crate) fn note(&mut self, function: FunctionIx, concluded: &Conclusion) {
        if concluded.level.is_some() || concluded.quality != Quality::Good {
            self.note_finding(function, concluded);
        }
    }

    /// As [`Self::note`], of what no reading caused.
    pub(crate) fn note_level(&mut self, function: FunctionIx, level: Level) {
        let concluded = Conclusion {
            level,
            ..Conclusion::QUIET
        };
        self.note(function, &concluded);
    }

    /// An invocation failed: it has no result.
    #[cold]
    pub(crate) fn note_error(&mut self, function: FunctionIx) {
        if let Some(entry) = self.functions.get_mut(function.index()) {
            entry.tally.errors += 1;
        }
    }

    #[inline(never)]
    fn note_finding(&mut self, function: FunctionIx, concluded: &Conclusion) {
        let Some(entry) = self.functions.get_mut(function.index()) else {
            return;
        };
        match concluded.level {
            Some(Severity::Critical) => entry.tally.critical += 1,
            Some(Severity::Warning) => entry.tally.warning += 1,
            None => {}
        }
        match concluded.quality {
            Quality::Suspect => entry.tally.suspect += 1,
            Quality::Bad => entry.tally.bad += 1,
            Quality::Good => {}
        }
    }

    #[cold]
    fn time(&mut self, function: Option<FunctionIx>, began: u64) {
        let Some(clock) = self.clock else { return };
        let spent = clock().saturating_sub(began).saturating_sub(self.overhead);
        let entry = match function {
            Some(function) => self.functions.get_mut(function.index()),
            None => Some(&mut self.message),
        };
        if let Some(entry) = entry {
            entry.times.get_or_insert_default().record(spent);
        }
    }

    pub(crate) fn tally(&self, function: usize) -> Tally {
        self.functions
            .get(function)
            .map_or_else(Tally::default, |entry| entry.tally)
    }

    pub(crate) fn times(&self, function: usize) -> Times {
        let entry = self.functions.get(function);
        entry.map_or_else(Times::default, Entry::times)
    }

    pub(crate) fn messages(&self) -> (u64, Times) {
        (self.message.tally.invocations, self.message.times())
    }

    /// Continues from counts; `known` by index of function.
    pub(crate) fn resume(&mut self, messages: u64, known: impl Iterator<Item = Tally>) {
        self.message.tally.invocations = messages;
        for (entry, tally) in self.functions.iter_mut().zip(known) {
            entry.tally = tally;
        }
        if let Some(clock) = self.clock {
            self.measure_by(clock);
        }
    }

    /// For other functions: each continues as that of its former index, or starts at
    /// zero.
    pub(crate) fn reorder(&mut self, before: impl Iterator<Item = Option<usize>>) {
        let mut old: Vec<Entry> = std::mem::take(&mut self.functions);
        let first = u64::from(self.clock.is_some());
        let entries = before.map(|at| {
            let kept = at.and_then(|at| old.get_mut(at)).map(std::mem::take);
            kept.unwrap_or(Entry {
                next: first,
                ..Entry::default()
            })
        });
        self.functions = entries.collect();
    }
}

impl Entry {
    #[inline]
    fn begin(&mut self, clock: Option<NanoClock>) -> Began {
        self.tally.invocations += 1;
        if self.tally.invocations != self.next {
            return Began(None);
        }
        self.begin_timed(clock)
    }

    #[cold]
    fn begin_timed(&mut self, clock: Option<NanoClock>) -> Began {
        // 1 to twice EVERY, less one: no rhythm of the devices is met.
        let distance = 1 + scattered(self.next) % (2 * EVERY - 1);
        self.next += distance;
        Began(clock.map(|clock| clock()))
    }

    fn times(&self) -> Times {
        self.times.as_deref().cloned().unwrap_or_default()
    }
}

/// A number that looks like chance (G. L. Steele et al., "Fast splittable
/// pseudorandom number generators", 2014).
fn scattered(n: u64) -> u64 {
    let n = n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    n ^ (n >> 31)
}

/// Eight steps for each doubling: a bucket is at most an eighth wide.
const STEPS: u32 = 8;
/// Up to 2^41 ns, half an hour; what is longer counts as that.
const BUCKETS: usize = 312;

/// How long invocations took: a histogram with buckets of an eighth of a doubling.
#[derive(Clone, PartialEq, Eq)]
pub struct Times {
    count: u64,
    sum_ns: u64,
    /// Each rounded up to whole milliseconds, as AWS Lambda bills.
    billed_ms: u64,
    buckets: [u32; BUCKETS],
}

impl Default for Times {
    fn default() -> Self {
        Self {
            count: 0,
            sum_ns: 0,
            billed_ms: 0,
            buckets: [0; BUCKETS],
        }
    }
}

impl fmt::Debug for Times {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Times")
            .field("count", &self.count)
            .field("sum_ns", &self.sum_ns)
            .field("p50_ns", &self.quantile_ns(0.5))
            .finish_non_exhaustive()
    }
}

impl Times {
    fn record(&mut self, nanos: u64) {
        self.count += 1;
        self.sum_ns = self.sum_ns.saturating_add(nanos);
        self.billed_ms += nanos.div_ceil(1_000_000).max(1);
        let bucket = &mut self.buckets[bucket(nanos)];
        *bucket = bucket.saturating_add(1);
    }

    /// How many were timed.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Of those that were timed; `None`: none was.
    pub fn mean_ns(&self) -> Option<f64> {
        (self.count > 0).then(|| self.sum_ns as f64 / self.count as f64)
    }

    /// What so large a part of them stayed within, to an eighth; `part` between 0
    /// and 1. `None`: none was timed.
    pub fn quantile_ns(&self, part: f64) -> Option<f64> {
        let rank = (part * self.count as f64).ceil().max(1.0) as u64;
        let mut seen = 0;
        let bucket = self.buckets.iter().position(|count| {
            seen += u64::from(*count);
            seen >= rank
        })?;
        (self.count > 0).then(|| middle(bucket))
    }

    /// Milliseconds that AWS Lambda would have billed for one, on average, each
    /// rounded up by itself; 1 while none was timed.
    pub fn billed_ms(&self) -> f64 {
        match self.count {
            0 => 1.0,
            count => self.billed_ms as f64 / count as f64,
        }
    }
}

fn bucket(nanos: u64) -> usize {
    if nanos < u64::from(STEPS) {
        return nanos as usize;
    }
    let doublings = nanos.ilog2() - STEPS.ilog2();
    let step = (nanos >> doublings) as usize - STEPS as usize;
    let bucket = (doublings as usize + 1) * STEPS as usize + step;
    bucket.min(BUCKETS - 1)
}

/// The middle of a bucket.
fn middle(bucket: usize) -> f64 {
    let steps = STEPS as usize;
    if bucket < steps {
        return bucket as f64;
    }
    let doublings = (bucket / steps - 1) as i32;
    let width = 2.0_f64.powi(doublings);
    (steps + bucket % steps) as f64 * width + (width - 1.0) / 2.0
}

#[cfg(test)]
mod tests;
