//! The engine's memory as bytes.
//!
//! ```text
//! 1 byte   version (2)
//! postcard (tables of the catalog, rules, removed, devices, series, slots, changed)
//! postcard ([(device, last sequence, counts)], [(series, last sequence)])
//! ```
//!
//! Version 1 ends before the sequences, and is read.
//!
//! The order of everything is that of its index, so the same memory gives the
//! same bytes. Reading trusts nothing: an index that leads nowhere is an error
//! here and not a panic later.

use serde::{Deserialize, Serialize};
use thiserror::Error;
use weir_model::{CatalogTables, DeviceIx};

use crate::adopt::adopt;
use crate::memory::{Device, Memory, NO_SLOT, REMOVED_FUNCTION, Series, SlotMemory};
use crate::rules::Rule;
use crate::sequence::SequenceCounts;

const VERSION: u8 = 2;
const WITHOUT_SEQUENCES: u8 = 1;

/// Why a snapshot was not taken.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum SnapshotError {
    #[error("the engine's snapshot is empty")]
    Empty,
    #[error("the engine's snapshot has version {found}; this Weir reads {VERSION}")]
    Version { found: u8 },
    #[error("the engine's snapshot is malformed: {0}")]
    Malformed(#[from] postcard::Error),
    #[error("the engine's snapshot contradicts itself: {what}")]
    Inconsistent { what: &'static str },
}

#[derive(Serialize)]
struct Written<'a> {
    tables: CatalogTables,
    rules: &'a [Rule],
    removed: &'a [(u32, String)],
    devices: &'a [Device],
    series: &'a [Series],
    slots: &'a [SlotMemory],
    changed: &'a [DeviceIx],
}

/// What is known of the numbers that devices give; those that give none are
/// left out.
#[derive(Default, Serialize, Deserialize)]
struct Sequences {
    devices: Vec<(u32, Option<u64>, SequenceCounts)>,
    series: Vec<(u32, u64)>,
}

#[derive(Deserialize)]
struct Read {
    tables: CatalogTables,
    rules: Vec<Rule>,
    removed: Vec<(u32, String)>,
    devices: Vec<Device>,
    series: Vec<Series>,
    slots: Vec<SlotMemory>,
    changed: Vec<DeviceIx>,
}

pub(crate) fn write(memory: &Memory, rules: &[Rule], removed: &[(u32, String)]) -> Vec<u8> {
    let written = Written {
        tables: memory.catalog.to_tables(),
        rules,
        removed,
        devices: &memory.devices,
        series: &memory.series,
        slots: &memory.slots,
        changed: &memory.changed,
    };
    let devices = (0..).zip(&memory.devices);
    let series = (0..).zip(&memory.series);
    let sequences = Sequences {
        devices: devices
            .filter(|(_, device)| device.sequences != SequenceCounts::default())
            .map(|(ix, device)| (ix, device.sequence, device.sequences))
            .collect(),
        series: series
            .filter_map(|(ix, series)| Some((ix, series.sequence?)))
            .collect(),
    };
    postcard::to_extend(&written, vec![VERSION])
        .and_then(|bytes| postcard::to_extend(&sequences, bytes))
        .expect("plain values go into memory")
}

/// The memory as it serves these rules.
pub(crate) struct Restored {
    pub(crate) memory: Memory,
    /// Slots of functions that are configured no more, and their names.
    pub(crate) removed: Vec<(u32, String)>,
    /// Slots that lost their function since, as [`adopt`] says.
    pub(crate) abandoned: Vec<u32>,
}

pub(crate) fn read(bytes: &[u8], rules: &[Rule]) -> Result<Restored, SnapshotError> {
    let (version, bytes) = bytes.split_first().ok_or(SnapshotError::Empty)?;
    if ![VERSION, WITHOUT_SEQUENCES].contains(version) {
        return Err(SnapshotError::Version { found: *version });
    }
    let (mut read, rest): (Read, _) = postcard::take_from_bytes(bytes)?;
    check(&read)?;
    if *version == VERSION {
        put_sequences(&mut read, postcard::from_bytes(rest)?)?;
    }
    let Read {
        tables,
        rules: old,
        mut removed,
        devices,
        series,
        slots,
        changed,
    } = read;
    let mut memory = Memory::from_tables(tables, devices, series, slots, changed);
    let abandoned = match old == rules {
        true => Vec::new(),
        false => adopt(&mut memory, &old, &mut removed, rules),
    };
    Ok(Restored {
        memory,
        removed,
        abandoned,
    })
}

fn put_sequences(read: &mut Read, sequences: Sequences) -> Result<(), SnapshotError> {
    let what = "the owner of a sequence";
    let nobody = SnapshotError::Inconsistent { what };
    for (ix, last, counts) in sequences.devices {
        let device = read.devices.get_mut(ix as usize).ok_or(nobody.clone())?;
        (device.sequence, device.sequences) = (last, counts);
    }
    for (ix, last) in sequences.series {
        let series = read.series.get_mut(ix as usize).ok_or(nobody.clone())?;
        series.sequence = Some(last);
    }
    Ok(())
}

fn check(read: &Read) -> Result<(), SnapshotError> {
    let ensure = |holds: bool, what| match holds {
        true => Ok(()),
        false => Err(SnapshotError::Inconsistent { what }),
    };
    let Read {
        tables,
        rules,
        removed,
        devices,
        series,
        slots,
        changed,
    } = read;
    ensure(
        tables.devices.len() == devices.len(),
        "the number of devices",
    )?;
    ensure(
        tables.locations.first().is_some_and(|name| name.is_empty()),
        "location 0",
    )?;
    ensure(
        removed.is_sorted_by(|a, b| a.0 < b.0),
        "the order of removed functions",
    )?;
    ensure(
        changed.iter().all(|device| device.index() < devices.len()),
        "a changed device",
    )?;
    let is_series = |ix: &u32| (*ix as usize) < series.len();
    let is_slot = |ix: u32| ix == NO_SLOT || (ix as usize) < slots.len();
    let locations = tables.locations.len();
    for device in devices {
        ensure(
            device.location.index() < locations,
            "the location of a device",
        )?;
        ensure(
            device.series.iter().all(is_series),
            "the series of a device",
        )?;
    }
    for series in series {
        ensure(
            series.device.index() < devices.len(),
            "the device of a series",
        )?;
        ensure(
            series.column.index() < tables.columns.len(),
            "the column of a series",
        )?;
        ensure(
            series.latest_column.index() < tables.columns.len(),
            "the column of a series",
        )?;
        ensure(
            series.location.index() < locations,
            "the location of a series",
        )?;
        ensure(is_slot(series.first_slot), "the slots of a series")?;
    }
    for (ix, slot) in (0..).zip(slots) {
        ensure(is_series(&slot.series), "the series of a slot")?;
        let known = usize::from(slot.function) <= rules.len();
        ensure(
            known || slot.function == REMOVED_FUNCTION,
            "the function of a slot",
        )?;
        // Chains only lead upwards, so they end.
        ensure(is_slot(slot.next) && slot.next > ix, "the chain of slots")?;
    }
    Ok(())
}
