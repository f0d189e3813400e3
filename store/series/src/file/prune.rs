//! Finds the rows of a file that can match by the statistics of row groups and
//! pages, without reading them. Files are sorted by device and time, so one or two
//! pages remain for an hour of one device.

use std::ops::Range;

use parquet::arrow::arrow_reader::RowSelection;
use parquet::basic::{LogicalType, TimeUnit};
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData};
use parquet::file::page_index::column_index::ColumnIndexMetaData;
use parquet::file::statistics::Statistics;

use crate::file::layout;
use crate::filter::Filter;

/// The rows that the statistics of row groups and pages cannot rule out; `None`
/// for all of them.
pub(crate) fn select(metadata: &ParquetMetaData, filter: &Filter) -> Option<RowSelection> {
    if filter.matches_all_rows() {
        return None;
    }
    let mut start = 0;
    let mut ranges: Vec<Range<usize>> = Vec::new();
    for (group, row_group) in metadata.row_groups().iter().enumerate() {
        let rows = usize::try_from(row_group.num_rows()).unwrap_or(0);
        let can_match = |column: usize| {
            row_group
                .column(column)
                .statistics()
                .is_none_or(|found| may_match(found, filter, row_group.column(layout::TIME)))
        };
        if can_match(layout::DEVICE) && can_match(layout::TIME) {
            let devices = pages(metadata, group, layout::DEVICE, rows, filter);
            let times = pages(metadata, group, layout::TIME, rows, filter);
            for range in intersect(&devices, &times) {
                ranges.push(start + range.start..start + range.end);
            }
        }
        start += rows;
    }
    Some(RowSelection::from_consecutive_ranges(
        ranges.into_iter(),
        start,
    ))
}

fn may_match(statistics: &Statistics, filter: &Filter, time: &ColumnChunkMetaData) -> bool {
    match statistics {
        Statistics::ByteArray(devices) => match (devices.min_opt(), devices.max_opt()) {
            (Some(min), Some(max)) => filter.overlaps_devices(min.data(), max.data()),
            _ => true,
        },
        Statistics::Int64(times) => match (times.min_opt(), times.max_opt()) {
            (Some(min), Some(max)) => {
                let nanos = nanos_per_unit(time);
                filter.overlaps(min.saturating_mul(nanos), max.saturating_mul(nanos))
            }
            _ => true,
        },
        _ => true,
    }
}

fn nanos_per_unit(time: &ColumnChunkMetaData) -> i64 {
    match time.column_descr().logical_type_ref() {
        Some(LogicalType::Timestamp(timestamp)) => match timestamp.unit {
            TimeUnit::MILLIS => 1_000_000,
            TimeUnit::MICROS => 1_000,
            TimeUnit::NANOS => 1,
        },
        _ => 1,
    }
}

/// The row ranges of a column's pages that can match, within its row group.
fn pages(
    metadata: &ParquetMetaData,
    group: usize,
    column: usize,
    rows: usize,
    filter: &Filter,
) -> Vec<Range<usize>> {
    let all = || std::iter::once(0..rows).collect();
    let offsets = metadata
        .offset_index()
        .and_then(|index| index.get(group)?.get(column));
    let bounds = metadata
        .column_index()
        .and_then(|index| index.get(group)?.get(column));
    let (Some(offsets), Some(bounds)) = (offsets, bounds) else {
        return all();
    };
    let pages = offsets.page_locations();
    let nanos = nanos_per_unit(metadata.row_group(group).column(layout::TIME));
    let can_match = |page: usize| match bounds {
        ColumnIndexMetaData::BYTE_ARRAY(devices) => {
            match (devices.min_value(page), devices.max_value(page)) {
                (Some(min), Some(max)) => filter.overlaps_devices(min, max),
                _ => true,
            }
        }
        ColumnIndexMetaData::INT64(times) => match (times.min_value(page), times.max_value(page)) {
            (Some(min), Some(max)) => {
                filter.overlaps(min.saturating_mul(nanos), max.saturating_mul(nanos))
            }
            _ => true,
        },
        _ => true,
    };
    let first_row = |page: usize| {
        pages.get(page).map_or(rows, |page| {
            usize::try_from(page.first_row_index).unwrap_or(rows)
        })
    };
    (0..pages.len())
        .filter(|page| can_match(*page))
        .map(|page| first_row(page)..first_row(page + 1))
        .collect()
}

/// Both lists are ascending and do not overlap within themselves.
fn intersect(a: &[Range<usize>], b: &[Range<usize>]) -> Vec<Range<usize>> {
    let (mut i, mut j) = (0, 0);
    let mut both = Vec::new();
    while i < a.len() && j < b.len() {
        let range = a[i].start.max(b[j].start)..a[i].end.min(b[j].end);
        if range.start < range.end {
            both.push(range);
        }
        if a[i].end <= b[j].end {
            i += 1;
        } else {
            j += 1;
        }
    }
    both
}
