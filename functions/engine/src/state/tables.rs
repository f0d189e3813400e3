//! What the engine remembers: devices, series and slots in dense tables, and
//! the names that lead to them.
//!
//! The hash tables only answer look-ups: nothing is ever read in their order.
//! `names.rs` adds columns and locations, `selection.rs` the slots of the functions
//! that select a series; `latest.rs` reads the latest values.

mod append;
mod latest;
mod lookup;
mod names;
mod selection;

use std::borrow::Cow;
use std::num::NonZeroU16;
use std::sync::Arc;

use ahash::RandomState;
use hashbrown::{HashMap, HashTable};
use serde::{Deserialize, Serialize};
use weir_model::{
    Catalog, CatalogTables, Column, ColumnIx, DeviceIx, Flags, LocationIx, Timestamp, ValueKind,
};

use crate::inspect::latest::LatestValue;
use crate::retained::Retained;
use crate::sequence::{self, SequenceCounts};
use crate::state::index::{NEVER, SeriesIx, SlotIx};
use crate::state::slot::{Chain, SlotMemory};
use crate::text::same_text;

/// How many series of a message are predicted from the device's last one.
const MAX_PREDICTED: usize = 256;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Device {
    #[serde(skip)]
    pub(crate) name: Arc<str>,
    /// Newest received time, nanoseconds.
    pub(crate) last_seen: i64,
    /// Newest reading, nanoseconds.
    pub(crate) last_time: i64,
    /// Readings that went to the store.
    pub(crate) readings: u64,
    /// The last one that was named.
    pub(crate) location: LocationIx,
    /// Some series of it has a latest value that was not handed out yet.
    pub(crate) changed: bool,
    /// Columns and locations that it was the first to name: both are capped,
    /// for they stay.
    pub(crate) columns_named: u32,
    pub(crate) locations_named: u32,
    pub(crate) series: Vec<SeriesIx>,
    pub(crate) retained: Retained,
    /// Of its events. These two are a table of their own in the snapshot.
    #[serde(skip)]
    pub(crate) sequence: Option<u64>,
    #[serde(skip)]
    pub(crate) sequences: SequenceCounts,
    /// See [`Tables::series_of_device`].
    #[serde(skip)]
    whole: Option<SeriesIx>,
    /// The series of its last message, in order: most likely the next ones too.
    #[serde(skip)]
    predicted: Vec<SeriesIx>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Series {
    /// Also in its column; here it is one step nearer.
    #[serde(skip)]
    pub(crate) sensor: Arc<str>,
    pub(crate) device: DeviceIx,
    /// Of its last reading; a change of unit or kind changes it.
    pub(crate) column: ColumnIx,
    /// Where its newest reading was.
    pub(crate) location: LocationIx,
    /// The newest time of all its rows, nanoseconds: no row without
    /// `Flags::LATE` is at or before it.
    pub(crate) newest: i64,
    /// The newest time that counts for verdicts and the latest value. It is
    /// before `newest` only after a retained message without a time, whose
    /// received time says nothing about when it was measured.
    pub(crate) last: i64,
    pub(crate) latest_time: i64,
    pub(crate) latest_column: ColumnIx,
    pub(crate) latest: LatestValue,
    pub(crate) latest_flags: Flags,
    /// The latest value was not handed out yet.
    pub(crate) changed: bool,
    /// Some `[[function]]` selects it: limits in the payload do not count.
    pub(crate) ruled: bool,
    pub(crate) first_slot: SlotIx,
    /// Which stages its functions have: follows from its slots and the rules.
    #[serde(skip)]
    pub(crate) stages: Stages,
    /// Of its readings. A table of its own in the snapshot.
    #[serde(skip)]
    pub(crate) sequence: Option<u64>,
    /// The row that its last cell went to, to find a sensor repeated in a row.
    #[serde(skip)]
    pub(crate) row: u64,
    /// The event that its last cell came with.
    #[serde(skip)]
    pub(crate) event: u64,
    /// 1 + the position of the last message with a reading of it whose time is not
    /// known.
    #[serde(skip)]
    pub(crate) timeless_in: u64,
}

/// What is to be done with the readings of a series besides detecting.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Stages {
    /// Some function is a check.
    pub(crate) checks: bool,
    /// The function that says which unit its readings are in.
    pub(crate) unit: Option<NonZeroU16>,
    /// Some function records whenever a reading comes.
    pub(crate) absence: bool,
    /// Some function is called once the message is done.
    pub(crate) batches: bool,
}

