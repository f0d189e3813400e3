//! The value of a cell, borrowed from a batch, a buffer or a file.

use weir_model::ValueKind;

/// The value of a cell.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Scalar<'a> {
    Number(f64),
    Text(&'a str),
}

impl Scalar<'_> {
    pub(crate) fn kind(self) -> ValueKind {
        match self {
            Self::Number(_) => ValueKind::Number,
            Self::Text(_) => ValueKind::Text,
        }
    }
}
