//! Rows as read from a file or from memory: columns of equal length, and the columns
//! that a reader requests.

use arrow::array::ArrayRef;

use crate::file::layout;

/// Rows per batch.
pub(crate) const BATCH_ROWS: usize = 8_192;

/// The requested columns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Wanted {
    pub(crate) time: bool,
    pub(crate) device: bool,
    pub(crate) location: bool,
    pub(crate) flags: bool,
    /// The values themselves, not only which cells have one.
    pub(crate) values: bool,
    /// The requested value columns of a roll-up.
    pub(crate) rollup_values: [bool; layout::ROLLUP_VALUES.len()],
}

impl Wanted {
    pub(crate) const ALL: Self = Self {
        time: true,
        device: true,
        location: true,
        flags: true,
        values: true,
        rollup_values: [true; layout::ROLLUP_VALUES.len()],
    };
}

/// Matching rows, column by column; every column has `count` rows.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rows {
    pub(crate) count: usize,
    pub(crate) time: Option<ArrayRef>,
    pub(crate) device: Option<ArrayRef>,
    pub(crate) location: Option<ArrayRef>,
    pub(crate) flags: Option<ArrayRef>,
    /// Sensor and unit, for narrow files and roll-ups.
    pub(crate) series: Option<[ArrayRef; 2]>,
    /// Value column and its cells; the cells are `None` when the column has no gaps
    /// and its values were not requested.
    pub(crate) values: Vec<(usize, Option<ArrayRef>)>,
}
