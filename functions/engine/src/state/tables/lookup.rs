//! The hash tables that lead from names to indexes. They hold indexes only: the names
//! are in the tables.

use weir_model::{ColumnIx, DeviceIx, LocationIx};

use super::Tables;
use crate::state::index::SeriesIx;

impl Tables {
    pub(super) fn index_all(&mut self) {
        for ix in 0..self.devices.len() as u32 {
            self.index_device(DeviceIx(ix));
        }
        for ix in 0..self.series.len() as u32 {
            self.index_series(SeriesIx(ix));
        }
        for ix in 0..self.columns.len() as u32 {
            self.index_column(ColumnIx(ix));
        }
        for ix in 0..self.locations.len() as u32 {
            self.index_location(LocationIx(ix));
        }
    }

    pub(super) fn index_device(&mut self, ix: DeviceIx) {
        let Self {
            devices,
            hasher,
            device_of,
            ..
        } = self;
        let hash = |ix: &DeviceIx| hasher.hash_one(&*devices[ix.index()].name);
        device_of.insert_unique(hash(&ix), ix, hash);
    }

    pub(super) fn index_series(&mut self, ix: SeriesIx) {
        let Self {
            series,
            hasher,
            series_of,
            ..
        } = self;
        let hash = |ix: &SeriesIx| {
            let series = &series[ix.index()];
            hasher.hash_one((series.device.0, &*series.sensor))
        };
        series_of.insert_unique(hash(&ix), ix, hash);
    }

    pub(super) fn index_column(&mut self, ix: ColumnIx) {
        let Self {
            columns,
            hasher,
            column_of,
            ..
        } = self;
        let hash = |ix: &ColumnIx| {
            let column = &columns[ix.index()];
            let unit = column.unit.as_deref().unwrap_or_default();
            hasher.hash_one((&*column.sensor, unit, column.kind))
        };
        column_of.insert_unique(hash(&ix), ix, hash);
    }

    pub(super) fn index_location(&mut self, ix: LocationIx) {
        let Self {
            locations,
            hasher,
            location_of,
            ..
        } = self;
        let hash = |ix: &LocationIx| hasher.hash_one(&*locations[ix.index()]);
        location_of.insert_unique(hash(&ix), ix, hash);
    }
}
