//! Reads the matching rows of a file.
//!
//! Only what can match is read: row groups and pages are skipped by the statistics
//! of device and time, columns by the requested sensors, and columns without gaps
//! when their values are not requested. Rows that do not match are filtered out, so
//! all returned rows match.

use std::io::{self, Read};
use std::sync::Arc;

use arrow::array::{AsArray, BooleanArray, RecordBatch};
use arrow::compute;
use arrow::datatypes::{DataType, Field, Schema, TimestampNanosecondType};
use bytes::Bytes;
use parking_lot::Mutex;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader,
    ParquetRecordBatchReaderBuilder,
};
use parquet::errors::ParquetError;
use parquet::file::metadata::PageIndexPolicy;
use parquet::file::reader::{ChunkReader, Length};
use weir_disk::DiskFile;
use weir_model::ValueKind;

use crate::file::layout::{self, Layout};
use crate::file::lru::Lru;
use crate::file::prune;
use crate::file::rows::{BATCH_ROWS, Rows, Wanted};
use crate::file::segment::{Segment, SegmentError};
use crate::filter::Filter;

/// Size of the footer cache in bytes.
const FOOTER_CACHE_BYTES: usize = 16 << 20;

/// Footers of recently used files.
#[derive(Debug)]
pub(crate) struct Footers(Mutex<Lru<ArrowReaderMetadata>>);

impl Default for Footers {
    fn default() -> Self {
        Self(Mutex::new(Lru::new(FOOTER_CACHE_BYTES)))
    }
}

impl Footers {
    fn load(
        &self,
        segment: &Segment,
        file: &DiskReader,
    ) -> Result<ArrowReaderMetadata, SegmentError> {
        if let Some(footer) = self.0.lock().get(segment.entry.id) {
            return Ok(footer.clone());
        }
        let footer = read_footer(file).map_err(|error| segment.decode_failed(error))?;
        let cost = footer.metadata().memory_size();
        self.0.lock().put(segment.entry.id, footer.clone(), cost);
        Ok(footer)
    }
}

/// Reads the footer and sets the types of the returned columns: texts as views,
/// decimals as their stored integers.
fn read_footer(file: &DiskReader) -> Result<ArrowReaderMetadata, ParquetError> {
    let options = ArrowReaderOptions::new().with_page_index_policy(PageIndexPolicy::Optional);
    let footer = ArrowReaderMetadata::load(file, options.clone())?;
    let fields = footer.schema().fields().iter().map(|field| {
        let data_type = match field.data_type() {
            DataType::Utf8 => DataType::Utf8View,
            DataType::Decimal128(precision, scale) if *precision <= 9 => {
                DataType::Decimal32(*precision, *scale)
            }
            DataType::Decimal128(precision, scale) if *precision <= 18 => {
                DataType::Decimal64(*precision, *scale)
            }
            other => other.clone(),
        };
        Field::new(field.name(), data_type, field.is_nullable())
    });
    let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    ArrowReaderMetadata::try_new(footer.metadata().clone(), options.with_schema(schema))
}

/// The matching rows of one file, batch by batch.
pub(crate) struct SegmentScan {
    segment: Arc<Segment>,
    reader: ParquetRecordBatchReader,
    filter: Filter,
    wanted: Wanted,
    /// The columns of the file that are read, ascending.
    read: Vec<usize>,
    values: Vec<usize>,
}

