//! Columns and locations: names that stay, so each device may bring only so many.

use std::sync::Arc;

use weir_codec::Fault;
use weir_config::Limits;
use weir_model::{Column, ColumnIx, DeviceIx, LocationIx, QuarantineReason as Reason, ValueKind};

use super::{Tables, is_column};
use crate::text::same_text;

impl Tables {
    pub(crate) fn check_room_for_series(
        &self,
        device: Option<DeviceIx>,
        limits: &Limits,
    ) -> Result<(), Fault> {
        let known = device.map_or(0, |ix| self.devices[ix.index()].series.len());
        // 2^32 - 1 marks the end of a chain, so it is no index.
        if known < limits.max_series_per_device && self.series.len() < u32::MAX as usize - 1 {
            return Ok(());
        }
        Err(too_many("series", known, "limits.max_series_per_device"))
    }

    /// The column of a sensor, or a new one; it is capped per device.
    pub(crate) fn column(
        &mut self,
        device: DeviceIx,
        sensor: &str,
        unit: &str,
        kind: ValueKind,
        limits: &Limits,
    ) -> Result<ColumnIx, Fault> {
        let hash = self.hasher.hash_one((sensor, unit, kind));
        let same = |ix: &ColumnIx| is_column(&self.columns[ix.index()], sensor, unit, kind);
        if let Some(ix) = self.column_of.find(hash, same) {
            return Ok(*ix);
        }
        // A device may name one column per series, and change the unit of each once.
        let named = &mut self.devices[device.index()].columns_named;
        if *named as usize >= limits.max_series_per_device.saturating_mul(2) {
            return Err(too_many(
                "sensors, units and kinds",
                *named as usize,
                "twice limits.max_series_per_device",
            ));
        }
        *named += 1;
        let sensor = self.shared_sensor(device, sensor);
        let unit = (!unit.is_empty()).then(|| unit.into());
        let column = Arc::new(Column { sensor, unit, kind });
        let ix = self.catalog.add_column(column.clone());
        self.columns.push(column);
        self.index_column(ix);
        Ok(ix)
    }

    /// The text of a sensor name that the device has a series of, or a new one.
    fn shared_sensor(&self, device: DeviceIx, sensor: &str) -> Arc<str> {
        match self.series_named(device, sensor) {
            Some(ix) => self.series[ix.index()].sensor.clone(),
            None => sensor.into(),
        }
    }

    pub(crate) fn find_location(&self, name: &str) -> Option<LocationIx> {
        let same = |ix: &LocationIx| same_text(&self.locations[ix.index()], name);
        let hash = self.hasher.hash_one(name);
        self.location_of.find(hash, same).copied()
    }

    /// Makes a location known. It has been checked and is new; it is capped per
    /// device.
    pub(crate) fn add_location(
        &mut self,
        device: DeviceIx,
        name: &str,
        limits: &Limits,
    ) -> Result<LocationIx, Fault> {
        let named = &mut self.devices[device.index()].locations_named;
        if *named as usize >= limits.max_series_per_device {
            return Err(too_many(
                "locations",
                *named as usize,
                "limits.max_series_per_device",
            ));
        }
        *named += 1;
        let name: Arc<str> = name.into();
        let ix = self.catalog.add_location(name.clone());
        self.locations.push(name);
        self.index_location(ix);
        Ok(ix)
    }
}

#[cold]
fn too_many(what: &str, known: usize, limit: &str) -> Fault {
    let detail = format!("the device has {known} {what} already ({limit})");
    Fault::new(Reason::TooManySeries, detail)
}
