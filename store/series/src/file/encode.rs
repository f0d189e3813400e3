//! Encodes rows as a Parquet file.
//!
//! A device with many rows has pages of its own. Times and values jump between two
//! devices, and a jump makes all deltas of its block wide: with pages per device a
//! file is 7 % smaller, and one device is read without another. Arrow's writer has
//! no control over where a page ends, so the columns of a row group are written one
//! by one. Times and decimals are packed by [`delta`].

mod delta;

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringViewArray};
use arrow::compute;
use arrow::datatypes::{
    DataType, Decimal32Type, Decimal64Type, Field, Float64Type, Schema, SchemaRef, TimeUnit,
    TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType, UInt16Type,
};
use parquet::arrow::ArrowSchemaConverter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::column::writer::{ColumnWriter, get_typed_column_writer_mut};
use parquet::data_type::{ByteArray, ByteArrayType, DoubleType, Int32Type, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::metadata::{KeyValue, SortingColumn};
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::{ColumnPath, SchemaDescriptor};
use weir_model::ValueKind;

use crate::file::layout::{self, Layout};

/// Version of the file layout, in the key-value metadata.
const FORMAT_VERSION: &str = "1";
const ROW_GROUP_ROWS: usize = 216_000;
/// Rows of a page that devices with few rows share.
const PAGE_ROWS: usize = 2_048;
/// Rows from which a device has pages of its own, and the most rows of such a page.
const OWN_PAGE_ROWS: usize = PAGE_ROWS / 4;
const MAX_PAGE_ROWS: usize = PAGE_ROWS * 2;

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
    let mut encoder = Encoder::new(layout, &schema)?;
    encoder.write(&RecordBatch::try_new(schema, columns)?)?;
    encoder.finish()
}

/// Encodes rows in their stored types, batch by batch.
pub(crate) struct Encoder {
    writer: SerializedFileWriter<Vec<u8>>,
    columns: SchemaDescriptor,
    properties: Arc<WriterProperties>,
    /// The pages of the next row group, and their number of rows.
    pages: Vec<RecordBatch>,
    page_rows: usize,
    first_value: usize,
    rows: u64,
    readings: Vec<u64>,
    min_time: i64,
    max_time: i64,
}

impl Encoder {
    /// `schema` is the layout's, with the stored types.
    pub(crate) fn new(layout: &Layout, schema: &SchemaRef) -> Result<Self, ParquetError> {
        let columns = ArrowSchemaConverter::new().convert(schema)?;
        let properties = Arc::new(properties(layout, schema));
        let (root, with) = (columns.root_schema_ptr(), properties.clone());
        Ok(Self {
            writer: SerializedFileWriter::new(Vec::new(), root, with)?,
            columns,
            properties,
            pages: Vec::new(),
            page_rows: 0,
            first_value: layout.first_value(),
            rows: 0,
            readings: vec![0; layout.values()],
            min_time: i64::MAX,
            max_time: i64::MIN,
        })
    }

    /// The rows must sort after those written before.
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
        for page in pages(rows.column(layout::DEVICE).as_string_view()) {
            if self.page_rows + page.len() > ROW_GROUP_ROWS {
                self.write_row_group()?;
            }
            self.page_rows += page.len();
            self.pages.push(rows.slice(page.start, page.len()));
        }
        Ok(())
    }

    fn write_row_group(&mut self) -> Result<(), ParquetError> {
        if self.pages.is_empty() {
            return Ok(());
        }
        let schema = self.pages[0].schema();
        let mut group = self.writer.next_row_group()?;
        for (column, field) in schema.fields().iter().enumerate() {
            let pages = self.pages.iter().map(|page| page.column(column));
            let mut pages: Vec<&dyn Array> = pages.map(AsRef::as_ref).collect();
            let whole;
            if matches!(column, layout::LOCATION | layout::FLAGS) {
                // The values hardly change: small pages would be mostly header.
                whole = compute::concat(&pages)?;
                pages = vec![&*whole];
            }
            let write = |writer: &mut ColumnWriter<'_>| {
                let mut pages = pages.iter();
                pages.try_for_each(|page| write_page(writer, *page, field.is_nullable()))
            };
            if is_packed(field.data_type()) {
                let descriptor = self.columns.column(column);
                let (bytes, closed) = delta::write_column(descriptor, &self.properties, write)?;
                group.append_column(&bytes, closed)?;
            } else {
                let mut writer = group.next_column()?.ok_or_else(|| {
                    ParquetError::General("a file has fewer columns than its schema".to_owned())
                })?;
                write(writer.untyped())?;
                writer.close()?;
            }
        }
        group.close()?;
        self.pages.clear();
        self.page_rows = 0;
        Ok(())
    }

    pub(crate) fn finish(mut self) -> Result<Encoded, ParquetError> {
        self.write_row_group()?;
        Ok(Encoded {
            bytes: self.writer.into_inner()?,
            rows: self.rows,
            readings: self.readings,
            min_time: self.min_time,
            max_time: self.max_time,
        })
    }
}

