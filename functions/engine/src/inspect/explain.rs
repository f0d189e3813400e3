//! What a function is configured to and what it remembers of a series, in the terms
//! of its kind. Nothing here is on the path of a reading.

use std::sync::Arc;

use weir_model::DeviceIx;

use crate::engine::Engine;
use crate::inspect::fact::{Fact, seconds};
use crate::kind::Stage;
use crate::kinds;
use crate::state::index::FunctionIx;

/// A function of a series, as it is now.
#[derive(Clone, Debug, PartialEq)]
pub struct Explained {
    pub name: Arc<str>,
    /// As in the configuration.
    pub kind: &'static str,
    /// `check`, `detect`, `batch` or `device`: when it runs.
    pub stage: &'static str,
    /// As verdicts name it.
    pub slot: u32,
    pub function: u16,
    /// It runs on the readings of the series.
    pub active: bool,
    pub settings: Vec<Fact>,
    pub memory: Vec<Fact>,
    /// The memory to the bit, as a snapshot has it.
    pub exact: Vec<u8>,
}

impl Engine {
    /// The functions of a series in the order in which they run within a stage.
    /// `None`: the device has no such sensor.
    pub fn explain(&self, device: DeviceIx, sensor: &str) -> Option<Vec<Explained>> {
        let ix = self.tables.series_named(device, sensor)?;
        let ruled = self.tables.series[ix.index()].ruled;
        let explained = self.tables.slots_of(ix).filter_map(|(slot_ix, slot)| {
            let function = slot.function;
            let info = self.functions.get(function.index())?;
            let kind = self.rules.kind(function)?;
            let rule = self.rules.get(function);
            let delays = [
                ("on_delay", info.on_delay_ns),
                ("off_delay", info.off_delay_ns),
            ]
            .into_iter()
            .filter(|(_, nanos)| *nanos > 0)
            .chain(info.longest_gap_ns.map(|nanos| ("longest_gap", nanos)));
            let settings = rule.map_or_else(Vec::new, |rule| kinds::settings(&rule.kind));
            Some(Explained {
                name: Arc::clone(&info.name),
                kind: info.kind,
                stage: rule.map_or(Stage::Detect, |rule| rule.stage).name(),
                slot: slot_ix.0,
                function: function.0,
                active: match function {
                    FunctionIx::PAYLOAD => !ruled,
                    _ => slot.active,
                },
                settings: settings
                    .into_iter()
                    .chain(delays.map(|(name, nanos)| seconds(name, nanos as f64 / 1e9)))
                    .collect(),
                memory: kinds::facts(kind, &slot.state),
                exact: kinds::write(kind, &slot.state, Vec::new()),
            })
        });
        Some(explained.collect())
    }

    /// The names of a device's sensors, in the order of their first appearance.
    pub fn sensors(&self, device: DeviceIx) -> Vec<Arc<str>> {
        self.tables.devices[device.index()]
            .series
            .iter()
            .map(|ix| self.tables.series[ix.index()].sensor.clone())
            .filter(|name| !name.is_empty())
            .collect()
    }
}
