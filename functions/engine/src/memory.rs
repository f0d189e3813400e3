//! What the engine remembers: devices, series and slots in dense tables, and
//! the names that lead to them.
//!
//! A series is a (device, sensor); a slot is a (series, function). Indexes are
//! given in the order in which messages bring the names, so a replay gives the
//! same ones. The hash tables only answer look-ups: nothing is ever read in
//! their order.

use std::num::NonZeroU16;
use std::sync::Arc;

use ahash::RandomState;
use hashbrown::{HashMap, HashTable};
use serde::{Deserialize, Serialize};
use weir_codec::Fault;
use weir_config::Limits;
use weir_model::{
    Catalog, CatalogTables, Column, ColumnIx, DeviceIx, Flags, LocationIx,
    QuarantineReason as Reason, Timestamp, ValueKind,
};

use crate::kinds::{Kind, Stage, State};
use crate::latest::LatestValue;
use crate::rules::Rule;
use crate::sequence::{self, SequenceCounts};

/// Ends a chain of slots.
pub(crate) const NO_SLOT: u32 = u32::MAX;
/// The function of slots whose function is not configured any more.
pub const REMOVED_FUNCTION: u16 = u16::MAX;
/// Index of the function `payload`: the limits that come with a reading.
pub(crate) const PAYLOAD: u16 = 0;
/// Before every time.
pub(crate) const NEVER: i64 = i64::MIN;

/// How many series of a message are foretold by the device's last one.
const MAX_FORETOLD: usize = 256;
/// How many topics with retained messages are remembered per device.
const MAX_RETAINED: usize = 64;

#[derive(Debug, Serialize, Deserialize)]
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
    columns_named: u32,
    locations_named: u32,
    pub(crate) series: Vec<u32>,
    retained: Vec<Retained>,
    /// Of its events. These two are a table of their own in the snapshot.
    #[serde(skip)]
    pub(crate) sequence: Option<u64>,
    #[serde(skip)]
    pub(crate) sequences: SequenceCounts,
    /// See [`Memory::series_of_device`].
    #[serde(skip)]
    whole: Option<u32>,
    /// The series of its last message, in order: most likely the next ones too.
    #[serde(skip)]
    foretold: Vec<u32>,
}

/// The last retained message that the broker replayed for one topic.
#[derive(Debug, Serialize, Deserialize)]
struct Retained {
    topic_hash: u64,
    payload_hash: u64,
    position: u64,
}

#[derive(Debug, Serialize, Deserialize)]
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
    /// `Flags::LATE` lies at or before it.
    pub(crate) newest: i64,
    /// The newest time that counts for verdicts and the latest value. It lies
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
    pub(crate) first_slot: u32,
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
}

/// What is to be done with the readings of a series besides detecting.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Stages {
    /// Some function is a check.
    pub(crate) checks: bool,
    /// The function that says which unit its readings are in.
    pub(crate) unit: Option<NonZeroU16>,
    /// Some function wants to know whenever it is heard.
    pub(crate) absence: bool,
    /// Some function is called once the message is done.
    pub(crate) batches: bool,
}

#[derive(Debug)]
pub(crate) struct SlotMemory {
    pub(crate) series: u32,
    pub(crate) function: u16,
    /// The function selects the series, where it is now.
    pub(crate) active: bool,
    /// The next slot of the series.
    pub(crate) next: u32,
    pub(crate) state: State,
}

/// The tables and the ways into them.
#[derive(Debug)]
pub(crate) struct Memory {
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
    device_of: HashTable<u32>,
    series_of: HashTable<u32>,
    column_of: HashTable<u32>,
    location_of: HashTable<u32>,
}

impl Memory {
    /// Nothing is remembered yet.
    pub(crate) fn new() -> Self {
        Self::from_tables(
            Catalog::new().to_tables(),
            Vec::new(),
            Vec::new(),
            Vec::new(),
            Vec::new(),
        )
    }

