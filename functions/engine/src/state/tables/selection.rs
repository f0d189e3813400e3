//! Which functions a series has: the slots of the rules that select it.
//!
//! Series are matched when they appear, when their location changes and when the
//! rules change, never per reading.

use std::num::NonZeroU16;

use weir_config::{FunctionKind, Limits};
use weir_model::{DeviceIx, ValueKind};

use super::{Series, Stages, Tables};
use crate::kind::Stage;
use crate::kinds::{self, State};
use crate::rules::Rules;
use crate::state::index::{FunctionIx, SeriesIx, SlotIx};
use crate::state::slot::SlotMemory;

impl Tables {
    /// Gives a series the slots of the functions that select it. Slots that it
    /// has stay, so that what they raised can be cleared.
    pub(crate) fn resolve_rules(&mut self, series: SeriesIx, rules: &Rules) {
        let Series {
            ref sensor,
            device,
            location,
            ..
        } = self.series[series.index()];
        let sensor = sensor.clone();
        let device = self.devices[device.index()].name.clone();
        let location = self.locations[location.index()].clone();
        let mut ruled = false;
        for (function, rule) in rules.iter() {
            let selects = rule.selects(&device, &sensor, &location);
            // Only limits take the place of limits.
            ruled |= selects && matches!(rule.kind, FunctionKind::Threshold(_));
            match self.slot_of(series, function) {
                Some(slot) => self.slots[slot.index()].active = selects,
                None if selects => {
                    self.add_slot(series, function, kinds::empty(&rule.kind));
                }
                None => {}
            }
        }
        self.series[series.index()].ruled = ruled;
        self.resolve_stages(series, rules);
    }

    /// Notes what the slots of a series ask for.
    pub(crate) fn resolve_stages(&mut self, series: SeriesIx, rules: &Rules) {
        let mut stages = Stages::default();
        for (_, slot) in self.slots_of(series) {
            let Some(rule) = rules.get(slot.function) else {
                continue;
            };
            // Where it no longer selects the series it has to say so.
            stages.batches |= rule.stage == Stage::Batch;
            if !slot.active {
                continue;
            }
            stages.checks |= rule.stage == Stage::Check;
            stages.absence |= matches!(rule.kind, FunctionKind::Absence(_));
            if stages.unit.is_none() && matches!(rule.kind, FunctionKind::Unit(_)) {
                stages.unit = NonZeroU16::new(slot.function.0);
            }
        }
        self.series[series.index()].stages = stages;
    }

    /// The series without a name, which holds what is known of a device as a
    /// whole. `None` unless some rule is of devices.
    pub(crate) fn series_of_device(
        &mut self,
        device: DeviceIx,
        rules: &Rules,
        limits: &Limits,
    ) -> Option<SeriesIx> {
        if !rules.watches.devices {
            return None;
        }
        if let Some(known) = self.devices[device.index()].whole {
            return Some(known);
        }
        let at = usize::MAX;
        let series = match self.find_series(device, at, "") {
            Some(series) => series,
            None => {
                let column = self
                    .column(device, "", "s", ValueKind::Number, limits)
                    .ok()?;
                let location = self.devices[device.index()].location;
                let series = self.add_series(device, at, column, location);
                self.resolve_rules(series, rules);
                series
            }
        };
        self.devices[device.index()].whole = Some(series);
        Some(series)
    }

    #[inline]
    pub(crate) fn slot_of(&self, series: SeriesIx, function: FunctionIx) -> Option<SlotIx> {
        let mut slots = self.slots_of(series);
        slots.find_map(|(ix, slot)| (slot.function == function).then_some(ix))
    }

    /// Adds a slot behind those that the series has.
    pub(crate) fn add_slot(
        &mut self,
        series: SeriesIx,
        function: FunctionIx,
        state: State,
    ) -> SlotIx {
        let ix = SlotIx(self.slots.len() as u32);
        assert!(
            ix != SlotIx::NONE,
            "the number of series times functions stays below 2^32"
        );
        let last = self.slots_of(series).last().map(|(last, _)| last);
        match last {
            Some(last) => self.slots[last.index()].next = ix,
            None => self.series[series.index()].first_slot = ix,
        }
        self.slots.push(SlotMemory {
            series,
            function,
            active: true,
            next: SlotIx::NONE,
            state,
        });
        ix
    }
}
