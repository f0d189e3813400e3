//! The engine's memory as bytes.
//!
//! ```text
//! 1 byte   version (3)
//! postcard (tables of the catalog, marks of the rules, removed, devices, series,
//!           slots, changed)
//! postcard ([(device, last sequence, counts)], [(series, last sequence)])
//! postcard bytes: what each slot remembers, one behind the other; a slot says
//!          how long its own are, and its function's kind reads them
//! postcard how far time has come
//! postcard which modules of WebAssembly fail; nothing when none does
//! ```
//!
//! Versions 1 and 2 are read: [`legacy`] draws them.
//!
//! The order of everything is that of its index, so the same memory gives the
//! same bytes. Reading trusts nothing: an index that leads nowhere is an error
//! here and not a panic later.

use serde::{Deserialize, Serialize};
use thiserror::Error;
use weir_model::{CatalogTables, DeviceIx};

use crate::absence::Clock;
use crate::adopt::adopt;
use crate::kinds::{Kind, State};
use crate::memory::{Device, Memory, NO_SLOT, REMOVED_FUNCTION, Series, SlotMemory};
use crate::rules::{Mark, Rule};
use crate::sequence::SequenceCounts;
use crate::threshold;
use crate::wasm::Kept;

mod legacy;

const VERSION: u8 = 3;

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
    marks: Vec<&'a Mark>,
    removed: &'a [(u32, String)],
    devices: &'a [Device],
    series: &'a [Series],
    slots: Vec<SlotEntry>,
    changed: &'a [DeviceIx],
}

/// A slot; what it remembers stands behind everything else.
#[derive(Serialize, Deserialize)]
struct SlotEntry {
    series: u32,
    function: u16,
    active: bool,
    next: u32,
    /// Bytes of its memory.
    memory: u32,
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
    marks: Vec<Mark>,
    removed: Vec<(u32, String)>,
    devices: Vec<Device>,
    series: Vec<Series>,
    slots: Vec<SlotEntry>,
    changed: Vec<DeviceIx>,
}

pub(crate) fn write(
    memory: &Memory,
    rules: &[Rule],
    removed: &[(u32, String)],
    clock: &Clock,
    failing: &[&Kept],
) -> Vec<u8> {
    let mut states = Vec::new();
    let mut slots = Vec::with_capacity(memory.slots.len());
    for slot in &memory.slots {
        let before = states.len();
        states = slot.state.write(states);
        slots.push(SlotEntry {
            series: slot.series,
            function: slot.function,
            active: slot.active,
            next: slot.next,
            memory: (states.len() - before) as u32,
        });
    }
    let written = Written {
        tables: memory.catalog.to_tables(),
        marks: rules.iter().map(|rule| &rule.mark).collect(),
        removed,
        devices: &memory.devices,
        series: &memory.series,
        slots,
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
        .and_then(|bytes| postcard::to_extend(&states, bytes))
        .and_then(|bytes| postcard::to_extend(clock, bytes))
        .and_then(|bytes| match failing {
            [] => Ok(bytes),
            failing => postcard::to_extend(failing, bytes),
        })
        .expect("plain values go into memory")
}

/// The memory as it serves these rules.
pub(crate) struct Restored {
    pub(crate) memory: Memory,
    /// Slots of functions that are configured no more, and their names.
    pub(crate) removed: Vec<(u32, String)>,
    /// Slots that lost their function since, as [`adopt`] says.
    pub(crate) abandoned: Vec<u32>,
    pub(crate) clock: Clock,
    /// Of modules of WebAssembly that fail.
    pub(crate) kept: Vec<Kept>,
}

pub(crate) fn read(bytes: &[u8], rules: &[Rule]) -> Result<Restored, SnapshotError> {
    let (version, bytes) = bytes.split_first().ok_or(SnapshotError::Empty)?;
    let (mut read, sequences, states, clock, kept) = match *version {
        VERSION => {
            let (read, rest): (Read, _) = postcard::take_from_bytes(bytes)?;
            let (sequences, rest): (Sequences, _) = postcard::take_from_bytes(rest)?;
            let (states, rest): (Vec<u8>, _) = postcard::take_from_bytes(rest)?;
            let (clock, rest) = postcard::take_from_bytes(rest)?;
            let kept = match rest {
                [] => Vec::new(),
                rest => postcard::from_bytes(rest)?,
            };
            (read, sequences, states, clock, kept)
        }
        older @ (legacy::WITHOUT_SEQUENCES | legacy::ONLY_THRESHOLDS) => {
            let (read, sequences, states) = legacy::read(older, bytes)?;
            (read, sequences, states, Clock::default(), Vec::new())
        }
        found => return Err(SnapshotError::Version { found }),
    };
    check(&read)?;
    put_sequences(&mut read, sequences)?;
    let slots = slots(&read, &states, rules)?;
    let Read {
        tables,
        marks,
        mut removed,
        devices,
        series,
        changed,
        ..
    } = read;
    let mut memory = Memory::from_tables(tables, devices, series, slots, changed);
    let old: Vec<&Mark> = marks.iter().collect();
    let abandoned = if old.iter().copied().eq(rules.iter().map(|rule| &rule.mark)) {
        for series in 0..memory.series.len() as u32 {
            memory.resolve_stages(series, rules);
        }
        Vec::new()
    } else {
        adopt(&mut memory, &old, &mut removed, rules)
    };
    Ok(Restored {
        memory,
        removed,
        abandoned,
        clock,
        kept,
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

/// The slots, each with what it remembers if the present rule of that name has
/// a use for it.
fn slots(read: &Read, states: &[u8], rules: &[Rule]) -> Result<Vec<SlotMemory>, SnapshotError> {
    let what = "the memory of a slot";
    let malformed = SnapshotError::Inconsistent { what };
    let payload = Kind::Threshold(threshold::Limits::default());
    let kind_of = |mark: &Mark| {
        let rule = rules.iter().find(|rule| mark.keeps(&rule.mark));
        rule.map(|rule| &rule.kind)
    };
    let kinds = read.marks.iter().map(kind_of);
    let kinds: Vec<Option<&Kind>> = std::iter::once(Some(&payload)).chain(kinds).collect();
    let mut slots = Vec::with_capacity(read.slots.len());
    let mut rest = states;
    for entry in &read.slots {
        let (bytes, behind) = rest
            .split_at_checked(entry.memory as usize)
            .ok_or(malformed.clone())?;
        rest = behind;
        let kind = kinds.get(usize::from(entry.function)).copied().flatten();
        // A memory that another version wrote otherwise begins anew.
        let state = kind.map(|kind| kind.read(bytes).unwrap_or_else(|| kind.empty()));
        slots.push(SlotMemory {
            series: entry.series,
            function: entry.function,
            active: entry.active,
            next: entry.next,
            state: state.unwrap_or(State::Nothing),
        });
    }
    match rest {
        [] => Ok(slots),
        _ => Err(malformed),
    }
}

fn check(read: &Read) -> Result<(), SnapshotError> {
    let ensure = |holds: bool, what| match holds {
        true => Ok(()),
        false => Err(SnapshotError::Inconsistent { what }),
    };
    let Read {
        tables,
        marks,
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
        let known = usize::from(slot.function) <= marks.len();
        ensure(
            known || slot.function == REMOVED_FUNCTION,
            "the function of a slot",
        )?;
        // Chains only lead upwards, so they end.
        ensure(is_slot(slot.next) && slot.next > ix, "the chain of slots")?;
    }
    Ok(())
}
