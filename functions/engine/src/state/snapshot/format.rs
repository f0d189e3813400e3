//! The parts of a snapshot, as `snapshot.rs` draws them.

use serde::{Deserialize, Serialize};
use weir_model::{CatalogTables, DeviceIx};

use crate::rules::Mark;
use crate::sequence::SequenceCounts;
use crate::state::adopt::Removed;
use crate::state::index::{FunctionIx, SeriesIx, SlotIx};
use crate::state::tables::{Device, Series};

#[derive(Serialize)]
pub(super) struct Written<'a> {
    pub(super) tables: &'a CatalogTables,
    pub(super) marks: Vec<&'a Mark>,
    pub(super) removed: &'a Removed,
    pub(super) devices: &'a [Device],
    pub(super) series: &'a [Series],
    pub(super) slots: Vec<SlotEntry>,
    pub(super) changed: &'a [DeviceIx],
}

/// A slot; what it remembers follows behind all slots.
#[derive(Serialize, Deserialize)]
pub(super) struct SlotEntry {
    pub(super) series: SeriesIx,
    pub(super) function: FunctionIx,
    pub(super) active: bool,
    pub(super) next: SlotIx,
    /// Bytes of its memory.
    pub(super) memory: u32,
}

/// What is known of the numbers that devices give; those that give none are
/// left out.
#[derive(Default, Serialize, Deserialize)]
pub(super) struct Sequences {
    pub(super) devices: Vec<(DeviceIx, Option<u64>, SequenceCounts)>,
    pub(super) series: Vec<(SeriesIx, u64)>,
}

#[derive(Deserialize)]
pub(super) struct Read {
    pub(super) tables: CatalogTables,
    pub(super) marks: Vec<Mark>,
    pub(super) removed: Removed,
    pub(super) devices: Vec<Device>,
    pub(super) series: Vec<Series>,
    pub(super) slots: Vec<SlotEntry>,
    pub(super) changed: Vec<DeviceIx>,
}
