//! Rows as they are read from a file or from memory: columns of equal length, and
//! which of them a reader asks for.

use arrow::array::ArrayRef;

use crate::file::layout;

/// Rows that are handed on at once.
pub(crate) const BATCH_ROWS: usize = 8_192;

/// Which columns a query needs beside the values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Wanted {
    pub(crate) time: bool,
    pub(crate) device: bool,
    pub(crate) location: bool,
    pub(crate) flags: bool,
    /// The values themselves, not only which of them there are.
    pub(crate) values: bool,
    /// Which columns of values of a roll-up.
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

/// Rows that match, column by column; all have `count` rows.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rows {
    pub(crate) count: usize,
    pub(crate) time: Option<ArrayRef>,
    pub(crate) device: Option<ArrayRef>,
    pub(crate) location: Option<ArrayRef>,
    pub(crate) flags: Option<ArrayRef>,
    /// Of narrow files and roll-ups: sensor and unit.
    pub(crate) series: Option<[ArrayRef; 2]>,
    /// The column of values and its cells; `None` when it has no gaps and
    /// nobody asked for its values.
    pub(crate) values: Vec<(usize, Option<ArrayRef>)>,
}
