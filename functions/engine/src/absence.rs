//! The kind `absence`: who says nothing any more.
//!
//! Time passes with the records of the journal: every message brings the time at
//! which Weir received it, and while nothing comes a tick does (`Door::Clock`),
//! which is journaled like any message. So a replay notices what live noticed,
//! at the same position. A hole between two records means that Weir itself was
//! not there: everybody is then given their whole time anew, and a restart
//! raises nothing.
//!
//! With a `sensor` each selected series is watched, by its readings; without one
//! each selected device is, by any of its messages that brings a reading. Then
//! the memory hangs on a series without a name. What keeps a connection alive is
//! no message, and what is quarantined is no reading: neither counts.
//!
//! How long is too long is configured (`after`), or learnt from the intervals so
//! far as TCP learns when to send again (V. Jacobson, "Congestion avoidance and
//! control", 1988): `factor` times the smoothed interval plus four times its
//! smoothed deviation. 40 bytes per device or series; a scan of all of them once
//! a second.

use serde::{Deserialize, Serialize};
use weir_config::Absence;
use weir_model::{Timestamp, Verdict, Why};

use crate::batch::Batch;
use crate::explain::{Fact, count, seconds, text, time};
use crate::kinds::{Kind, State};
use crate::memory::{Memory as Tables, NEVER, NO_SLOT};
use crate::meter::Meter;
use crate::rules::Rule;
use weir_model::{DeviceIx, Position};

const SECOND: i64 = 1_000_000_000;
/// How often it is looked who is silent.
const SCAN: i64 = SECOND;
/// Ticks come every five seconds: with so long between records Weir was down.
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
    /// Weir has been there since.
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
    /// Moves on; true when it is time to look.
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
    /// When it was heard last; [`NEVER`] before the first time.
    heard: i64,
    /// Its time does not count before: it became known, or its gateway was down.
    excused: i64,
    /// It waits for its gateway, which is down.
    waits: bool,
    /// It was found silent at; [`NEVER`] while it is not.
    silent: i64,
    /// Smoothed interval and deviation, nanoseconds.
    interval: f32,
    deviation: f32,
    intervals: u32,
}

impl Memory {
    pub(crate) const EMPTY: Self = Self {
        heard: NEVER,
        excused: NEVER,
        waits: false,
        silent: NEVER,
        interval: 0.0,
        deviation: 0.0,
        intervals: 0,
    };

    pub(crate) fn facts(&self, settings: &Absence) -> Vec<Fact> {
        let heard = time("heard", self.heard);
        let silent = time("silent_since_found", self.silent);
        let expected = self.expected(settings);
        let interval =
            (self.intervals > 0).then(|| seconds("usual_interval", f64::from(self.interval) / 1e9));
        let waits = self.waits.then(|| text("waits_for", "its gateway"));
        heard
            .into_iter()
            .chain(silent)
            .chain(interval)
            .chain([count("intervals", self.intervals)])
            .chain(expected.map(|nanos| seconds("longest_usual_silence", nanos / 1e9)))
            .chain(waits)
            .collect()
    }

