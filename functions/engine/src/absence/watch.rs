//! Looks at everyone as time passes, and notes who has sent something.

use weir_config::{Absence, FunctionKind};
use weir_model::{DeviceIx, Position, Side, Timestamp, Verdict, Why};

use super::{Clock, Memory, SCAN};
use crate::batch::Batch;
use crate::inspect::meter::Meter;
use crate::kinds::State;
use crate::rules::Rules;
use crate::state::index::{FunctionIx, NEVER, SeriesIx, SlotIx};
use crate::state::slot::SlotMemory;
use crate::state::tables::Tables;

/// Where a verdict comes from and goes to.
pub(crate) struct Watch<'a> {
    pub(crate) tables: &'a mut Tables,
    pub(crate) rules: &'a Rules,
    pub(crate) meter: &'a mut Meter,
    pub(crate) position: Position,
    pub(crate) out: &'a mut Batch,
}

impl Watch<'_> {
    /// Looks at everyone, and gives a verdict about each that is silent. `delay` of
    /// a function: how long a verdict has to be repeated before it counts.
    pub(crate) fn scan(&mut self, clock: &Clock, delay: &dyn Fn(FunctionIx) -> i64) {
        for slot in 0..self.tables.slots.len() as u32 {
            self.look_at(SlotIx(slot), clock, delay);
        }
    }

    fn look_at(&mut self, ix: SlotIx, clock: &Clock, delay: &dyn Fn(FunctionIx) -> i64) {
        let slot = &mut self.tables.slots[ix.index()];
        let (function, series) = (slot.function, slot.series);
        let Some((settings, memory)) = watched(self.rules, slot) else {
            return;
        };
        if !memory.waits && !memory.is_silent(settings, clock) {
            return;
        }
        if memory.silent == NEVER {
            let expected = memory.expected(settings).unwrap_or_default();
            let device = self.tables.series[series.index()].device;
            let is_down = gateway_is_down(self.tables, settings, device, expected, clock);
            let slot = &mut self.tables.slots[ix.index()];
            let Some((_, memory)) = watched(self.rules, slot) else {
                return;
            };
            let waited = std::mem::replace(&mut memory.waits, is_down);
            if is_down || waited {
                // It has its whole time from the return of its gateway on.
                memory.excused = clock.now;
                return;
            }
            memory.silent = clock.now;
        } else if clock.now.saturating_sub(memory.silent) > delay(function).saturating_add(2 * SCAN)
        {
            // The verdict was repeated often enough.
            return;
        }
        let began = self.meter.begin(function);
        let verdict = self.verdict(settings, ix, clock.now);
        self.meter.end(function, began);
        if let Some(verdict) = verdict {
            self.meter.note_level(function, verdict.level);
            self.out.verdicts.push(verdict);
        }
    }

    /// Notes that a series, or the device behind a nameless one, has sent something
    /// at `now`, and says so in a verdict each.
    pub(crate) fn record_activity(&mut self, series: SeriesIx, now: i64) {
        let mut chain = self.tables.chain(series);
        while let Some((ix, slot)) = chain.next_mut(&mut self.tables.slots) {
            let function = slot.function;
            let Some((settings, memory)) = watched(self.rules, slot) else {
                continue;
            };
            let began = self.meter.begin(function);
            memory.record_activity(now);
            let verdict = self.verdict(settings, ix, now);
            self.out.verdicts.extend(verdict);
            self.meter.end(function, began);
        }
    }

    /// The conclusion of one look at one slot.
    fn verdict(&self, settings: &Absence, ix: SlotIx, now: i64) -> Option<Verdict> {
        let slot = &self.tables.slots[ix.index()];
        let State::Absence(memory) = &slot.state else {
            return None;
        };
        let device = self.tables.series[slot.series.index()].device;
        let since = |time: i64| now.saturating_sub(time) as f64 / 1e9;
        let (seconds, value) = if memory.heard == NEVER {
            // Since Weir knows of it.
            (f64::NAN, since(memory.excused))
        } else {
            (since(memory.heard), since(memory.heard))
        };
        let silent = memory.silent != NEVER;
        Some(Verdict {
            position: self.position,
            slot: ix.0,
            function: slot.function.0,
            device,
            location: self.tables.devices[device.index()].location,
            time: Timestamp(now),
            value,
            level: silent.then_some(settings.severity),
            threshold: f64::NAN,
            side: Side::High,
            score: f64::NAN,
            why: Why::Silence {
                seconds,
                expected: memory.expected(settings).unwrap_or(f64::NAN) / 1e9,
            },
        })
    }
}

/// When the slots of a device have to be looked at next.
pub(crate) fn due(
    tables: &Tables,
    rules: &Rules,
    clock: &Clock,
    device: DeviceIx,
    delay: &dyn Fn(FunctionIx) -> i64,
) -> Option<Timestamp> {
    let series = tables.devices[device.index()].series.iter();
    let slots = series.flat_map(|series| tables.slots_of(*series));
    let due = slots.filter_map(|(_, slot)| {
        let (State::Absence(memory), true) = (&slot.state, slot.active) else {
            return None;
        };
        match &rules.get(slot.function)?.kind {
            FunctionKind::Absence(settings) => memory.due(settings, clock, delay(slot.function)),
            _ => None,
        }
    });
    due.min().map(Timestamp)
}

/// The settings and the memory of a slot that watches where it is now.
fn watched<'r, 's>(
    rules: &'r Rules,
    slot: &'s mut SlotMemory,
) -> Option<(&'r Absence, &'s mut Memory)> {
    let (State::Absence(memory), true) = (&mut slot.state, slot.active) else {
        return None;
    };
    match &rules.get(slot.function)?.kind {
        FunctionKind::Absence(settings) => Some((settings, memory)),
        _ => None,
    }
}

/// Whether the gateway of a device has sent nothing for half as long as is too
/// long for the device: it sends at least as often as what is behind it.
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
