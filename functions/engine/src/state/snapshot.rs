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
//! postcard which modules of WebAssembly fail; no bytes when none does and nothing follows
//! postcard what codecs remember; no bytes when that is nothing
//! ```
//!
//! Versions 1 and 2 are read: [`legacy`] draws them.
//!
//! The order of everything is that of its index, so the same memory gives the
//! same bytes. Reading trusts nothing: an index that leads nowhere is an error
//! here and not a panic later (`check.rs`).
//!
//! The memory of one device is a snapshot with one device in it (`device.rs`).

mod check;
mod device;
mod error;
mod format;
mod legacy;

use weir_codec::Memory;
use weir_config::FunctionKind;
use weir_model::DeviceIx;

use crate::absence::Clock;
use crate::kinds::{self, State};
use crate::rules::{Mark, Rules};
use crate::sequence::SequenceCounts;
use crate::state::adopt::{Removed, adopt};
use crate::state::index::{FunctionIx, SeriesIx, SlotIx};
use crate::state::slot::SlotMemory;
use crate::state::tables::{Parts, Tables};
use crate::wasm::Kept;
use check::check;
use error::VERSION;
use format::{Read, Sequences, SlotEntry, Written};

pub(crate) use device::of_device;
pub use error::SnapshotError;

/// The memory as it serves these rules.
#[derive(Debug, Default)]
pub(crate) struct Restored {
    pub(crate) tables: Tables,
    pub(crate) removed: Removed,
    /// Slots that lost their function since, as [`adopt`] says.
    pub(crate) abandoned: Vec<SlotIx>,
    pub(crate) clock: Clock,
    /// Of modules of WebAssembly that fail.
    pub(crate) kept: Vec<Kept>,
    pub(crate) memory: Memory,
}

impl Restored {
    /// Adds what another snapshot holds. No device may be in both.
    pub(crate) fn append(&mut self, other: Self) -> Result<(), SnapshotError> {
        let mut devices = other.tables.devices.iter();
        if devices.any(|device| self.tables.find_device(&device.name).is_some()) {
            let what = "a device that is in two snapshots";
            return Err(SnapshotError::Inconsistent { what });
        }
        let slots = self.tables.slots.len() as u32;
        let here = |ix: SlotIx| SlotIx(ix.0 + slots);
        self.tables.append(other.tables);
        let removed = other.removed.into_iter();
        self.removed
            .extend(removed.map(|(slot, name)| (here(slot), name)));
        self.abandoned.extend(other.abandoned.into_iter().map(here));
        self.clock.join(other.clock);
        Kept::join(&mut self.kept, other.kept);
        self.memory.join(other.memory);
        Ok(())
    }
}

/// What else belongs to a snapshot beside the tables.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Beside<'a> {
    pub(crate) rules: &'a Rules,
    pub(crate) removed: &'a Removed,
    pub(crate) clock: &'a Clock,
    pub(crate) failing: &'a [&'a Kept],
    pub(crate) memory: &'a Memory,
}

pub(crate) fn write(parts: &Parts<'_>, beside: Beside<'_>) -> Vec<u8> {
    let Beside {
        rules,
        removed,
        clock,
        failing,
        memory,
    } = beside;
    let mut states = Vec::new();
    let mut slots = Vec::with_capacity(parts.slots.len());
    for slot in &*parts.slots {
        let before = states.len();
        if let Some(kind) = rules.kind(slot.function) {
            states = kinds::write(kind, &slot.state, states);
        }
        slots.push(SlotEntry {
            series: slot.series,
            function: slot.function,
            active: slot.active,
            next: slot.next,
            memory: (states.len() - before) as u32,
        });
    }
    let written = Written {
        tables: &parts.names,
        marks: rules.marks().collect(),
        removed,
        devices: &parts.devices,
        series: &parts.series,
        slots,
        changed: &parts.changed,
    };
    postcard::to_extend(&written, vec![VERSION])
        .and_then(|bytes| postcard::to_extend(&sequences(parts), bytes))
        .and_then(|bytes| postcard::to_extend(&states, bytes))
        .and_then(|bytes| postcard::to_extend(clock, bytes))
        .and_then(|bytes| match failing {
            [] if memory.is_empty() => Ok(bytes),
            failing => postcard::to_extend(failing, bytes),
        })
        .and_then(|bytes| {
            if memory.is_empty() {
                return Ok(bytes);
            }
            postcard::to_extend(memory, bytes)
        })
        .expect("plain values go into memory")
}

