//! Whether the parts of a snapshot agree: no index leads nowhere.

use super::error::SnapshotError;
use super::format::Read;
use crate::state::index::{FunctionIx, SeriesIx, SlotIx};

pub(super) fn check(read: &Read) -> Result<(), SnapshotError> {
    let ensure = |holds: bool, what| {
        if holds {
            Ok(())
        } else {
            Err(SnapshotError::Inconsistent { what })
        }
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
    let is_series = |ix: &SeriesIx| ix.index() < series.len();
    let is_slot = |ix: SlotIx| ix == SlotIx::NONE || ix.index() < slots.len();
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
    for (ix, slot) in (0..).map(SlotIx).zip(slots) {
        ensure(is_series(&slot.series), "the series of a slot")?;
        let known = slot.function.index() <= marks.len();
        ensure(
            known || slot.function == FunctionIx::REMOVED,
            "the function of a slot",
        )?;
        // Chains only lead upwards, so they end.
        ensure(is_slot(slot.next) && slot.next > ix, "the chain of slots")?;
    }
    Ok(())
}
