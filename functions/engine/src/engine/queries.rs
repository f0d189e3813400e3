//! What others ask of an engine: the names behind its indexes, reasons, and the
//! latest values of devices.

use std::sync::Arc;

use weir_config::FunctionKind;
use weir_model::{Catalog, DeviceIx, Timestamp, Verdict, Why};

use super::Engine;
#[cfg(doc)]
use crate::REMOVED_FUNCTION;
use crate::inspect::info::FunctionInfo;
use crate::inspect::latest::{DeviceSummary, Latest};
use crate::sequence::SequenceCounts;
use crate::state::adopt::removed_name;
use crate::state::index::{FunctionIx, SlotIx};
use crate::wasm::ModuleReport;

/// The sensor of a verdict that is of the device as a whole.
const PRESENCE: &str = "presence";

/// The names behind a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot<'a> {
    pub device: &'a str,
    pub sensor: &'a str,
    /// Of the sensor's last reading.
    pub unit: Option<&'a str>,
    pub function: &'a str,
    /// [`REMOVED_FUNCTION`] when it is no longer configured: no verdict will come.
    pub function_ix: u16,
}

impl Engine {
    pub fn catalog(&self) -> &Arc<Catalog> {
        &self.tables.catalog
    }

    /// The names behind a slot that a verdict brought. Panics for any other.
    pub fn slot(&self, slot: u32) -> Slot<'_> {
        let ix = SlotIx(slot);
        let slot = &self.tables.slots[ix.index()];
        let series = &self.tables.series[slot.series.index()];
        let function = match self.functions.get(slot.function.index()) {
            Some(function) => &*function.name,
            None => removed_name(&self.removed, ix),
        };
        Slot {
            device: &self.tables.devices[series.device.index()].name,
            sensor: match &*series.sensor {
                "" => PRESENCE,
                sensor => sensor,
            },
            unit: self.tables.columns[series.column.index()].unit.as_deref(),
            function,
            function_ix: slot.function.0,
        }
    }

    /// How the functions that are modules of WebAssembly are doing, in their order.
    pub fn modules(&self) -> impl Iterator<Item = ModuleReport<'_>> {
        self.runs.reports()
    }

    /// The reason that a function's author wrote for its verdict, to follow
    /// "value is".
    pub fn custom_reason(&self, verdict: &Verdict) -> Option<&str> {
        let Why::Module { reason } = verdict.why else {
            return None;
        };
        let rule = self.rules.get(FunctionIx(verdict.function))?;
        let FunctionKind::Wasm(settings) = &rule.kind else {
            return None;
        };
        let reason = settings.reasons.get(usize::from(reason).checked_sub(1)?)?;
        Some(reason)
    }

    /// The expression of a function that is a condition, as configured.
    pub fn condition(&self, verdict: &Verdict) -> Option<&str> {
        let rule = self.rules.get(FunctionIx(verdict.function))?;
        match &rule.kind {
            FunctionKind::Derived(settings) => Some(settings.expression.text()),
            _ => None,
        }
    }

    /// The values that the function of a verdict allows, as a list for people;
    /// `None` for functions of other kinds.
    pub fn allowed_values(&self, verdict: &Verdict) -> Option<String> {
        let rule = self.rules.get(FunctionIx(verdict.function))?;
        match &rule.kind {
            FunctionKind::Allowed(settings) => crate::checks::allowed::list(settings),
            _ => None,
        }
    }

    /// The number of slots: all indexes are below it.
    pub fn slot_count(&self) -> u32 {
        self.tables.slots.len() as u32
    }

    /// Index 0 is `payload`, the limits that come with a reading; then the
    /// `[[function]]`s in their order.
    pub fn functions(&self) -> &[FunctionInfo] {
        &self.functions
    }

    /// Visits the devices with a newer latest value since the last call, with
    /// the latest values of the sensors that changed. What is visited once is
    /// not visited again; what was not is part of the snapshot.
    pub fn changed_devices(&mut self, visit: &mut dyn FnMut(DeviceIx, &[Latest])) {
        self.tables.take_changed(visit);
    }

    /// Makes [`Self::changed_devices`] visit a device although no reading came, because
    /// something else that is reported of it has changed.
    pub fn mark_changed(&mut self, device: DeviceIx) {
        self.tables.mark_newest_changed(device);
    }

    /// The latest value of each sensor, in the order of their first appearance.
    pub fn latest(&self, device: DeviceIx) -> Vec<Latest> {
        self.tables.latest_of(device)
    }

    pub fn device_ix(&self, id: &str) -> Option<DeviceIx> {
        self.tables.find_device(id)
    }

    pub fn device_summary(&self, device: DeviceIx) -> DeviceSummary {
        self.tables.summary(device)
    }

    /// When Weir last received something from the device, by Weir's clock.
    pub fn last_seen(&self, device: DeviceIx) -> Option<Timestamp> {
        self.tables.last_seen(device)
    }

    /// The latest reading of one sensor.
    pub fn latest_of(&self, device: DeviceIx, sensor: &str) -> Option<Latest> {
        self.tables.latest_of_sensor(device, sensor)
    }

    /// Gaps and repeats in the numbers that the device gives.
    pub fn sequence_counts(&self, device: DeviceIx) -> SequenceCounts {
        self.tables.devices[device.index()].sequences
    }

    /// Those of all devices together.
    pub fn sequence_totals(&self) -> SequenceCounts {
        self.tables.sequences
    }
}
