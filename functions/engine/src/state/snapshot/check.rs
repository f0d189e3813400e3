//! Whether the parts of a snapshot agree: no index leads nowhere.

use super::error::SnapshotError;
use super::format::Read;
use crate::state::index::{FunctionIx, SeriesIx, SlotIx};

pub(super) fn check(read: &Read) -> Result<(), SnapshotError> {
    names(read)?;
    devices(read)?;
    series(read)?;
    slots(read)
}

fn ensure(holds: bool, what: &'static str) -> Result<(), SnapshotError> {
    if holds {
        Ok(())
    } else {
        Err(SnapshotError::Inconsistent { what })
    }
}

fn names(read: &Read) -> Result<(), SnapshotError> {
    let Read {
        tables, removed, ..
    } = read;
    ensure(
        tables.devices.len() == read.devices.len(),
        "the number of devices",
    )?;
    ensure(
        tables.locations.first().is_some_and(|name| name.is_empty()),
        "location 0",
    )?;
    ensure(
        removed.is_sorted_by(|a, b| a.0 < b.0),
        "the order of removed functions",
    )
}

fn devices(read: &Read) -> Result<(), SnapshotError> {
    let is_device = |ix: usize| ix < read.devices.len();
    ensure(
        read.changed.iter().all(|device| is_device(device.index())),
        "a changed device",
    )?;
    for device in &read.devices {
        ensure(
            device.location.index() < read.tables.locations.len(),
            "the location of a device",
        )?;
        ensure(
            device.series.iter().all(|ix| is_series(read, ix)),
            "the series of a device",
        )?;
    }
    Ok(())
}

fn series(read: &Read) -> Result<(), SnapshotError> {
    let is_column = |ix: usize| ix < read.tables.columns.len();
    for series in &read.series {
        ensure(
            series.device.index() < read.devices.len(),
            "the device of a series",
        )?;
        ensure(
            is_column(series.column.index()) && is_column(series.latest_column.index()),
            "the column of a series",
        )?;
        ensure(
            series.location.index() < read.tables.locations.len(),
            "the location of a series",
        )?;
        ensure(is_slot(read, series.first_slot), "the slots of a series")?;
    }
    Ok(())
}

fn slots(read: &Read) -> Result<(), SnapshotError> {
    for (ix, slot) in (0..).map(SlotIx).zip(&read.slots) {
        ensure(is_series(read, &slot.series), "the series of a slot")?;
        let known = slot.function.index() <= read.marks.len();
        ensure(
            known || slot.function == FunctionIx::REMOVED,
            "the function of a slot",
        )?;
        // Chains only lead upwards, so they end.
        ensure(
            is_slot(read, slot.next) && slot.next > ix,
            "the chain of slots",
        )?;
    }
    Ok(())
}

fn is_series(read: &Read, ix: &SeriesIx) -> bool {
    ix.index() < read.series.len()
}

fn is_slot(read: &Read, ix: SlotIx) -> bool {
    ix == SlotIx::NONE || ix.index() < read.slots.len()
}
