//! Readings on their way to a store: one row per (device, time), one cell per
//! reading.
//!
//! A row holds what the readings of a message share. Readings of one message that
//! differ in time, location or flags become several rows.

use serde::{Deserialize, Serialize};

use crate::{ColumnIx, DeviceIx, LocationIx, Position, Timestamp};

/// Properties of a reading besides its value. They determine its `quality`: any of
/// [`Flags::SUSPECT_MASK`] means `suspect`.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Flags(pub u16);

impl Flags {
    /// It had no time and got the time of receipt.
    pub const TIME_RECEIVED: Self = Self(1);
    /// The broker replayed it from its retained messages.
    pub const RETAINED: Self = Self(1 << 1);
    /// It is not newer than the latest reading of its series.
    pub const LATE: Self = Self(1 << 2);
    /// More time has passed since the previous reading than `gap` expects.
    pub const GAP: Self = Self(1 << 3);
    /// It was sent in another unit and was converted.
    pub const CONVERTED: Self = Self(1 << 4);
    /// Weir computed it from other readings.
    pub const DERIVED: Self = Self(1 << 5);
    /// A person made it up: it is stored and judged by nothing.
    pub const SIMULATED: Self = Self(1 << 7);
    /// Beyond what its sensor can measure.
    pub const OUT_OF_RANGE: Self = Self(1 << 8);
    /// It moved faster than it can.
    pub const JUMP: Self = Self(1 << 9);
    /// It has not moved for too long.
    pub const STUCK: Self = Self(1 << 10);
    /// Its unit is not the expected one and cannot be converted.
    pub const WRONG_UNIT: Self = Self(1 << 11);
    /// None of the values allowed.
    pub const NOT_ALLOWED: Self = Self(1 << 12);
    /// Its time is too far from the time at which it came.
    pub const CLOCK: Self = Self(1 << 13);
    /// The same value as the one just before.
    pub const REPEATED: Self = Self(1 << 14);
    /// A detector found it unusual.
    pub const UNUSUAL: Self = Self(1 << 15);

    /// Bits that make a reading's quality `suspect`.
    pub const SUSPECT_MASK: Self = Self(0xff00 | Self::GAP.0 | Self::SIMULATED.0);

    /// Every flag with the name that the `flags` column shows.
    pub const NAMES: [(Self, &'static str); 15] = [
        (Self::TIME_RECEIVED, "time_received"),
        (Self::RETAINED, "retained"),
        (Self::LATE, "late"),
        (Self::GAP, "gap"),
        (Self::CONVERTED, "converted"),
        (Self::DERIVED, "derived"),
        (Self::SIMULATED, "simulated"),
        (Self::OUT_OF_RANGE, "out_of_range"),
        (Self::JUMP, "jump"),
        (Self::STUCK, "stuck"),
        (Self::WRONG_UNIT, "wrong_unit"),
        (Self::NOT_ALLOWED, "not_allowed"),
        (Self::CLOCK, "clock"),
        (Self::REPEATED, "repeated"),
        (Self::UNUSUAL, "unusual"),
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

/// What a function's finding makes of a reading.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Quality {
    /// It is stored as it is.
    #[default]
    Good,
    /// It is stored with a flag.
    Suspect,
    /// It is quarantined.
    Bad,
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

/// Rows in journal order. The batch is reused; nothing is allocated per row.
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
        assert!(!Flags::CONVERTED.with(Flags::DERIVED).is_suspect());
        assert!(Flags::GAP.is_suspect());
        assert!(Flags::OUT_OF_RANGE.is_suspect() && Flags::UNUSUAL.is_suspect());
    }
}