    /// Puts tables back that are consistent with each other.
    pub(crate) fn from_tables(
        tables: CatalogTables,
        mut devices: Vec<Device>,
        mut series: Vec<Series>,
        slots: Vec<SlotMemory>,
        changed: Vec<DeviceIx>,
    ) -> Self {
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
        let mut memory = Self {
            sequences,
            columns: tables.columns.clone(),
            locations: tables.locations.clone(),
            catalog: Arc::new(Catalog::from_tables(tables)),
            devices,
            series,
            slots,
            changed,
            hasher: RandomState::new(),
            device_of: HashTable::new(),
            series_of: HashTable::new(),
            column_of: HashTable::new(),
            location_of: HashTable::new(),
        };
        memory.index_all();
        memory
    }

    fn index_all(&mut self) {
        for ix in 0..self.devices.len() as u32 {
            self.index_device(ix);
        }
        for ix in 0..self.series.len() as u32 {
            self.index_series(ix);
        }
        for ix in 0..self.columns.len() as u32 {
            self.index_column(ix);
        }
        for ix in 0..self.locations.len() as u32 {
            self.index_location(ix);
        }
    }

    pub(crate) fn find_device(&self, name: &str) -> Option<DeviceIx> {
        let same = |ix: &u32| *self.devices[*ix as usize].name == *name;
        self.device_of
            .find(self.hasher.hash_one(name), same)
            .map(|ix| DeviceIx(*ix))
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
            retained: Vec::new(),
            sequence: None,
            sequences: SequenceCounts::default(),
            whole: None,
            foretold: Vec::new(),
        });
        self.index_device(ix.0);
        ix
    }

    /// The series of a sensor. `at` is which reading of its event it is: devices
    /// send the same sensors in the same order, so usually one comparison does.
    #[inline]
    pub(crate) fn find_series(&mut self, device: DeviceIx, at: usize, sensor: &str) -> Option<u32> {
        let foretold = self.devices[device.index()].foretold.get(at).copied();
        if let Some(ix) = foretold
            && same_text(&self.series[ix as usize].sensor, sensor)
        {
            return Some(ix);
        }
        let hash = self.hasher.hash_one((device.0, sensor));
        let same = |ix: &u32| {
            let series = &self.series[*ix as usize];
            series.device == device && *series.sensor == *sensor
        };
        let ix = self.series_of.find(hash, same).copied()?;
        self.foretell(device, at, ix);
        Some(ix)
    }

    /// As [`Self::find_series`], without a guess.
    pub(crate) fn series_named(&self, device: DeviceIx, sensor: &str) -> Option<u32> {
        let hash = self.hasher.hash_one((device.0, sensor));
        let same = |ix: &u32| {
            let series = &self.series[*ix as usize];
            series.device == device && *series.sensor == *sensor
        };
        self.series_of.find(hash, same).copied()
    }

    fn foretell(&mut self, device: DeviceIx, at: usize, series: u32) {
        let foretold = &mut self.devices[device.index()].foretold;
        if let Some(entry) = foretold.get_mut(at) {
            *entry = series;
        } else if at == foretold.len() && at < MAX_FORETOLD {
            foretold.push(series);
        }
    }

    /// Makes a series known. Its names have been checked, and it is new.
    pub(crate) fn add_series(
        &mut self,
        device: DeviceIx,
        at: usize,
        column: ColumnIx,
        location: LocationIx,
    ) -> u32 {
        let ix = self.series.len() as u32;
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
            first_slot: NO_SLOT,
            stages: Stages::default(),
            sequence: None,
            row: 0,
            event: 0,
        });
        self.devices[device.index()].series.push(ix);
        self.index_series(ix);
        self.foretell(device, at, ix);
        ix
    }

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
        let same = |ix: &u32| is_column(&self.columns[*ix as usize], sensor, unit, kind);
        if let Some(ix) = self.column_of.find(hash, same) {
            return Ok(ColumnIx(*ix));
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
        self.index_column(ix.0);
        Ok(ix)
    }

    /// The text of a sensor name that the device has a series of, or a new one.
    fn shared_sensor(&self, device: DeviceIx, sensor: &str) -> Arc<str> {
        let hash = self.hasher.hash_one((device.0, sensor));
        let same = |ix: &u32| {
            let series = &self.series[*ix as usize];
            series.device == device && *series.sensor == *sensor
        };
        match self.series_of.find(hash, same) {
            Some(ix) => self.series[*ix as usize].sensor.clone(),
            None => sensor.into(),
        }
    }

    pub(crate) fn find_location(&self, name: &str) -> Option<LocationIx> {
        let same = |ix: &u32| same_text(&self.locations[*ix as usize], name);
        self.location_of
            .find(self.hasher.hash_one(name), same)
            .map(|ix| LocationIx(*ix))
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
        self.index_location(ix.0);
        Ok(ix)
    }

    /// Gives a series the slots of the functions that select it. Slots that it
    /// has stay, so that what they raised can be cleared.
    pub(crate) fn resolve_rules(&mut self, series: u32, rules: &[Rule]) {
        let Series {
            ref sensor,
            device,
            location,
            ..
        } = self.series[series as usize];
        let sensor = sensor.clone();
        let device = self.devices[device.index()].name.clone();
        let location = self.locations[location.index()].clone();
        let mut ruled = false;
        for (function, rule) in (1..).zip(rules) {
            let selects = rule.selects(&device, &sensor, &location);
            // Only limits take the place of limits.
            ruled |= selects && matches!(rule.kind, Kind::Threshold(_));
            match self.slot_of(series, function) {
                Some(slot) => {
                    let slot = &mut self.slots[slot as usize];
                    slot.active = selects;
                }
                None if selects => {
                    self.add_slot(series, function, rule.kind.empty());
                }
                None => {}
            }
        }
        self.series[series as usize].ruled = ruled;
        self.resolve_stages(series, rules);
    }

    /// Notes what the slots of a series ask for.
    pub(crate) fn resolve_stages(&mut self, series: u32, rules: &[Rule]) {
        let mut stages = Stages::default();
        let mut at = self.series[series as usize].first_slot;
        while at != NO_SLOT {
            let slot = &self.slots[at as usize];
            let rule = usize::from(slot.function).checked_sub(1);
            let rule = rule.and_then(|at| rules.get(at));
            // Where it selects the series no more it has to say so.
            stages.batches |= rule.is_some_and(|rule| rule.kind.stage() == Stage::Batch);
            if let Some(rule) = rule.filter(|_| slot.active) {
                stages.checks |= rule.kind.stage() == Stage::Check;
                stages.absence |= matches!(rule.kind, Kind::Absence(_));
                if stages.unit.is_none() && matches!(rule.kind, Kind::Unit(_)) {
                    stages.unit = NonZeroU16::new(slot.function);
                }
            }
            at = slot.next;
        }
        self.series[series as usize].stages = stages;
    }

    /// The series without a name, on which hangs what is known of a device as a
    /// whole. There is none unless some rule is of devices.
    pub(crate) fn series_of_device(
        &mut self,
        device: DeviceIx,
        rules: &[Rule],
        limits: &Limits,
    ) -> Option<u32> {
        if !rules.iter().any(Rule::is_of_devices) {
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

    pub(crate) fn slot_of(&self, series: u32, function: u16) -> Option<u32> {
        let mut at = self.series[series as usize].first_slot;
        while at != NO_SLOT {
            let slot = &self.slots[at as usize];
            if slot.function == function {
                return Some(at);
            }
            at = slot.next;
        }
        None
    }

    /// Adds a slot behind those that the series has.
    pub(crate) fn add_slot(&mut self, series: u32, function: u16, state: State) -> u32 {
        let ix = self.slots.len() as u32;
        assert!(
            ix != NO_SLOT,
            "the number of series times functions stays below 2^32"
        );
        self.slots.push(SlotMemory {
            series,
            function,
            active: true,
            next: NO_SLOT,
            state,
        });
        let mut at = self.series[series as usize].first_slot;
        if at == NO_SLOT {
            self.series[series as usize].first_slot = ix;
            return ix;
        }
        while self.slots[at as usize].next != NO_SLOT {
            at = self.slots[at as usize].next;
        }
        self.slots[at as usize].next = ix;
        ix
    }

    pub(crate) fn mark_changed(&mut self, series: u32) {
        let series = &mut self.series[series as usize];
        series.changed = true;
        let device = &mut self.devices[series.device.index()];
        if !device.changed {
            device.changed = true;
            self.changed.push(series.device);
        }
    }

    /// Whether this retained message is the last one of its topic once more, as
    /// a broker replays it on every subscription. Remembers it.
    pub(crate) fn is_replayed(
        &mut self,
        device: DeviceIx,
        topic: &str,
        payload: &[u8],
        position: u64,
    ) -> bool {
        let (topic_hash, payload_hash) = (stable_hash(topic.as_bytes()), stable_hash(payload));
        let retained = &mut self.devices[device.index()].retained;
        if let Some(entry) = retained
            .iter_mut()
            .find(|entry| entry.topic_hash == topic_hash)
        {
            // Two events of one message are no repetition of each other.
            let replayed = entry.payload_hash == payload_hash && entry.position != position;
            if !replayed {
                *entry = Retained {
                    topic_hash,
                    payload_hash,
                    position,
                };
            }
            return replayed;
        }
        if retained.len() == MAX_RETAINED {
            retained.remove(0);
        }
        retained.push(Retained {
            topic_hash,
            payload_hash,
            position,
        });
        false
    }

    /// Notes the number of an event, or of a reading when there is a series.
    #[inline]
    pub(crate) fn note_sequence(&mut self, device: DeviceIx, series: Option<u32>, number: u64) {
        let device = &mut self.devices[device.index()];
        let last = match series {
            Some(series) => &mut self.series[series as usize].sequence,
            None => &mut device.sequence,
        };
        let step = sequence::step(last, number);
        device.sequences.record(step);
        self.sequences.record(step);
    }

    fn index_device(&mut self, ix: u32) {
        let Self {
            devices,
            hasher,
            device_of,
            ..
        } = self;
        let hash = |ix: &u32| hasher.hash_one(&*devices[*ix as usize].name);
        device_of.insert_unique(hash(&ix), ix, hash);
    }

    fn index_series(&mut self, ix: u32) {
        let Self {
            series,
            hasher,
            series_of,
            ..
        } = self;
        let hash = |ix: &u32| {
            let series = &series[*ix as usize];
            hasher.hash_one((series.device.0, &*series.sensor))
        };
        series_of.insert_unique(hash(&ix), ix, hash);
    }

    fn index_column(&mut self, ix: u32) {
        let Self {
            columns,
            hasher,
            column_of,
            ..
        } = self;
        let hash = |ix: &u32| {
            let column = &columns[*ix as usize];
            let unit = column.unit.as_deref().unwrap_or_default();
            hasher.hash_one((&*column.sensor, unit, column.kind))
        };
        column_of.insert_unique(hash(&ix), ix, hash);
    }

    fn index_location(&mut self, ix: u32) {
        let Self {
            locations,
            hasher,
            location_of,
            ..
        } = self;
        let hash = |ix: &u32| hasher.hash_one(&*locations[*ix as usize]);
        location_of.insert_unique(hash(&ix), ix, hash);
    }
}

/// Whether readings of this sensor, unit and kind belong to the column.
#[inline]
pub(crate) fn is_column(column: &Column, sensor: &str, unit: &str, kind: ValueKind) -> bool {
    column.kind == kind
        && same_text(column.unit.as_deref().unwrap_or_default(), unit)
        && same_text(&column.sensor, sensor)
}

/// Equality that does not look at the bytes of empty texts. They stand nowhere,
/// and comparing nothing there costs 100 ns: glibc's `memcmp` loads from that
/// address under an empty mask, which AVX-512 resolves in microcode.
#[inline]
pub(crate) fn same_text(a: &str, b: &str) -> bool {
    a.len() == b.len() && (a.is_empty() || a == b)
}

#[cold]
fn too_many(what: &str, known: usize, limit: &str) -> Fault {
    let detail = format!("the device has {known} {what} already ({limit})");
    Fault::new(Reason::TooManySeries, detail)
}

/// FNV-1a, 64 bits: it is kept in snapshots, so it must never change.
/// <http://www.isthe.com/chongo/tech/comp/fnv/>
pub(crate) fn stable_hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}