/// The tables and the ways into them.
#[derive(Debug)]
pub(crate) struct Tables {
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) devices: Vec<Device>,
    pub(crate) series: Vec<Series>,
    pub(crate) slots: Vec<SlotMemory>,
    /// Devices with a changed latest value, in the order of their changing.
    pub(crate) changed: Vec<DeviceIx>,
    /// Of all devices.
    pub(crate) sequences: SequenceCounts,
    /// The catalog's tables, without its locks.
    pub(crate) columns: Vec<Arc<Column>>,
    pub(crate) locations: Vec<Arc<str>>,
    hasher: RandomState,
    device_of: HashTable<DeviceIx>,
    series_of: HashTable<SeriesIx>,
    column_of: HashTable<ColumnIx>,
    location_of: HashTable<LocationIx>,
}

/// The tables without the ways into them: what a snapshot holds.
#[derive(Debug)]
pub(crate) struct Parts<'a> {
    pub(crate) names: CatalogTables,
    pub(crate) devices: Cow<'a, [Device]>,
    pub(crate) series: Cow<'a, [Series]>,
    pub(crate) slots: Cow<'a, [SlotMemory]>,
    pub(crate) changed: Cow<'a, [DeviceIx]>,
}

impl Default for Tables {
    /// Nothing is remembered yet.
    fn default() -> Self {
        Self::from_parts(Parts {
            names: Catalog::new().to_tables(),
            devices: Cow::default(),
            series: Cow::default(),
            slots: Cow::default(),
            changed: Cow::default(),
        })
    }
}