fn sequences(parts: &Parts<'_>) -> Sequences {
    let devices = (0..).map(DeviceIx).zip(&*parts.devices);
    let series = (0..).map(SeriesIx).zip(&*parts.series);
    Sequences {
        devices: devices
            .filter(|(_, device)| device.sequences != SequenceCounts::default())
            .map(|(ix, device)| (ix, device.sequence, device.sequences))
            .collect(),
        series: series
            .filter_map(|(ix, series)| Some((ix, series.sequence?)))
            .collect(),
    }
}

pub(crate) fn read(bytes: &[u8], rules: &Rules) -> Result<Restored, SnapshotError> {
    let (version, bytes) = bytes.split_first().ok_or(SnapshotError::Empty)?;
    let (mut read, sequences, states, clock, kept, memory) = match *version {
        VERSION => {
            let (read, rest): (Read, _) = postcard::take_from_bytes(bytes)?;
            let (sequences, rest): (Sequences, _) = postcard::take_from_bytes(rest)?;
            let (states, rest): (Vec<u8>, _) = postcard::take_from_bytes(rest)?;
            let (clock, rest) = postcard::take_from_bytes(rest)?;
            let (kept, rest) = match rest {
                [] => (Vec::new(), rest),
                rest => postcard::take_from_bytes(rest)?,
            };
            let memory = match rest {
                [] => Memory::default(),
                rest => postcard::from_bytes(rest)?,
            };
            (read, sequences, states, clock, kept, memory)
        }
        older @ (legacy::WITHOUT_SEQUENCES | legacy::ONLY_THRESHOLDS) => {
            let (read, sequences, states) = legacy::read(older, bytes)?;
            let (clock, kept) = (Clock::default(), Vec::new());
            (read, sequences, states, clock, kept, Memory::default())
        }
        found => return Err(SnapshotError::Version { found }),
    };
    check(&read)?;
    put_sequences(&mut read, sequences)?;
    let slots = slots(&read, &states, rules)?;
    let Read {
        tables: names,
        marks,
        mut removed,
        devices,
        series,
        changed,
        ..
    } = read;
    let mut tables = Tables::from_parts(Parts {
        names,
        devices: devices.into(),
        series: series.into(),
        slots: slots.into(),
        changed: changed.into(),
    });
    let old: Vec<&Mark> = marks.iter().collect();
    let abandoned = if old.iter().copied().eq(rules.marks()) {
        for series in 0..tables.series.len() as u32 {
            tables.resolve_stages(SeriesIx(series), rules);
        }
        Vec::new()
    } else {
        adopt(&mut tables, &old, &mut removed, rules)
    };
    Ok(Restored {
        tables,
        removed,
        abandoned,
        clock,
        kept,
        memory,
    })
}

fn put_sequences(read: &mut Read, sequences: Sequences) -> Result<(), SnapshotError> {
    let what = "the owner of a sequence";
    let nobody = SnapshotError::Inconsistent { what };
    for (ix, last, counts) in sequences.devices {
        let device = read.devices.get_mut(ix.index()).ok_or(nobody.clone())?;
        (device.sequence, device.sequences) = (last, counts);
    }
    for (ix, last) in sequences.series {
        let series = read.series.get_mut(ix.index()).ok_or(nobody.clone())?;
        series.sequence = Some(last);
    }
    Ok(())
}

/// The slots, each with what it remembers if the present rule of that name has
/// a use for it.
fn slots(read: &Read, states: &[u8], rules: &Rules) -> Result<Vec<SlotMemory>, SnapshotError> {
    let what = "the memory of a slot";
    let malformed = SnapshotError::Inconsistent { what };
    let kinds: Vec<Option<&FunctionKind>> = std::iter::once(rules.kind(FunctionIx::PAYLOAD))
        .chain(read.marks.iter().map(|mark| {
            let mut rules = rules.iter();
            let kept = rules.find(|(_, rule)| mark.keeps(&rule.mark));
            kept.map(|(_, rule)| &rule.kind)
        }))
        .collect();
    let mut slots = Vec::with_capacity(read.slots.len());
    let mut rest = states;
    for entry in &read.slots {
        let (bytes, behind) = rest
            .split_at_checked(entry.memory as usize)
            .ok_or(malformed.clone())?;
        rest = behind;
        let kind = kinds.get(entry.function.index()).copied().flatten();
        // A memory that another version wrote otherwise starts empty.
        let state = kind.map(|kind| kinds::read(kind, bytes).unwrap_or_else(|| kinds::empty(kind)));
        slots.push(SlotMemory {
            series: entry.series,
            function: entry.function,
            active: entry.active,
            next: entry.next,
            state: state.unwrap_or(State::NOTHING),
        });
    }
    match rest {
        [] => Ok(slots),
        _ => Err(malformed),
    }
}