    /// It is there.
    pub(crate) fn hear(&mut self, now: i64) {
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

    /// Whether it has been silent for too long.
    fn is_silent(&mut self, settings: &Absence, clock: &Clock) -> bool {
        // Weir's clock was ahead when it was heard.
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

/// The conclusion of one look at one slot.
pub(crate) fn verdict(
    tables: &Tables,
    settings: &Absence,
    slot: u32,
    position: Position,
    now: i64,
) -> Option<Verdict> {
    let entry = &tables.slots[slot as usize];
    let State::Absence(memory) = &entry.state else {
        return None;
    };
    let device = tables.series[entry.series as usize].device;
    let seconds = if memory.heard == NEVER {
        f64::NAN
    } else {
        now.saturating_sub(memory.heard) as f64 / 1e9
    };
    let silent = memory.silent != NEVER;
    Some(Verdict {
        position,
        slot,
        function: entry.function,
        device,
        location: tables.devices[device.index()].location,
        time: Timestamp(now),
        // Of who was never heard: since Weir knows of it.
        value: match seconds.is_nan() {
            true => now.saturating_sub(memory.excused) as f64 / 1e9,
            false => seconds,
        },
        level: silent.then_some(settings.severity),
        threshold: f64::NAN,
        side: weir_model::Side::High,
        score: f64::NAN,
        why: Why::Silence {
            seconds,
            expected: memory.expected(settings).unwrap_or(f64::NAN) / 1e9,
        },
    })
}

/// Looks at everyone, and tells of those who are silent. `delays` by function:
/// how long a verdict has to be said again before it counts.
pub(crate) fn scan(
    tables: &mut Tables,
    rules: &[Rule],
    delays: &dyn Fn(u16) -> i64,
    clock: &Clock,
    position: Position,
    meter: &mut Meter,
    out: &mut Batch,
) {
    for slot in 0..tables.slots.len() as u32 {
        let entry = &mut tables.slots[slot as usize];
        let (State::Absence(memory), true) = (&mut entry.state, entry.active) else {
            continue;
        };
        let rule = usize::from(entry.function).checked_sub(1);
        let Some(Kind::Absence(settings)) =
            rule.and_then(|at| rules.get(at)).map(|rule| &rule.kind)
        else {
            continue;
        };
        if !memory.waits && !memory.is_silent(settings, clock) {
            continue;
        }
        let function = entry.function;
        if memory.silent == NEVER {
            let device = tables.series[entry.series as usize].device;
            let expected = memory.expected(settings).unwrap_or_default();
            let is_down = gateway_is_down(tables, settings, device, expected, clock);
            let State::Absence(memory) = &mut tables.slots[slot as usize].state else {
                continue;
            };
            let waited = std::mem::replace(&mut memory.waits, is_down);
            if is_down || waited {
                // It has its whole time from the return of its gateway on.
                memory.excused = clock.now;
                continue;
            }
            memory.silent = clock.now;
        } else if clock.now.saturating_sub(memory.silent)
            > delays(function).saturating_add(2 * SCAN)
        {
            // Said often enough.
            continue;
        }
        let began = meter.begin(function);
        let verdict = verdict(tables, settings, slot, position, clock.now);
        meter.end(function, began);
        if let Some(verdict) = verdict {
            meter.note_level(function, verdict.level);
            out.verdicts.push(verdict);
        }
    }
}

/// Whether the gateway of a device has said nothing for half as long as is too
/// long for the device: it speaks at least as often as what is behind it.
fn gateway_is_down(
    tables: &Tables,
    settings: &Absence,
    device: DeviceIx,
    expected: f64,
    clock: &Clock,
) -> bool {
    let Some(gateway) = &settings.gateway else {
        return false;
    };
    let location = &tables.locations[tables.devices[device.index()].location.index()];
    let Some(gateway) = tables.find_device(&gateway.replace("{location}", location)) else {
        return false;
    };
    if gateway == device {
        return false;
    }
    let seen = tables.devices[gateway.index()]
        .last_seen
        .max(clock.up_since);
    clock.now.saturating_sub(seen) as f64 > expected / 2.0
}

/// Notes that a series, or the device behind a nameless one, was heard, and says
/// so in a verdict each.
pub(crate) fn hear(
    tables: &mut Tables,
    rules: &[Rule],
    series: u32,
    position: Position,
    now: i64,
    meter: &mut Meter,
    out: &mut Batch,
) {
    let mut at = tables.series[series as usize].first_slot;
    while at != NO_SLOT {
        let entry = &mut tables.slots[at as usize];
        let (slot, function) = (at, entry.function);
        at = entry.next;
        let (State::Absence(memory), true) = (&mut entry.state, entry.active) else {
            continue;
        };
        let began = meter.begin(function);
        memory.hear(now);
        let rule = usize::from(function).checked_sub(1);
        if let Some(Kind::Absence(settings)) =
            rule.and_then(|at| rules.get(at)).map(|rule| &rule.kind)
        {
            out.verdicts
                .extend(verdict(tables, settings, slot, position, now));
        }
        meter.end(function, began);
    }
}