impl Tables {
    pub(crate) fn parts(&self) -> Parts<'_> {
        Parts {
            names: self.catalog.to_tables(),
            devices: self.devices.as_slice().into(),
            series: self.series.as_slice().into(),
            slots: self.slots.as_slice().into(),
            changed: self.changed.as_slice().into(),
        }
    }

    /// Puts parts back that are consistent with each other.
    pub(crate) fn from_parts(parts: Parts<'_>) -> Self {
        let Parts {
            names: tables,
            devices,
            series,
            slots,
            changed,
        } = parts;
        let (mut devices, mut series) = (devices.into_owned(), series.into_owned());
        for (device, name) in devices.iter_mut().zip(&tables.devices) {
            device.name = name.clone();
        }
        // One text per sensor name, however many columns and series have it.
        let mut sensors: HashMap<Arc<str>, (), RandomState> = HashMap::default();
        for column in &tables.columns {
            sensors.entry(column.sensor.clone()).or_default();
        }
        for series in &mut series {
            let sensor = &tables.columns[series.column.index()].sensor;
            series.sensor = sensors
                .get_key_value(sensor)
                .map_or(sensor, |(key, ())| key)
                .clone();
        }
        let mut sequences = SequenceCounts::default();
        for device in &devices {
            sequences.add(&device.sequences);
        }
        let mut filled = Self {
            sequences,
            columns: tables.columns.clone(),
            locations: tables.locations.clone(),
            catalog: Arc::new(Catalog::from_tables(tables)),
            devices,
            series,
            slots: slots.into_owned(),
            changed: changed.into_owned(),
            hasher: RandomState::new(),
            device_of: HashTable::new(),
            series_of: HashTable::new(),
            column_of: HashTable::new(),
            location_of: HashTable::new(),
        };
        filled.index_all();
        filled
    }

    pub(crate) fn find_device(&self, name: &str) -> Option<DeviceIx> {
        let same = |ix: &DeviceIx| *self.devices[ix.index()].name == *name;
        let hash = self.hasher.hash_one(name);
        self.device_of.find(hash, same).copied()
    }

    /// Makes a device known. Its name has been checked and is new.
    pub(crate) fn add_device(&mut self, name: &str, received: Timestamp) -> DeviceIx {
        let name: Arc<str> = name.into();
        let ix = self.catalog.add_device(name.clone());
        debug_assert_eq!(ix.index(), self.devices.len());
        self.devices.push(Device {
            name,
            last_seen: received.0,
            last_time: NEVER,
            readings: 0,
            location: LocationIx(0),
            changed: false,
            columns_named: 0,
            locations_named: 0,
            series: Vec::new(),
            retained: Retained::default(),
            sequence: None,
            sequences: SequenceCounts::default(),
            whole: None,
            predicted: Vec::new(),
        });
        self.index_device(ix);
        ix
    }

    /// The series of a sensor. `at` is which reading of its event it is: devices
    /// send the same sensors in the same order, so usually one comparison does.
    #[inline]
    pub(crate) fn find_series(
        &mut self,
        device: DeviceIx,
        at: usize,
        sensor: &str,
    ) -> Option<SeriesIx> {
        let predicted = self.devices[device.index()].predicted.get(at).copied();
        if let Some(ix) = predicted
            && same_text(&self.series[ix.index()].sensor, sensor)
        {
            return Some(ix);
        }
        let ix = self.series_named(device, sensor)?;
        self.predict(device, at, ix);
        Some(ix)
    }

    /// As [`Self::find_series`], without a prediction.
    pub(crate) fn series_named(&self, device: DeviceIx, sensor: &str) -> Option<SeriesIx> {
        let hash = self.hasher.hash_one((device.0, sensor));
        let same = |ix: &SeriesIx| {
            let series = &self.series[ix.index()];
            series.device == device && *series.sensor == *sensor
        };
        self.series_of.find(hash, same).copied()
    }

    fn predict(&mut self, device: DeviceIx, at: usize, series: SeriesIx) {
        let predicted = &mut self.devices[device.index()].predicted;
        if let Some(entry) = predicted.get_mut(at) {
            *entry = series;
        } else if at == predicted.len() && at < MAX_PREDICTED {
            predicted.push(series);
        }
    }

    /// Makes a series known. Its names have been checked, and it is new.
    pub(crate) fn add_series(
        &mut self,
        device: DeviceIx,
        at: usize,
        column: ColumnIx,
        location: LocationIx,
    ) -> SeriesIx {
        let ix = SeriesIx(self.series.len() as u32);
        self.series.push(Series {
            sensor: self.columns[column.index()].sensor.clone(),
            device,
            column,
            location,
            newest: NEVER,
            last: NEVER,
            latest_time: NEVER,
            latest_column: column,
            latest: LatestValue::Number(f64::NAN),
            latest_flags: Flags::default(),
            changed: false,
            ruled: false,
            first_slot: SlotIx::NONE,
            stages: Stages::default(),
            sequence: None,
            row: 0,
            event: 0,
            timeless_in: 0,
        });
        self.devices[device.index()].series.push(ix);
        self.index_series(ix);
        self.predict(device, at, ix);
        ix
    }

    /// The slots of a series, in the order in which they were added.
    pub(crate) fn slots_of(&self, series: SeriesIx) -> impl Iterator<Item = (SlotIx, &SlotMemory)> {
        let mut chain = self.chain(series);
        std::iter::from_fn(move || chain.next(&self.slots))
    }

    /// As [`Self::slots_of`], for a walk that changes the tables.
    #[inline]
    pub(crate) fn chain(&self, series: SeriesIx) -> Chain {
        Chain::new(self.series[series.index()].first_slot)
    }

    pub(crate) fn mark_changed(&mut self, series: SeriesIx) {
        let series = &mut self.series[series.index()];
        series.changed = true;
        let device = &mut self.devices[series.device.index()];
        if !device.changed {
            device.changed = true;
            self.changed.push(series.device);
        }
    }

    /// Notes the number of an event, or of a reading when there is a series.
    #[inline]
    pub(crate) fn note_sequence(
        &mut self,
        device: DeviceIx,
        series: Option<SeriesIx>,
        number: u64,
    ) {
        let device = &mut self.devices[device.index()];
        let last = match series {
            Some(series) => &mut self.series[series.index()].sequence,
            None => &mut device.sequence,
        };
        let step = sequence::step(last, number);
        device.sequences.record(step);
        self.sequences.record(step);
    }
}

/// Whether readings of this sensor, unit and kind belong to the column.
#[inline]
pub(crate) fn is_column(column: &Column, sensor: &str, unit: &str, kind: ValueKind) -> bool {
    column.kind == kind
        && same_text(column.unit.as_deref().unwrap_or_default(), unit)
        && same_text(&column.sensor, sensor)
}
