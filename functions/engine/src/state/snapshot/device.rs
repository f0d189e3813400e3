//! One device of the tables, as tables of its own.
//!
//! Columns and locations are numbered in the order in which the series of the device
//! use them, and counted as named by it. So the bytes do not depend on the other
//! devices.

use std::borrow::Cow;
use std::sync::Arc;

use hashbrown::HashMap;
use weir_model::{CatalogTables, Column, ColumnIx, DeviceIx, LocationIx};

use crate::state::adopt::Removed;
use crate::state::index::{SeriesIx, SlotIx};
use crate::state::slot::SlotMemory;
use crate::state::tables::{Parts, Series, Tables};

/// The names that the device needs, in the order in which it needs them.
struct Names<'t> {
    tables: &'t Tables,
    columns: Vec<Arc<Column>>,
    locations: Vec<Arc<str>>,
    column_of: HashMap<ColumnIx, ColumnIx>,
    location_of: HashMap<LocationIx, LocationIx>,
}

impl<'t> Names<'t> {
    /// Location 0 is "none".
    fn new(tables: &'t Tables) -> Self {
        let none = LocationIx(0);
        Self {
            tables,
            columns: Vec::new(),
            locations: vec![tables.locations[none.index()].clone()],
            column_of: HashMap::new(),
            location_of: [(none, none)].into_iter().collect(),
        }
    }

    fn column(&mut self, ix: ColumnIx) -> ColumnIx {
        *self.column_of.entry(ix).or_insert_with(|| {
            self.columns.push(self.tables.columns[ix.index()].clone());
            ColumnIx(self.columns.len() as u32 - 1)
        })
    }

    fn location(&mut self, ix: LocationIx) -> LocationIx {
        *self.location_of.entry(ix).or_insert_with(|| {
            self.locations
                .push(self.tables.locations[ix.index()].clone());
            LocationIx(self.locations.len() as u32 - 1)
        })
    }
}

/// The parts of one device, and the names of the functions that its slots have lost.
pub(crate) fn of_device(
    tables: &Tables,
    removed: &Removed,
    device: DeviceIx,
) -> (Parts<'static>, Removed) {
    let known = &tables.devices[device.index()];
    let mut names = Names::new(tables);
    let mut series = Vec::with_capacity(known.series.len());
    let mut slots: Vec<(SlotIx, SlotMemory)> = Vec::new();
    for (at, ix) in (0..).map(SeriesIx).zip(&known.series) {
        let old = &tables.series[ix.index()];
        series.push(Series {
            device: DeviceIx(0),
            column: names.column(old.column),
            latest_column: names.column(old.latest_column),
            location: names.location(old.location),
            first_slot: SlotIx::NONE,
            ..old.clone()
        });
        slots.extend(tables.slots_of(*ix).map(|(ix, slot)| {
            let series = at;
            let slot = SlotMemory {
                series,
                ..slot.clone()
            };
            (ix, slot)
        }));
    }
    // In the order in which they were added, as in the whole tables.
    slots.sort_unstable_by_key(|(ix, _)| *ix);
    let (slots, removed) = chained(slots, &mut series, removed);
    let location = names.location(known.location);
    let Names {
        columns, locations, ..
    } = names;
    let mut device = known.clone();
    device.location = location;
    device.series = (0..known.series.len() as u32).map(SeriesIx).collect();
    device.columns_named = columns.len() as u32;
    device.locations_named = locations.len() as u32 - 1;
    let changed = device.changed.then_some(DeviceIx(0));
    let parts = Parts {
        names: CatalogTables {
            devices: vec![known.name.clone()],
            columns,
            locations,
        },
        devices: Cow::Owned(vec![device]),
        series: Cow::Owned(series),
        slots: Cow::Owned(slots),
        changed: changed.into_iter().collect(),
    };
    (parts, removed)
}

/// Links the slots of each series, and takes what is known of removed functions along.
fn chained(
    old: Vec<(SlotIx, SlotMemory)>,
    series: &mut [Series],
    removed: &Removed,
) -> (Vec<SlotMemory>, Removed) {
    let mut slots: Vec<SlotMemory> = Vec::with_capacity(old.len());
    let mut last: Vec<Option<SlotIx>> = vec![None; series.len()];
    let mut still_removed = Removed::new();
    for (ix, (old_ix, mut slot)) in (0..).map(SlotIx).zip(old) {
        slot.next = SlotIx::NONE;
        match last[slot.series.index()].replace(ix) {
            Some(before) => slots[before.index()].next = ix,
            None => series[slot.series.index()].first_slot = ix,
        }
        if let Ok(at) = removed.binary_search_by_key(&old_ix, |(slot, _)| *slot) {
            still_removed.push((ix, removed[at].1.clone()));
        }
        slots.push(slot);
    }
    (slots, still_removed)
}
