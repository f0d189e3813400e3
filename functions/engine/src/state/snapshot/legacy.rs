//! Snapshots of versions 1 and 2, in which every function was a `threshold`.
//!
//! ```text
//! 1 byte   version
//! postcard (tables of the catalog, rules, removed, devices, series, slots, changed)
//! postcard ([(device, last sequence, counts)], [(series, last sequence)])
//! ```
//!
//! Version 1 ends before the sequences. A rule is written whole, and a slot with
//! its memory.

use serde::Deserialize;
use weir_model::{CatalogTables, DeviceIx};

use super::format::{Read, Sequences, SlotEntry};
use crate::rules::{Mark, selectors};
use crate::state::adopt::Removed;
use crate::state::index::{FunctionIx, SeriesIx, SlotIx};
use crate::state::tables::{Device, Series};
use crate::threshold;

pub(super) const WITHOUT_SEQUENCES: u8 = 1;
pub(super) const ONLY_THRESHOLDS: u8 = 2;

#[derive(Deserialize)]
struct Legacy {
    tables: CatalogTables,
    rules: Vec<LegacyRule>,
    removed: Removed,
    devices: Vec<Device>,
    series: Vec<Series>,
    slots: Vec<LegacySlot>,
    changed: Vec<DeviceIx>,
}

#[derive(Deserialize)]
struct LegacyRule {
    name: String,
    device: Option<String>,
    sensor: Option<String>,
    location: Option<String>,
    kind: LegacyKind,
}

#[derive(Deserialize)]
enum LegacyKind {
    /// Its limits and its deadband are read over: the present ones count.
    Threshold(
        #[expect(dead_code, reason = "its bytes have to be stepped over")] ([Option<f64>; 4], f64),
    ),
}

#[derive(Deserialize)]
struct LegacySlot {
    series: SeriesIx,
    function: FunctionIx,
    active: bool,
    next: SlotIx,
    memory: threshold::Memory,
}

/// The same as the present version would have written it.
pub(super) fn read(
    version: u8,
    bytes: &[u8],
) -> Result<(Read, Sequences, Vec<u8>), postcard::Error> {
    let (legacy, rest): (Legacy, _) = postcard::take_from_bytes(bytes)?;
    let sequences = match version {
        WITHOUT_SEQUENCES => Sequences::default(),
        _ => postcard::from_bytes(rest)?,
    };
    let mut states = Vec::new();
    let mut slots = Vec::with_capacity(legacy.slots.len());
    for slot in legacy.slots {
        let before = states.len();
        states = postcard::to_extend(&slot.memory, states)?;
        slots.push(SlotEntry {
            series: slot.series,
            function: slot.function,
            active: slot.active,
            next: slot.next,
            memory: (states.len() - before) as u32,
        });
    }
    let mark = |rule: &LegacyRule| {
        let LegacyKind::Threshold(_) = &rule.kind;
        let selectors = selectors(
            rule.device.as_deref(),
            rule.sensor.as_deref(),
            rule.location.as_deref(),
        );
        Mark::new(&rule.name, "threshold", "", selectors)
    };
    let read = Read {
        marks: legacy.rules.iter().map(mark).collect(),
        tables: legacy.tables,
        removed: legacy.removed,
        devices: legacy.devices,
        series: legacy.series,
        slots,
        changed: legacy.changed,
    };
    Ok((read, sequences, states))
}
