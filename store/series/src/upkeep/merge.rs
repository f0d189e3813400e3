//! Merges files of one layout into one, device by device. In memory are one batch of
//! each file, the rows of one device, and the new file as encoded.
//!
//! Values keep their stored type: a column that is DECIMAL in all files stays DECIMAL,
//! with the finest of their scales.

mod types;

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::compute::interleave_record_batch;
use arrow::datatypes::{
    DataType, SchemaRef, TimeUnit, TimestampMicrosecondType, TimestampMillisecondType,
    TimestampNanosecondType,
};
use arrow::error::ArrowError;
use parquet::arrow::arrow_reader::ParquetRecordBatchReader;
use parquet::errors::ParquetError;

use crate::file::encode::{Encoded, Encoder};
use crate::file::layout::{self, Layout};
use crate::file::reader::{self, Footers};
use crate::file::rows::Rows;
use crate::file::segment::{Segment, SegmentError};
use crate::rollup::Aggregator;
use crate::rollup_step::RollupStep;
use types::{common_schema, convert};

/// Rows that are encoded at once.
const EMIT_ROWS: usize = if cfg!(test) { 32 } else { 32_768 };
/// Rows of a file that are in memory at once.
const BATCH_ROWS: usize = if cfg!(test) { 8 } else { 8_192 };

/// A merged file, encoded but not yet written.
pub(crate) struct Merged {
    pub(crate) encoded: Encoded,
    pub(crate) rollups: Vec<(RollupStep, RecordBatch)>,
}

/// Why files were not merged.
pub(crate) enum MergeError {
    /// This file cannot be read.
    Source(Arc<Segment>, SegmentError),
    Encode(ParquetError),
}

impl From<ParquetError> for MergeError {
    fn from(error: ParquetError) -> Self {
        Self::Encode(error)
    }
}

impl From<ArrowError> for MergeError {
    fn from(error: ArrowError) -> Self {
        Self::Encode(error.into())
    }
}

/// Merges files and creates the roll-ups of `steps`. Rows of one device and time keep
/// the order of the files.
pub(crate) fn merge(
    files: &[Arc<Segment>],
    footers: &Footers,
    steps: &[RollupStep],
) -> Result<Merged, MergeError> {
    let layout = files[0].layout.clone();
    let mut opened = Vec::with_capacity(files.len());
    for file in files {
        let (footer, rows) = reader::whole(file, footers, BATCH_ROWS)
            .map_err(|error| MergeError::Source(file.clone(), error))?;
        opened.push((file.clone(), footer, rows));
    }
    let schema = common_schema(&layout, opened.iter().map(|(_, footer, _)| footer));
    let mut merge = Merge {
        output: Encoder::new(&layout, &schema)?,
        rollups: steps
            .iter()
            .map(|step| (*step, Aggregator::new(*step)))
            .collect(),
        layout,
        schema,
        batches: Vec::new(),
        rows: Vec::with_capacity(EMIT_ROWS),
        files: Vec::with_capacity(opened.len()),
    };
    for (segment, _, reader) in opened {
        let mut file = File {
            segment,
            reader,
            batch: None,
        };
        merge.load(&mut file)?;
        merge.files.push(file);
    }
    merge.run()?;
    let rollups = merge
        .rollups
        .into_iter()
        .map(|(step, aggregator)| Ok((step, aggregator.finish()?)))
        .collect::<Result<Vec<_>, ArrowError>>()?;
    Ok(Merged {
        rollups,
        encoded: merge.output.finish()?,
    })
}

struct Merge {
    layout: Layout,
    /// The stored schema of the new file.
    schema: SchemaRef,
    files: Vec<File>,
    /// The batches of `rows`.
    batches: Vec<RecordBatch>,
    /// The next rows: batch and row.
    rows: Vec<(usize, usize)>,
    output: Encoder,
    rollups: Vec<(RollupStep, Aggregator)>,
}

struct File {
    segment: Arc<Segment>,
    reader: ParquetRecordBatchReader,
    /// `None` at its end.
    batch: Option<Place>,
}

/// A batch and the position in it.
#[derive(Clone, Copy)]
struct Place {
    batch: usize,
    row: usize,
}

/// A run of rows of one device in a batch.
struct Run {
    file: usize,
    batch: usize,
    start: usize,
    end: usize,
    first: i64,
    last: i64,
}

impl Merge {
    fn run(&mut self) -> Result<(), MergeError> {
        let mut files = std::mem::take(&mut self.files);
        let mut runs = Vec::new();
        while let Some(first) = self.first_device(&files) {
            let device = first.to_owned();
            for (number, file) in files.iter_mut().enumerate() {
                while let Some(mut run) = self.next_run(file, &device) {
                    let end = run.end;
                    run.file = number;
                    runs.push(run);
                    self.advance(file, end)?;
                }
            }
            self.take(&mut runs);
            if self.rows.len() >= EMIT_ROWS {
                self.emit(&mut files)?;
            }
        }
        self.emit(&mut files)
    }

    /// The first device at the current positions of the files.
    fn first_device(&self, files: &[File]) -> Option<&str> {
        let places = files.iter().filter_map(|file| file.batch);
        places
            .map(|place| self.device(place.batch, place.row))
            .min()
    }

    fn device(&self, batch: usize, row: usize) -> &str {
        let devices = self.batches[batch].column(layout::DEVICE);
        devices.as_string_view().value(row)
    }

