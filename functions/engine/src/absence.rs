//! The kind `absence`: devices or series that send nothing for too long.
//!
//! Time passes with the records of the journal: every message brings the time at
//! which Weir received it, and while nothing comes a tick does (`Ingress::Clock`),
//! which is journaled like any message. So a replay notices what live noticed,
//! at the same position. A hole between two records means that Weir itself did
//! not run: every device then has its whole time again, and a restart raises
//! nothing.
//!
//! With a `sensor` each selected series is watched, by its readings; without one
//! each selected device is, by any of its messages that brings a reading. Then
//! the memory belongs to a series without a name. A keep-alive is no
//! message, and what is quarantined is no reading: neither counts.
//!
//! How long is too long is configured (`after`), or learnt from the intervals so
//! far as TCP learns when to send again (V. Jacobson, "Congestion avoidance and
//! control", 1988): `factor` times the smoothed interval plus four times its
//! smoothed deviation. 40 bytes per device or series; a scan of all of them once
//! a second (`watch.rs`).

pub(crate) mod watch;

use serde::{Deserialize, Serialize};
use weir_config::Absence;
use weir_model::Timestamp;

use crate::inspect::fact::{Fact, count, length, number, seconds, text, time};
use crate::kind::{Kind, Stage};
use crate::state::index::NEVER;

const SECOND: i64 = 1_000_000_000;
/// How often all devices and series are looked at.
const SCAN: i64 = SECOND;
/// Ticks come every five seconds: with so long between two records Weir was down.
const HOLE: i64 = 30 * SECOND;
/// Intervals before one is learnt.
const WARMUP: u32 = 10;
/// No learnt interval is shorter.
const LEAST: f64 = 5.0e9;

/// How far time has come, by the journal.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Clock {
    now: i64,
    scanned: i64,
    /// Weir has been running since.
    up_since: i64,
}

impl Default for Clock {
    fn default() -> Self {
        Self {
            now: NEVER,
            scanned: NEVER,
            up_since: NEVER,
        }
    }
}

impl Clock {
    /// Of two clocks the later counts, and the later start: nobody is found silent
    /// too soon.
    pub(crate) fn join(&mut self, other: Self) {
        if (other.now, other.scanned) > (self.now, self.scanned) {
            (self.now, self.scanned) = (other.now, other.scanned);
        }
        self.up_since = self.up_since.max(other.up_since);
    }

    /// Whoever calls the engine ran all the time until `until`, although it brought
    /// no record: the next record makes no hole.
    pub(crate) fn bridge(&mut self, until: Timestamp) {
        if self.now != NEVER {
            self.now = self.now.max(until.0);
        }
    }

    /// Moves the time on; true when it is time to scan.
    pub(crate) fn pass(&mut self, received: Timestamp) -> bool {
        let received = received.0;
        let apart = i128::from(received) - i128::from(self.now);
        if self.now == NEVER || apart.abs() > i128::from(HOLE) {
            // Weir was down, or its clock was set.
            *self = Self {
                now: received,
                scanned: received,
                up_since: received,
            };
            return false;
        }
        self.now = self.now.max(received);
        if self.now - self.scanned < SCAN {
            return false;
        }
        self.scanned = self.now;
        true
    }
}

/// What is remembered of a device, or a series.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Memory {
    /// Its last activity; [`NEVER`] before the first.
    heard: i64,
    /// Its time does not count before: it became known, or its gateway was down.
    excused: i64,
    /// Its gateway is down: no verdict until that is back.
    waits: bool,
    /// When it was found silent; [`NEVER`] while it is not.
    silent: i64,
    /// Smoothed interval and deviation, nanoseconds.
    interval: f32,
    deviation: f32,
    intervals: u32,
}

impl Memory {
    const EMPTY: Self = Self {
        heard: NEVER,
        excused: NEVER,
        waits: false,
        silent: NEVER,
        interval: 0.0,
        deviation: 0.0,
        intervals: 0,
    };

    /// It has sent something.
    fn record_activity(&mut self, now: i64) {
        let elapsed = now.saturating_sub(self.heard);
        // An outage is no interval, and two messages at once are one.
        if self.heard != NEVER && self.silent == NEVER && elapsed > 0 {
            let elapsed = elapsed as f32;
            if self.intervals == 0 {
                (self.interval, self.deviation) = (elapsed, elapsed / 2.0);
            } else {
                let error = elapsed - self.interval;
                self.interval += error / 8.0;
                self.deviation += (error.abs() - self.deviation) / 4.0;
            }
            self.intervals = self.intervals.saturating_add(1);
        }
        self.heard = now;
        self.silent = NEVER;
        self.waits = false;
    }

    /// The longest silence that is usual, nanoseconds; `None`: not known yet.
    fn expected(&self, settings: &Absence) -> Option<f64> {
        if let Some(after) = settings.after {
            return Some(after.as_nanos() as f64);
        }
        let usual = f64::from(self.interval) + 4.0 * f64::from(self.deviation);
        (self.intervals >= WARMUP).then_some((settings.factor * usual).max(LEAST))
    }

    /// The first moment at which it has been silent for too long, nanoseconds; `None`
    /// if that is not known. `delay` of its function: for so long the verdict has to
    /// be repeated.
    fn due(&self, settings: &Absence, clock: &Clock, delay: i64) -> Option<i64> {
        if self.silent != NEVER {
            // The verdict counts at the first look behind the delay.
            let counts = self.silent.saturating_add(delay);
            return (clock.now < counts).then_some(counts);
        }
        let since = self.heard.max(self.excused).max(clock.up_since);
        if since == NEVER {
            return None;
        }
        let expected = self.expected(settings)?;
        Some(since.saturating_add(expected as i64).saturating_add(1))
    }

    /// Whether it has been silent for too long.
    fn is_silent(&mut self, settings: &Absence, clock: &Clock) -> bool {
        // Weir's clock was ahead at its last activity.
        self.heard = self.heard.min(clock.now);
        if self.heard == NEVER && self.excused == NEVER {
            self.excused = clock.now;
        }
        let since = self.heard.max(self.excused).max(clock.up_since);
        let elapsed = clock.now.saturating_sub(since) as f64;
        self.expected(settings)
            .is_some_and(|expected| elapsed > expected)
    }
}

impl Kind for Absence {
    type Memory = Memory;

    /// As time passes, and whenever a reading is taken: see `watch.rs`.
    const STAGE: Stage = Stage::Device;

    fn empty(&self) -> Memory {
        Memory::EMPTY
    }

    fn settings(&self) -> Vec<Fact> {
        vec![match self.after {
            Some(after) => length("after", after),
            None => number("factor", self.factor),
        }]
    }

    fn facts(&self, memory: &Memory) -> Vec<Fact> {
        let heard = time("heard", memory.heard);
        let silent = time("silent_since_found", memory.silent);
        let expected = memory.expected(self);
        let interval = (memory.intervals > 0)
            .then(|| seconds("usual_interval", f64::from(memory.interval) / 1e9));
        let waits = memory.waits.then(|| text("waits_for", "its gateway"));
        heard
            .into_iter()
            .chain(silent)
            .chain(interval)
            .chain([count("intervals", memory.intervals)])
            .chain(expected.map(|nanos| seconds("longest_usual_silence", nanos / 1e9)))
            .chain(waits)
            .collect()
    }
}
