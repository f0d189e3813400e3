//! Rows in memory, until a checkpoint writes them to a file.
//!
//! A [`Buffer`] holds the rows of one device kind, column by column, in chunks of at
//! most [`CHUNK_ROWS`]. Chunks are shared with running queries: a query clones the
//! `Arc`s, and the next write to a chunk that a query still holds copies it first.
//! So a query sees one consistent instant, and an append never waits for a query.

use std::sync::Arc;

use weir_model::{ColumnIx, ValueKind};

use crate::scalar::Scalar;

/// Rows of one chunk. A query costs the writer at most one copy of the last chunk of
/// each buffer.
pub(crate) const CHUNK_ROWS: usize = 1 << CHUNK_BITS;
const CHUNK_BITS: u32 = 16;

/// A row in memory: its buffer and its number there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RowRef {
    pub(crate) buffer: u32,
    pub(crate) row: u32,
}

impl RowRef {
    /// The end of a device's chain.
    pub(crate) const NONE: Self = Self {
        buffer: u32::MAX,
        row: u32::MAX,
    };
}

/// The columns of a row that are not values.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RowHead {
    pub(crate) time: i64,
    pub(crate) device: u32,
    pub(crate) location: u32,
    pub(crate) flags: u16,
    /// The row of the same device that was appended before this one.
    pub(crate) previous: RowRef,
}

/// Rows of one device kind.
#[derive(Clone, Debug)]
pub(crate) struct Buffer {
    /// The columns of a wide kind, sorted; empty for the narrow buffer.
    pub(crate) columns: Arc<[ColumnIx]>,
    /// The sensor number of each column, in the same order.
    pub(crate) sensors: Vec<u32>,
    pub(crate) narrow: bool,
    kinds: Vec<ValueKind>,
    chunks: Vec<Arc<Chunk>>,
    rows: usize,
}

/// Some rows of a buffer, as columns of equal length.
#[derive(Clone, Debug, Default)]
pub(crate) struct Chunk {
    pub(crate) time: Vec<i64>,
    pub(crate) device: Vec<u32>,
    pub(crate) location: Vec<u32>,
    pub(crate) flags: Vec<u16>,
    pub(crate) previous: Vec<RowRef>,
    /// Only in narrow chunks: the column of each row's value.
    pub(crate) series: Vec<u32>,
    /// Wide: one per column of the kind. Narrow: a number and a text column; each row
    /// has a value in one of them.
    pub(crate) values: Vec<Values>,
}

/// One column of values, with gaps.
#[derive(Clone, Debug)]
pub(crate) enum Values {
    /// NaN is a gap: readings are finite.
    Numbers { values: Vec<f64>, filled: usize },
    Texts {
        spans: Vec<Span>,
        bytes: Vec<u8>,
        filled: usize,
    },
}

/// Position of a text in the bytes of its column.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span {
    start: u64,
    len: u32,
}

impl Span {
    const GAP: Self = Self {
        start: u64::MAX,
        len: 0,
    };

    fn of(bytes: &mut Vec<u8>, text: &str) -> Self {
        let start = bytes.len() as u64;
        bytes.extend_from_slice(text.as_bytes());
        Self {
            start,
            len: u32::try_from(text.len()).unwrap_or(u32::MAX),
        }
    }
}

impl Values {
    fn new(kind: ValueKind) -> Self {
        match kind {
            ValueKind::Number => Self::Numbers {
                values: Vec::new(),
                filled: 0,
            },
            ValueKind::Text => Self::Texts {
                spans: Vec::new(),
                bytes: Vec::new(),
                filled: 0,
            },
        }
    }

    /// Number of cells that are not gaps.
    pub(crate) fn filled(&self) -> usize {
        match self {
            Self::Numbers { filled, .. } | Self::Texts { filled, .. } => *filled,
        }
    }

    pub(crate) fn get(&self, row: usize) -> Option<Scalar<'_>> {
        match self {
            Self::Numbers { values, .. } => {
                let value = values[row];
                (!value.is_nan()).then_some(Scalar::Number(value))
            }
            Self::Texts { .. } => self.text(row).map(Scalar::Text),
        }
    }

    pub(crate) fn text(&self, row: usize) -> Option<&str> {
        let Self::Texts { spans, bytes, .. } = self else {
            return None;
        };
        let span = spans[row];
        if span.start == u64::MAX {
            return None;
        }
        let start = usize::try_from(span.start).expect("it is an index into memory");
        let text = &bytes[start..start + span.len as usize];
        Some(std::str::from_utf8(text).expect("only whole texts are stored"))
    }

    fn push(&mut self, value: Option<Scalar<'_>>) {
        match (self, value) {
            (Self::Numbers { values, filled }, Some(Scalar::Number(number))) => {
                values.push(number);
                *filled += 1;
            }
            (
                Self::Texts {
                    spans,
                    bytes,
                    filled,
                },
                Some(Scalar::Text(text)),
            ) => {
                spans.push(Span::of(bytes, text));
                *filled += 1;
            }
            (Self::Numbers { values, .. }, _) => values.push(f64::NAN),
            (Self::Texts { spans, .. }, _) => spans.push(Span::GAP),
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::Numbers { values, .. } => values.len(),
            Self::Texts { spans, .. } => spans.len(),
        }
    }

    /// Overwrites a cell. A value of the other kind leaves a gap: the catalog
    /// gives each column one kind.
    fn set(&mut self, row: usize, value: Option<Scalar<'_>>) {
        let before = usize::from(self.get(row).is_some());
        match self {
            Self::Numbers { values, filled } => {
                values[row] = match value {
                    Some(Scalar::Number(number)) => number,
                    _ => f64::NAN,
                };
                *filled = *filled - before + usize::from(!values[row].is_nan());
            }
            Self::Texts {
                spans,
                bytes,
                filled,
            } => {
                spans[row] = match value {
                    Some(Scalar::Text(text)) => Span::of(bytes, text),
                    _ => Span::GAP,
                };
                *filled = *filled - before + usize::from(spans[row].start != u64::MAX);
            }
        }
    }
}