    /// The rows of the device at the current position of a file, if any.
    fn next_run(&self, file: &File, device: &str) -> Option<Run> {
        let place = file.batch?;
        let devices = self.batches[place.batch]
            .column(layout::DEVICE)
            .as_string_view();
        // Rows are sorted: most runs are short, and the others end with the batch.
        let mut end = place.row;
        if devices.value(devices.len() - 1) == device {
            end = devices.len();
        } else {
            while end < devices.len() && devices.value(end) == device {
                end += 1;
            }
        }
        let time = |row| time_at(self.batches[place.batch].column(layout::TIME), row);
        (end > place.row).then(|| Run {
            file: 0,
            batch: place.batch,
            start: place.row,
            end,
            first: time(place.row),
            last: time(end - 1),
        })
    }

    fn advance(&mut self, file: &mut File, row: usize) -> Result<(), MergeError> {
        let Some(place) = &mut file.batch else {
            return Ok(());
        };
        place.row = row;
        if row == self.batches[place.batch].num_rows() {
            self.load(file)?;
        }
        Ok(())
    }

    /// Loads the next batch of a file, in the types of the new file.
    fn load(&mut self, file: &mut File) -> Result<(), MergeError> {
        file.batch = None;
        for batch in file.reader.by_ref() {
            let batch = batch.map_err(|error| {
                let error = file.segment.decode_failed(error.into());
                MergeError::Source(file.segment.clone(), error)
            })?;
            if batch.num_rows() == 0 {
                continue;
            }
            let columns = batch
                .columns()
                .iter()
                .zip(self.schema.fields())
                .map(|(column, field)| convert(column, field.data_type()));
            let columns = columns.collect::<Result<Vec<_>, _>>()?;
            self.batches
                .push(RecordBatch::try_new(self.schema.clone(), columns)?);
            file.batch = Some(Place {
                batch: self.batches.len() - 1,
                row: 0,
            });
            break;
        }
        Ok(())
    }

    /// Orders the runs of one device by time.
    fn take(&mut self, runs: &mut Vec<Run>) {
        let follow = |runs: &[Run]| runs.windows(2).all(|pair| pair[0].last < pair[1].first);
        if !follow(runs) {
            runs.sort_by_key(|run| run.first);
        }
        if follow(runs) {
            for run in runs.drain(..) {
                self.rows
                    .extend((run.start..run.end).map(|row| (run.batch, row)));
            }
            return;
        }
        // The runs overlap. Rows with equal times keep the order of the files.
        runs.sort_by_key(|run| (run.file, run.first));
        let mut rows: Vec<(i64, usize, usize)> = Vec::new();
        for run in runs.drain(..) {
            let times = self.batches[run.batch].column(layout::TIME);
            rows.extend((run.start..run.end).map(|row| (time_at(times, row), run.batch, row)));
        }
        rows.sort_by_key(|(time, _, _)| *time);
        self.rows
            .extend(rows.into_iter().map(|(_, batch, row)| (batch, row)));
    }

    /// Encodes the next rows and releases the merged batches.
    fn emit(&mut self, files: &mut [File]) -> Result<(), MergeError> {
        if !self.rows.is_empty() {
            let batches: Vec<&RecordBatch> = self.batches.iter().collect();
            let rows = interleave_record_batch(&batches, &self.rows)?;
            self.rows.clear();
            self.output.write(&rows)?;
            if !self.rollups.is_empty() {
                let rows = expanded(&self.layout, &rows)?;
                for (_, aggregator) in &mut self.rollups {
                    aggregator.add(&self.layout, &rows);
                }
            }
        }
        let mut kept = Vec::with_capacity(files.len());
        for place in files.iter_mut().filter_map(|file| file.batch.as_mut()) {
            kept.push(self.batches[place.batch].clone());
            place.batch = kept.len() - 1;
        }
        self.batches = kept;
        Ok(())
    }
}

/// Converts stored rows for the roll-ups.
fn expanded(layout: &Layout, rows: &RecordBatch) -> Result<Rows, ArrowError> {
    let column = |at: usize| Some(rows.column(at).clone());
    let first = layout.first_value();
    let value = |value: usize| {
        let cells = rows.column(first + value);
        let numbers = matches!(
            layout.schema().field(first + value).data_type(),
            DataType::Float64
        );
        Ok((
            value,
            Some(if numbers {
                layout::expand_numbers(cells)?
            } else {
                cells.clone()
            }),
        ))
    };
    Ok(Rows {
        count: rows.num_rows(),
        time: Some(layout::expand_times(rows.column(layout::TIME))?),
        device: column(layout::DEVICE),
        location: column(layout::LOCATION),
        flags: column(layout::FLAGS),
        series: layout.names_series().then(|| {
            [
                rows.column(layout::SENSOR).clone(),
                rows.column(layout::UNIT).clone(),
            ]
        }),
        values: (0..layout.values())
            .map(value)
            .collect::<Result<_, ArrowError>>()?,
    })
}

/// The times in their stored unit.
fn time_at(times: &ArrayRef, row: usize) -> i64 {
    match times.data_type() {
        DataType::Timestamp(TimeUnit::Millisecond, _) => {
            times.as_primitive::<TimestampMillisecondType>().value(row)
        }
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            times.as_primitive::<TimestampMicrosecondType>().value(row)
        }
        _ => times.as_primitive::<TimestampNanosecondType>().value(row),
    }
}

#[cfg(test)]
mod tests;
