//! Adds the tables of other devices.

use std::sync::Arc;

use weir_model::{Column, ColumnIx, DeviceIx, LocationIx};

use super::{Tables, is_column};
use crate::state::index::{SeriesIx, SlotIx};

impl Tables {
    /// Adds the devices of `other` behind those that are here; none may be in both.
    /// Columns and locations that both have become one.
    pub(crate) fn append(&mut self, other: Self) {
        let columns: Vec<ColumnIx> = (other.columns.into_iter())
            .map(|column| self.find_or_add_column(column))
            .collect();
        let locations: Vec<LocationIx> = (other.locations.into_iter())
            .map(|name| self.find_or_add_location(name))
            .collect();
        let (devices, series) = (self.devices.len() as u32, self.series.len() as u32);
        let slots = self.slots.len() as u32;
        let device_here = |ix: DeviceIx| DeviceIx(ix.0 + devices);
        let series_here = |ix: SeriesIx| SeriesIx(ix.0 + series);
        let slot_here = |ix: SlotIx| match ix {
            SlotIx::NONE => SlotIx::NONE,
            SlotIx(ix) => SlotIx(ix + slots),
        };
        for mut device in other.devices {
            let ix = self.catalog.add_device(device.name.clone());
            device.location = locations[device.location.index()];
            for series in device.series.iter_mut().chain(&mut device.whole) {
                *series = series_here(*series);
            }
            device.predicted.clear();
            self.devices.push(device);
            self.index_device(ix);
        }
        for mut entry in other.series {
            let ix = SeriesIx(self.series.len() as u32);
            entry.device = device_here(entry.device);
            entry.column = columns[entry.column.index()];
            entry.latest_column = columns[entry.latest_column.index()];
            entry.location = locations[entry.location.index()];
            entry.first_slot = slot_here(entry.first_slot);
            entry.sensor = self.columns[entry.column.index()].sensor.clone();
            self.series.push(entry);
            self.index_series(ix);
        }
        for mut slot in other.slots {
            slot.series = series_here(slot.series);
            slot.next = slot_here(slot.next);
            self.slots.push(slot);
        }
        self.changed
            .extend(other.changed.into_iter().map(device_here));
        self.sequences.add(&other.sequences);
    }

    fn find_or_add_column(&mut self, column: Arc<Column>) -> ColumnIx {
        let Column { sensor, unit, kind } = &*column;
        let unit = unit.as_deref().unwrap_or_default();
        let hash = self.hasher.hash_one((&**sensor, unit, *kind));
        let same = |ix: &ColumnIx| is_column(&self.columns[ix.index()], sensor, unit, *kind);
        if let Some(known) = self.column_of.find(hash, same) {
            return *known;
        }
        let ix = self.catalog.add_column(column.clone());
        self.columns.push(column);
        self.index_column(ix);
        ix
    }

    fn find_or_add_location(&mut self, name: Arc<str>) -> LocationIx {
        if let Some(known) = self.find_location(&name) {
            return known;
        }
        let ix = self.catalog.add_location(name.clone());
        self.locations.push(name);
        self.index_location(ix);
        ix
    }
}
