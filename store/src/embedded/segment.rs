//! A Parquet file of rows: how it is made, and how it is known to be sound.
//!
//! A file never changes. It is made in memory, written at once, and its length
//! and CRC32C stand in the manifest. The checksum is compared when the file is
//! first used, so a flipped bit is found before a wrong value is served.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::compute;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimestampNanosecondType};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::metadata::{KeyValue, SortingColumn};
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;
use thiserror::Error;
use weir_disk::Disk;
use weir_model::ValueKind;

use super::layout::{self, Layout};
use super::manifest::FileEntry;

/// The version of the layout of files, in their key-value metadata.
const FORMAT_VERSION: &str = "1";
const ROW_GROUP_ROWS: usize = 216_000;
/// A page is what is read for one device's hour.
const PAGE_ROWS: usize = 2_048;
const READ_BYTES: usize = 1 << 20;

const UNKNOWN: u8 = 0;
const SOUND: u8 = 1;
const DAMAGED: u8 = 2;

/// Why a file could not be read or made.
#[derive(Debug, Error)]
pub(crate) enum SegmentError {
    /// It is not what the manifest says: shorter, changed or gone.
    #[error("the file {path} is damaged: {found}")]
    Damaged { path: PathBuf, found: Damage },
    #[error("cannot read {path}: {source}")]
    Io { path: PathBuf, source: io::Error },
    #[error("cannot decode {path}: {source}")]
    Decode { path: PathBuf, source: ParquetError },
    #[error(transparent)]
    Encode(#[from] ParquetError),
}

#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub(crate) enum Damage {
    #[error("it is missing")]
    Missing,
    #[error("it has {found} bytes instead of {expected}")]
    Length { found: u64, expected: u64 },
    #[error("its checksum is {found:08x} instead of {expected:08x}")]
    Checksum { found: u32, expected: u32 },
}

/// A file, encoded but not yet written.
#[derive(Debug)]
pub(crate) struct Encoded {
    pub(crate) bytes: Vec<u8>,
    pub(crate) rows: u64,
    /// Cells that are not gaps, per column of values.
    pub(crate) readings: Vec<u64>,
    pub(crate) min_time: i64,
    pub(crate) max_time: i64,
}

/// Encodes rows that are sorted by device and time. `rows` has the layout's
/// schema and is not empty.
pub(crate) fn encode(layout: &Layout, rows: &RecordBatch) -> Result<Encoded, ParquetError> {
    let mut columns: Vec<ArrayRef> = rows.columns().to_vec();
    columns[layout::TIME] = layout::shrink_times(&columns[layout::TIME]);
    let first = layout.first_value();
    for value in 0..layout.values() {
        if layout.kind(value) == ValueKind::Number {
            columns[first + value] = layout::shrink_numbers(&columns[first + value]);
        }
    }
    let before = rows.schema();
    let fields = before.fields().iter().zip(&columns).map(|(field, column)| {
        Field::new(
            field.name(),
            column.data_type().clone(),
            field.is_nullable(),
        )
    });
    let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    let mut encoder = Encoder::new(layout, schema.clone())?;
    encoder.write(&RecordBatch::try_new(schema, columns)?)?;
    encoder.finish()
}

/// Encodes rows, batch by batch, in the types that they are stored in.
pub(crate) struct Encoder {
    writer: ArrowWriter<Vec<u8>>,
    first_value: usize,
    rows: u64,
    readings: Vec<u64>,
    min_time: i64,
    max_time: i64,
}

impl Encoder {
    /// The schema is the layout's, with the types that columns are stored in.
    pub(crate) fn new(layout: &Layout, schema: SchemaRef) -> Result<Self, ParquetError> {
        let options = ArrowWriterOptions::new()
            .with_properties(properties(layout, &schema))
            .with_skip_arrow_metadata(true);
        Ok(Self {
            writer: ArrowWriter::try_new_with_options(Vec::new(), schema, options)?,
            first_value: layout.first_value(),
            rows: 0,
            readings: vec![0; layout.values()],
            min_time: i64::MAX,
            max_time: i64::MIN,
        })
    }

    /// Sorted behind what was written before.
    pub(crate) fn write(&mut self, rows: &RecordBatch) -> Result<(), ParquetError> {
        let times = layout::expand_times(rows.column(layout::TIME))?;
        let times = times.as_primitive::<TimestampNanosecondType>();
        self.min_time = self.min_time.min(compute::min(times).unwrap_or(i64::MAX));
        self.max_time = self.max_time.max(compute::max(times).unwrap_or(i64::MIN));
        let values = &rows.columns()[self.first_value..];
        for (readings, column) in self.readings.iter_mut().zip(values) {
            *readings += (column.len() - column.null_count()) as u64;
        }
        self.rows += rows.num_rows() as u64;
        self.writer.write(rows)
    }

    pub(crate) fn finish(self) -> Result<Encoded, ParquetError> {
        Ok(Encoded {
            bytes: self.writer.into_inner()?,
            rows: self.rows,
            readings: self.readings,
            min_time: self.min_time,
            max_time: self.max_time,
        })
    }
}

