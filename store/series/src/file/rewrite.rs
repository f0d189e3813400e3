//! Loads a whole file and overwrites some of its cells.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, AsArray, Float64Array, RecordBatch, StringViewBuilder, new_null_array,
};
use arrow::compute::concat_batches;
use arrow::datatypes::Float64Type;
use arrow::error::ArrowError;
use parquet::errors::ParquetError;
use weir_model::ValueKind;

use crate::file::layout::{self, Layout};
use crate::file::patch::Patch;
use crate::file::reader::{self, Footers};
use crate::file::rows::Wanted;
use crate::file::segment::{Segment, SegmentError};
use crate::filter::Filter;

/// A whole file in memory, with its layout's schema.
pub(crate) fn load(segment: &Arc<Segment>, footers: &Footers) -> Result<RecordBatch, SegmentError> {
    let schema = segment.layout.schema();
    let mut batches = Vec::new();
    let scan = reader::scan(segment, footers, &Filter::default(), Wanted::ALL)?;
    for rows in scan.into_iter().flatten() {
        let rows = rows?;
        let mut columns: Vec<ArrayRef> = [rows.device, rows.time, rows.location, rows.flags]
            .into_iter()
            .flatten()
            .collect();
        columns.extend(rows.series.into_iter().flatten());
        let mut cells: HashMap<usize, ArrayRef> = rows
            .values
            .into_iter()
            .filter_map(|(at, cells)| Some((at, cells?)))
            .collect();
        for value in 0..segment.layout.values() {
            let gaps =
                || new_null_array(&layout::value_type(segment.layout.kind(value)), rows.count);
            columns.push(cells.remove(&value).unwrap_or_else(gaps));
        }
        let batch = RecordBatch::try_new(schema.clone(), columns);
        batches.push(batch.map_err(|error| failed(segment, error))?);
    }
    concat_batches(&schema, &batches).map_err(|error| failed(segment, error))
}

fn failed(segment: &Segment, error: ArrowError) -> SegmentError {
    segment.decode_failed(ParquetError::from(error))
}

/// Overwrites cells, given by row and column of values.
pub(crate) fn patch(
    layout: &Layout,
    rows: &RecordBatch,
    patches: &HashMap<(usize, usize), Patch>,
) -> Result<RecordBatch, ArrowError> {
    let first = layout.first_value();
    let mut columns = rows.columns().to_vec();
    for value in 0..layout.values() {
        let patch = |row: usize| patches.get(&(row, value));
        if !patches.keys().any(|(_, at)| *at == value) {
            continue;
        }
        let column = &columns[first + value];
        let patched: ArrayRef = if layout.kind(value) == ValueKind::Number {
            let before = column.as_primitive::<Float64Type>();
            Arc::new(Float64Array::from_iter(before.iter().enumerate().map(
                |(row, before)| match patch(row) {
                    Some(Patch::Number(number)) => Some(*number),
                    Some(_) => None,
                    None => before,
                },
            )))
        } else {
            let mut builder = StringViewBuilder::new();
            for (row, before) in column.as_string_view().iter().enumerate() {
                builder.append_option(match patch(row) {
                    Some(Patch::Text(text)) => Some(&**text),
                    Some(_) => None,
                    None => before,
                });
            }
            Arc::new(builder.finish())
        };
        columns[first + value] = patched;
    }
    RecordBatch::try_new(layout.schema(), columns)
}
