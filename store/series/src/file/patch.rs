//! Values that the next checkpoint writes over cells of existing files.

use std::collections::HashMap;

use crate::scalar::Scalar;

/// The new content of a cell.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Patch {
    Number(f64),
    Text(Box<str>),
    Remove,
}

impl Patch {
    pub(crate) fn of(value: Scalar<'_>) -> Self {
        match value {
            Scalar::Number(number) => Self::Number(number),
            Scalar::Text(text) => Self::Text(text.into()),
        }
    }

    pub(crate) fn value(&self) -> Option<Scalar<'_>> {
        match self {
            Self::Number(number) => Some(Scalar::Number(*number)),
            Self::Text(text) => Some(Scalar::Text(text)),
            Self::Remove => None,
        }
    }
}

/// Cells of files that the next checkpoint overwrites: by file, then by row and
/// column of values.
pub(crate) type Patches = HashMap<u64, HashMap<(usize, usize), Patch>>;
