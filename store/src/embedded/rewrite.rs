//! Makes new files out of old ones: several merged into one, or one with some
//! cells overwritten.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, AsArray, Float64Array, RecordBatch, StringViewBuilder, UInt32Array, new_null_array,
};
use arrow::compute::{concat_batches, take_record_batch};
use arrow::datatypes::{Float64Type, TimestampNanosecondType};
use arrow::error::ArrowError;
use parquet::errors::ParquetError;
use weir_model::ValueKind;

use super::filter::Filter;
use super::late::Patch;
use super::layout::{self, Layout};
use super::reader::{self, Footers, Wanted};
use super::segment::{Segment, SegmentError};

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

/// The rows of several files of one layout, sorted by device and time.
pub(crate) fn merge(layout: &Layout, parts: &[RecordBatch]) -> Result<RecordBatch, ArrowError> {
    let all = concat_batches(&layout.schema(), parts)?;
    let devices = all.column(layout::DEVICE).as_string_view();
    let times = all
        .column(layout::TIME)
        .as_primitive::<TimestampNanosecondType>();
    // Rows of a device follow each other in each part, so names are compared
    // once per run.
    let mut runs: Vec<(&str, usize)> = Vec::new();
    for (row, name) in devices.iter().enumerate() {
        let name = name.unwrap_or_default();
        if runs.last().is_none_or(|(last, _)| *last != name) {
            runs.push((name, row));
        }
    }
    let mut names: Vec<&str> = runs.iter().map(|(name, _)| *name).collect();
    names.sort_unstable();
    names.dedup();
    let mut keys: Vec<(usize, i64, u32)> = Vec::with_capacity(all.num_rows());
    for (run, (name, start)) in runs.iter().enumerate() {
        let end = runs.get(run + 1).map_or(all.num_rows(), |next| next.1);
        let rank = names.partition_point(|other| other < name);
        for row in *start..end {
            let number = u32::try_from(row).expect("a merge is bounded far below 2^32 rows");
            keys.push((rank, times.value(row), number));
        }
    }
    // Stable sorting merges the runs that are there, instead of starting anew.
    keys.sort_by_key(|(rank, time, _)| (*rank, *time));
    let order = UInt32Array::from_iter_values(keys.iter().map(|(_, _, row)| *row));
    take_record_batch(&all, &order)
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