/// Starts reading; `None` when nothing in the file can match.
pub(crate) fn scan(
    segment: &Arc<Segment>,
    footers: &Footers,
    filter: &Filter,
    wanted: Wanted,
) -> Result<Option<SegmentScan>, SegmentError> {
    let entry = &segment.entry;
    let mut values = matching_values(segment, filter);
    if values.is_empty() || !filter.overlaps(entry.min_time, entry.max_time) {
        return Ok(None);
    }
    if segment.layout == Layout::Rollup {
        values.retain(|value| wanted.rollup_values[*value]);
    }
    segment.verify()?;
    let file = segment
        .disk
        .open(&segment.path)
        .map_err(|error| segment.missing_or_io(error))?;
    let file = DiskReader(file.into());
    let footer = footers.load(segment, &file)?;
    let inside = filter.from <= entry.min_time && entry.max_time <= filter.to;
    let mut filter = filter.clone();
    if inside {
        (filter.from, filter.to) = (i64::MIN, i64::MAX);
    }
    let read = columns_to_read(segment, &filter, wanted, &values);
    let failed = |error| segment.decode_failed(error);
    let mask = ProjectionMask::leaves(footer.parquet_schema(), read.iter().copied());
    let selection = prune::select(footer.metadata(), &filter);
    if selection
        .as_ref()
        .is_some_and(|selection| !selection.selects_any())
    {
        return Ok(None);
    }
    let mut builder = ParquetRecordBatchReaderBuilder::new_with_metadata(file, footer)
        .with_projection(mask)
        .with_batch_size(BATCH_ROWS);
    if let Some(selection) = selection {
        builder = builder.with_row_selection(selection);
    }
    let reader = builder.build().map_err(failed)?;
    Ok(Some(SegmentScan {
        segment: segment.clone(),
        reader,
        filter,
        wanted,
        read,
        values,
    }))
}

/// A whole file, with its columns in their stored types.
pub(crate) fn whole(
    segment: &Segment,
    footers: &Footers,
    batch_rows: usize,
) -> Result<(ArrowReaderMetadata, ParquetRecordBatchReader), SegmentError> {
    segment.verify()?;
    let file = segment
        .disk
        .open(&segment.path)
        .map_err(|error| segment.missing_or_io(error))?;
    let file = DiskReader(file.into());
    let footer = footers.load(segment, &file)?;
    let reader = ParquetRecordBatchReaderBuilder::new_with_metadata(file, footer.clone())
        .with_batch_size(batch_rows)
        .build()
        .map_err(|error| segment.decode_failed(error))?;
    Ok((footer, reader))
}

/// The value columns that can hold readings of the requested sensors.
pub(crate) fn matching_values(segment: &Segment, filter: &Filter) -> Vec<usize> {
    let readings = &segment.entry.readings;
    (0..segment.layout.values())
        .filter(|value| readings.get(*value).is_some_and(|readings| *readings > 0))
        .filter(|value| match &segment.layout {
            Layout::Wide(columns) => filter.matches_sensor(&columns[*value].sensor),
            Layout::Narrow | Layout::Rollup => true,
        })
        .collect()
}

fn columns_to_read(
    segment: &Segment,
    filter: &Filter,
    wanted: Wanted,
    values: &[usize],
) -> Vec<usize> {
    let mut read = Vec::new();
    let mut add = |column, wanted: bool| {
        if wanted {
            read.push(column);
        }
    };
    add(layout::DEVICE, wanted.device || filter.devices.is_some());
    add(layout::TIME, wanted.time || filter.has_times());
    add(layout::LOCATION, wanted.location);
    add(layout::FLAGS, wanted.flags);
    let names = segment.layout.names_series();
    add(layout::SENSOR, names);
    add(layout::UNIT, names);
    let first = segment.layout.first_value();
    for value in values {
        let gaps = segment.entry.readings[*value] != segment.entry.rows;
        add(first + value, wanted.values || gaps);
    }
    if read.is_empty() {
        // At least one column must be read to know the number of rows.
        read.push(layout::FLAGS);
    }
    read
}

impl Iterator for SegmentScan {
    type Item = Result<Rows, SegmentError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let rows = match self.reader.next()? {
                Ok(batch) => self.rows(&batch),
                Err(error) => Err(error.into()),
            };
            match rows {
                Ok(rows) if rows.count == 0 => {}
                Ok(rows) => return Some(Ok(rows)),
                Err(error) => return Some(Err(self.segment.decode_failed(error))),
            }
        }
    }
}