impl Chunk {
    fn new(narrow: bool, kinds: &[ValueKind]) -> Self {
        let values = if narrow {
            vec![Values::new(ValueKind::Number), Values::new(ValueKind::Text)]
        } else {
            kinds.iter().map(|kind| Values::new(*kind)).collect()
        };
        Self {
            values,
            ..Self::default()
        }
    }

    pub(crate) fn rows(&self) -> usize {
        self.time.len()
    }

    fn push_head(&mut self, head: &RowHead) {
        self.time.push(head.time);
        self.device.push(head.device);
        self.location.push(head.location);
        self.flags.push(head.flags);
        self.previous.push(head.previous);
    }
}

impl Buffer {
    pub(crate) fn wide(columns: Arc<[ColumnIx]>, sensors: Vec<u32>, kinds: Vec<ValueKind>) -> Self {
        Self {
            columns,
            sensors,
            narrow: false,
            kinds,
            chunks: Vec::new(),
            rows: 0,
        }
    }

    pub(crate) fn narrow() -> Self {
        let (columns, sensors) = (Arc::from([]), Vec::new());
        Self {
            columns,
            sensors,
            narrow: true,
            kinds: Vec::new(),
            chunks: Vec::new(),
            rows: 0,
        }
    }

    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    pub(crate) fn chunks(&self) -> &[Arc<Chunk>] {
        &self.chunks
    }

    pub(crate) fn clear(&mut self) {
        self.chunks.clear();
        self.rows = 0;
    }

    fn last(&mut self) -> &mut Chunk {
        if self.rows.is_multiple_of(CHUNK_ROWS) {
            self.chunks
                .push(Arc::new(Chunk::new(self.narrow, &self.kinds)));
        }
        let last = self
            .chunks
            .last_mut()
            .expect("one was pushed before the first row");
        Arc::make_mut(last)
    }

    /// Appends a wide row. Each value comes with the number of its column; other
    /// columns get gaps.
    pub(crate) fn push<'a>(
        &mut self,
        head: &RowHead,
        values: impl Iterator<Item = (u32, Scalar<'a>)>,
        dense: bool,
    ) -> u32 {
        let row = self.rows;
        let chunk = self.last();
        chunk.push_head(head);
        for (slot, value) in values {
            chunk.values[slot as usize].push(Some(value));
        }
        if !dense {
            let rows = chunk.rows();
            for column in &mut chunk.values {
                if column.len() < rows {
                    column.push(None);
                }
            }
        }
        self.rows += 1;
        row_number(row)
    }

    /// Appends a row of the narrow buffer.
    pub(crate) fn push_narrow(
        &mut self,
        head: &RowHead,
        column: ColumnIx,
        value: Scalar<'_>,
    ) -> u32 {
        let row = self.rows;
        let chunk = self.last();
        chunk.push_head(head);
        chunk.series.push(column.0);
        let (number, text) = match value {
            Scalar::Number(_) => (Some(value), None),
            Scalar::Text(_) => (None, Some(value)),
        };
        chunk.values[0].push(number);
        chunk.values[1].push(text);
        self.rows += 1;
        row_number(row)
    }

    pub(crate) fn chunk_of(&self, row: u32) -> (&Chunk, usize) {
        let (chunk, offset) = split(row);
        (&self.chunks[chunk], offset)
    }

    /// The value of a cell. The narrow buffer ignores the slot.
    pub(crate) fn get(&self, row: u32, slot: usize) -> Option<Scalar<'_>> {
        let (chunk, offset) = self.chunk_of(row);
        if self.narrow {
            return chunk.values.iter().find_map(|values| values.get(offset));
        }
        chunk.values[slot].get(offset)
    }

    /// Overwrites a cell, or empties it.
    pub(crate) fn set(&mut self, row: u32, slot: usize, value: Option<Scalar<'_>>) {
        let (chunk, offset) = split(row);
        let chunk = Arc::make_mut(&mut self.chunks[chunk]);
        if self.narrow {
            for values in &mut chunk.values {
                values.set(offset, value);
            }
        } else {
            chunk.values[slot].set(offset, value);
        }
    }
}

fn split(row: u32) -> (usize, usize) {
    (
        (row >> CHUNK_BITS) as usize,
        row as usize & (CHUNK_ROWS - 1),
    )
}

fn row_number(row: usize) -> u32 {
    u32::try_from(row).expect("a buffer of 2^32 rows does not fit into memory")
}