fn properties(layout: &Layout, schema: &Schema) -> WriterProperties {
    let metadata = vec![
        KeyValue::new("weir.format".to_owned(), FORMAT_VERSION.to_owned()),
        KeyValue::new("weir.columns".to_owned(), layout.describe()),
    ];
    let order: &[usize] = match layout {
        Layout::Rollup => &[layout::DEVICE, layout::SENSOR],
        _ => &[layout::DEVICE, layout::TIME],
    };
    let sorting = order.iter().map(|column| SortingColumn {
        column_idx: i32::try_from(*column).expect("it is one of the first"),
        descending: false,
        nulls_first: false,
    });
    let mut properties = WriterProperties::builder()
        .set_created_by(concat!("weir ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .set_data_page_row_count_limit(PAGE_ROWS)
        .set_write_batch_size(PAGE_ROWS)
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_sorting_columns(Some(sorting.collect()))
        .set_key_value_metadata(Some(metadata));
    for (index, field) in schema.fields().iter().enumerate() {
        let path = || ColumnPath::new(vec![field.name().clone()]);
        if index == layout::DEVICE || index == layout::TIME {
            properties = properties.set_column_statistics_enabled(path(), EnabledStatistics::Page);
        }
        let delta = matches!(
            field.data_type(),
            DataType::Timestamp(..) | DataType::Decimal32(..) | DataType::Decimal64(..)
        );
        if delta {
            properties = properties
                .set_column_dictionary_enabled(path(), false)
                .set_column_encoding(path(), Encoding::DELTA_BINARY_PACKED);
        }
    }
    properties.build()
}

/// A file that the manifest names.
#[derive(Debug)]
pub(crate) struct Segment {
    pub(crate) entry: FileEntry,
    pub(crate) layout: Layout,
    pub(crate) path: PathBuf,
    pub(crate) disk: Arc<dyn Disk>,
    state: AtomicU8,
    doomed: AtomicBool,
}

impl Segment {
    pub(crate) fn new(disk: Arc<dyn Disk>, dir: &Path, entry: FileEntry, layout: Layout) -> Self {
        let path = dir.join(entry.name());
        let (state, doomed) = (AtomicU8::new(UNKNOWN), AtomicBool::new(false));
        Self {
            entry,
            layout,
            path,
            disk,
            state,
            doomed,
        }
    }

    /// It is in no manifest any more: removed as soon as no query reads it.
    pub(crate) fn doom(&self) {
        self.doomed.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_damaged(&self) -> bool {
        self.state.load(Ordering::Relaxed) == DAMAGED
    }

    /// It was written by this process and synced: there is nothing to verify.
    pub(crate) fn written(&self) {
        self.state.store(SOUND, Ordering::Relaxed);
    }

    /// Only its presence and length: what can be told without reading it.
    pub(crate) fn verify_length(&self) -> Result<(), SegmentError> {
        let file = self
            .disk
            .open(&self.path)
            .map_err(|source| self.missing_or_io(source))?;
        let found = file.len().map_err(|source| self.io(source))?;
        if found != self.entry.bytes {
            return Err(self.damaged(Damage::Length {
                found,
                expected: self.entry.bytes,
            }));
        }
        Ok(())
    }

    /// Reads it whole and compares the checksum, the first time.
    pub(crate) fn verify(&self) -> Result<(), SegmentError> {
        match self.state.load(Ordering::Relaxed) {
            SOUND => return Ok(()),
            DAMAGED => return Err(self.damaged(Damage::Missing)),
            _ => {}
        }
        self.verify_length()?;
        let file = self
            .disk
            .open(&self.path)
            .map_err(|source| self.missing_or_io(source))?;
        let mut buffer = vec![0; READ_BYTES];
        let (mut offset, mut found) = (0, 0);
        loop {
            let read = file
                .read_at(offset, &mut buffer)
                .map_err(|source| self.io(source))?;
            if read == 0 {
                break;
            }
            found = crc32c::crc32c_append(found, &buffer[..read]);
            offset += read as u64;
        }
        if found != self.entry.crc32c {
            return Err(self.damaged(Damage::Checksum {
                found,
                expected: self.entry.crc32c,
            }));
        }
        self.state.store(SOUND, Ordering::Relaxed);
        Ok(())
    }

    /// Takes it out of service and renames it. True for the one call that did it.
    pub(crate) fn set_aside(&self) -> bool {
        if self.state.swap(DAMAGED, Ordering::Relaxed) == DAMAGED {
            return false;
        }
        let aside = self.path.with_added_extension("damaged");
        if let Err(error) = self.disk.rename(&self.path, &aside)
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(path = %self.path.display(), %error, "cannot rename a damaged file");
        }
        true
    }

    /// A file that no longer decodes is looked at again: what was sound when it
    /// was first used may have changed since.
    pub(crate) fn decode_failed(&self, source: ParquetError) -> SegmentError {
        let (old, new) = (SOUND, UNKNOWN);
        let _ = self
            .state
            .compare_exchange(old, new, Ordering::Relaxed, Ordering::Relaxed);
        match self.verify() {
            Err(damaged) => damaged,
            Ok(()) => SegmentError::Decode {
                path: self.path.clone(),
                source,
            },
        }
    }

    fn damaged(&self, found: Damage) -> SegmentError {
        SegmentError::Damaged {
            path: self.path.clone(),
            found,
        }
    }

    pub(crate) fn io(&self, source: io::Error) -> SegmentError {
        SegmentError::Io {
            path: self.path.clone(),
            source,
        }
    }

    pub(crate) fn missing_or_io(&self, source: io::Error) -> SegmentError {
        match source.kind() {
            io::ErrorKind::NotFound => self.damaged(Damage::Missing),
            _ => self.io(source),
        }
    }
}

impl Drop for Segment {
    fn drop(&mut self) {
        if self.doomed.load(Ordering::Relaxed)
            && let Err(error) = self.disk.remove(&self.path)
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(path = %self.path.display(), %error, "cannot remove an old file");
        }
    }
}