impl SegmentScan {
    fn rows(&self, batch: &RecordBatch) -> Result<Rows, ParquetError> {
        let mut batch = batch.clone();
        if let Some(mask) = self.mask(&batch)? {
            batch = compute::filter_record_batch(&batch, &mask)?;
        }
        let column = |index: usize| {
            self.read
                .binary_search(&index)
                .ok()
                .map(|at| batch.column(at).clone())
        };
        let first = self.segment.layout.first_value();
        let mut values = Vec::with_capacity(self.values.len());
        for value in &self.values {
            let cells = match column(first + value) {
                Some(cells) if self.segment.layout.kind(*value) == ValueKind::Number => {
                    Some(layout::expand_numbers(&cells)?)
                }
                cells => cells,
            };
            values.push((*value, cells));
        }
        let time = match column(layout::TIME).filter(|_| self.wanted.time) {
            Some(time) => Some(layout::expand_times(&time)?),
            None => None,
        };
        let series = (self.segment.layout.names_series())
            .then(|| column(layout::SENSOR).zip(column(layout::UNIT)))
            .flatten()
            .map(|(sensor, unit)| [sensor, unit]);
        Ok(Rows {
            count: batch.num_rows(),
            time,
            device: column(layout::DEVICE).filter(|_| self.wanted.device),
            location: column(layout::LOCATION).filter(|_| self.wanted.location),
            flags: column(layout::FLAGS).filter(|_| self.wanted.flags),
            series,
            values,
        })
    }

    /// Which rows of a batch match; `None` when all do.
    fn mask(&self, batch: &RecordBatch) -> Result<Option<BooleanArray>, ParquetError> {
        let column = |index: usize| {
            self.read
                .binary_search(&index)
                .ok()
                .map(|at| batch.column(at))
        };
        let mut mask: Option<BooleanArray> = None;
        let mut add = |other: BooleanArray| -> Result<(), ParquetError> {
            mask = Some(match &mask {
                Some(mask) => compute::and(mask, &other)?,
                None => other,
            });
            Ok(())
        };
        if self.filter.has_times()
            && let Some(times) = column(layout::TIME)
        {
            let times = layout::expand_times(times)?;
            let times = times.as_primitive::<TimestampNanosecondType>();
            let matches = times
                .values()
                .iter()
                .map(|time| self.filter.matches_time(*time));
            add(matches.collect::<Vec<_>>().into())?;
        }
        if self.filter.devices.is_some()
            && let Some(devices) = column(layout::DEVICE)
        {
            let devices = devices.as_string_view();
            let matches = devices
                .iter()
                .map(|name| name.is_some_and(|name| self.filter.matches_device(name)));
            add(matches.collect::<Vec<_>>().into())?;
        }
        if self.segment.layout.names_series()
            && self.filter.sensors.is_some()
            && let Some(sensors) = column(layout::SENSOR)
        {
            let sensors = sensors.as_string_view();
            let matches = sensors
                .iter()
                .map(|name| name.is_some_and(|name| self.filter.matches_sensor(name)));
            add(matches.collect::<Vec<_>>().into())?;
        }
        Ok(mask.filter(|mask| mask.false_count() > 0))
    }
}

/// Adapts a file of the disk to the Parquet reader.
#[derive(Clone)]
struct DiskReader(Arc<dyn DiskFile>);

/// A position in it.
struct DiskCursor {
    file: Arc<dyn DiskFile>,
    offset: u64,
}

impl Read for DiskCursor {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(self.offset, buffer)?;
        self.offset += read as u64;
        Ok(read)
    }
}

impl Length for DiskReader {
    fn len(&self) -> u64 {
        self.0.len().unwrap_or(0)
    }
}

impl ChunkReader for DiskReader {
    type T = DiskCursor;

    fn get_read(&self, start: u64) -> Result<DiskCursor, ParquetError> {
        Ok(DiskCursor {
            file: self.0.clone(),
            offset: start,
        })
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes, ParquetError> {
        let mut bytes = vec![0; length];
        let read = self.0.read_at(start, &mut bytes)?;
        if read < length {
            return Err(ParquetError::EOF("the file ends early".to_owned()));
        }
        Ok(bytes.into())
    }
}