/// Page boundaries for rows that are sorted by device.
fn pages(devices: &StringViewArray) -> Vec<Range<usize>> {
    let mut pages = Vec::new();
    // Rows of devices that share a page, and of the current device.
    let (mut shared, mut run) = (0, 0);
    for end in 1..=devices.len() {
        if end < devices.len() && same(devices, end - 1, end) {
            continue;
        }
        if end - run >= OWN_PAGE_ROWS {
            pages.push(shared..run);
            let parts = (end - run).div_ceil(MAX_PAGE_ROWS);
            let cut = |part: usize| run + (end - run) * part / parts;
            pages.extend((0..parts).map(|part| cut(part)..cut(part + 1)));
            shared = end;
        } else if end - shared >= PAGE_ROWS {
            pages.push(shared..end);
            shared = end;
        }
        run = end;
    }
    pages.push(shared..devices.len());
    pages.retain(|page| !page.is_empty());
    pages
}

fn same(texts: &StringViewArray, a: usize, b: usize) -> bool {
    let views = texts.views();
    views[a] == views[b] || texts.value(a) == texts.value(b)
}

/// Writes one page of a column with one call of the writer.
fn write_page(
    writer: &mut ColumnWriter<'_>,
    column: &dyn Array,
    nullable: bool,
) -> Result<(), ParquetError> {
    // Definition levels of a nullable column: 1 for a value, 0 for a gap.
    let levels: Option<Vec<i16>> = nullable.then(|| match column.logical_nulls() {
        Some(nulls) => nulls.iter().map(i16::from).collect(),
        None => vec![1; column.len()],
    });
    let levels = levels.as_deref();
    macro_rules! numbers {
        ($arrow:ty, $parquet:ty) => {{
            let array = column.as_primitive::<$arrow>();
            let writer = get_typed_column_writer_mut::<$parquet>(writer);
            if array.null_count() == 0 {
                writer.write_batch(array.values(), levels, None)
            } else {
                let filled: Vec<_> = array.iter().flatten().collect();
                writer.write_batch(&filled, levels, None)
            }
        }};
    }
    match column.data_type() {
        DataType::Utf8View => {
            let texts = texts(column.as_string_view());
            get_typed_column_writer_mut::<ByteArrayType>(writer).write_batch(&texts, levels, None)
        }
        DataType::UInt16 => {
            let flags = column.as_primitive::<UInt16Type>();
            let flags: Vec<i32> = flags.values().iter().copied().map(i32::from).collect();
            get_typed_column_writer_mut::<Int32Type>(writer).write_batch(&flags, levels, None)
        }
        DataType::Float64 => numbers!(Float64Type, DoubleType),
        DataType::Decimal32(..) => numbers!(Decimal32Type, Int32Type),
        DataType::Decimal64(..) => numbers!(Decimal64Type, Int64Type),
        DataType::Timestamp(TimeUnit::Millisecond, _) => {
            numbers!(TimestampMillisecondType, Int64Type)
        }
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            numbers!(TimestampMicrosecondType, Int64Type)
        }
        DataType::Timestamp(TimeUnit::Nanosecond, _) => {
            numbers!(TimestampNanosecondType, Int64Type)
        }
        other => Err(ParquetError::NYI(format!("a column of {other}"))),
    }?;
    Ok(())
}

/// The non-null texts; repeated texts are shared.
fn texts(column: &StringViewArray) -> Vec<ByteArray> {
    let mut texts: Vec<ByteArray> = Vec::with_capacity(column.len());
    let mut before = None;
    for row in 0..column.len() {
        if column.is_null(row) {
            continue;
        }
        let text = match (before, texts.last()) {
            (Some(before), Some(last)) if same(column, before, row) => last.clone(),
            _ => ByteArray::from(column.value(row)),
        };
        texts.push(text);
        before = Some(row);
    }
    texts
}

fn is_packed(kind: &DataType) -> bool {
    matches!(
        kind,
        DataType::Timestamp(..) | DataType::Decimal32(..) | DataType::Decimal64(..)
    )
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
        // Makes a page end after each call.
        .set_data_page_row_count_limit(1)
        .set_write_batch_size(ROW_GROUP_ROWS)
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_sorting_columns(Some(sorting.collect()))
        .set_key_value_metadata(Some(metadata));
    for (index, field) in schema.fields().iter().enumerate() {
        let path = || ColumnPath::new(vec![field.name().clone()]);
        if index == layout::DEVICE || index == layout::TIME {
            properties = properties.set_column_statistics_enabled(path(), EnabledStatistics::Page);
        }
        if is_packed(field.data_type()) {
            properties = delta::properties(properties, &path());
        }
    }
    properties.build()
}

#[cfg(test)]
mod tests;
