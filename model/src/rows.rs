//! Readings on their way to a store: one row per (device, time), one cell per
//! reading.
//!
//! Everything that the readings of a message share stands in the row. Readings
//! of one message that differ in time, location or flags make several rows.

use serde::{Deserialize, Serialize};

use crate::{ColumnIx, DeviceIx, LocationIx, Position, Timestamp};

/// What is to be known about a reading beside its value. `quality` is derived
/// from it: any of [`Flags::SUSPECT_MASK`] makes it `suspect`.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Flags(pub u16);

impl Flags {
    /// It came without a time and has the one at which it was received.
    pub const TIME_RECEIVED: Self = Self(1);
    /// The broker replayed it from its retained messages.
    pub const RETAINED: Self = Self(1 << 1);
    /// It is not newer than the latest reading of its series.
    pub const LATE: Self = Self(1 << 2);

    /// Bits that make a reading's quality `suspect`.
    pub const SUSPECT_MASK: Self = Self(0xff00);

    /// Every flag with the name that the `flags` column shows.
    pub const NAMES: [(Self, &'static str); 3] = [
        (Self::TIME_RECEIVED, "time_received"),
        (Self::RETAINED, "retained"),
        (Self::LATE, "late"),
    ];

    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub const fn is_suspect(self) -> bool {
        self.0 & Self::SUSPECT_MASK.0 != 0
    }

    /// The names of the set flags, joined by commas; empty when none is set.
    pub fn names(self) -> String {
        let set = Self::NAMES.iter().filter(|(flag, _)| self.contains(*flag));
        set.map(|(_, name)| *name).collect::<Vec<_>>().join(",")
    }
}

/// A reading's value. Text is kept beside the cells, in [`RowBatch::texts`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value {
    /// Finite; booleans are 1 and 0.
    Number(f64),
    /// Index into [`RowBatch::texts`].
    Text(u32),
}

/// One reading of a row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cell {
    pub column: ColumnIx,
    pub value: Value,
}

/// Readings of one device at one time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Row {
    /// The message that it came with.
    pub position: Position,
    pub device: DeviceIx,
    pub location: LocationIx,
    pub time: Timestamp,
    /// With [`Flags::LATE`] when any cell is not newer than its series' latest:
    /// only such a row can repeat a (device, sensor, time) that is stored.
    pub flags: Flags,
    /// First cell in [`RowBatch::cells`].
    pub first_cell: u32,
    pub cell_count: u32,
}

/// Rows in journal order. Cleared and filled again; nothing is allocated per row.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RowBatch {
    pub rows: Vec<Row>,
    pub cells: Vec<Cell>,
    pub texts: Vec<Box<str>>,
}

impl RowBatch {
    pub fn clear(&mut self) {
        self.rows.clear();
        self.cells.clear();
        self.texts.clear();
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// How many readings the batch holds.
    pub fn readings(&self) -> u64 {
        self.cells.len() as u64
    }

    pub fn cells_of(&self, row: &Row) -> &[Cell] {
        let first = row.first_cell as usize;
        &self.cells[first..first + row.cell_count as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_name_what_is_set() {
        assert_eq!(Flags::default().names(), "");
        assert_eq!(Flags::RETAINED.with(Flags::LATE).names(), "retained,late");
        assert!(!Flags::LATE.is_suspect());
        assert!(Flags(1 << 8).is_suspect());
    }
}
