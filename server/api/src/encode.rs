//! Record batches as bytes of the format that the client accepts.

use std::borrow::Cow;
use std::io::{self, Write};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema};
use arrow::error::ArrowError;
use arrow::ipc::writer::StreamWriter;
use arrow::json::WriterBuilder as JsonBuilder;
use arrow::json::writer::{JsonArray, LineDelimited, Writer as JsonWriter};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use arrow::util::pretty::pretty_format_batches;
use axum::http::{HeaderMap, header};
use parking_lot::Mutex;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;

use crate::csv;

/// Times as RFC 3339 with nanoseconds. A time without a zone is in UTC.
const TIME_FORMAT: &str = "%Y-%m-%dT%H:%M:%S%.9fZ";
/// Times of a column with another zone than UTC, with their offset.
const ZONED_FORMAT: &str = "%Y-%m-%dT%H:%M:%S%.9f%:z";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Json,
    JsonLines,
    Csv,
    ArrowStream,
    Parquet,
    /// A table for people. All of it waits in memory, so it has a limit of its own.
    Pretty,
}

/// Rows of a table for people.
const MAX_PRETTY_ROWS: usize = 10_000;
/// A row group is written once it takes so many bytes, so that a long result is
/// never in memory as a whole.
const ROW_GROUP_BYTES: usize = 8 << 20;

impl Format {
    /// What `Accept` can ask for.
    const ALL: [Self; 6] = [
        Self::Json,
        Self::JsonLines,
        Self::Csv,
        Self::ArrowStream,
        Self::Parquet,
        Self::Pretty,
    ];

    /// As InfluxDB 3 names them.
    pub(crate) fn by_name(name: &str) -> Option<Self> {
        Some(match name {
            "json" => Self::Json,
            "jsonl" | "json_lines" => Self::JsonLines,
            "csv" => Self::Csv,
            "parquet" => Self::Parquet,
            "pretty" => Self::Pretty,
            _ => return None,
        })
    }

    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::JsonLines => "application/jsonl",
            Self::Csv => "text/csv; charset=utf-8",
            Self::ArrowStream => "application/vnd.apache.arrow.stream",
            Self::Parquet => "application/vnd.apache.parquet",
            Self::Pretty => "text/plain; charset=utf-8",
        }
    }

    fn accepts(self, media_type: &str) -> bool {
        match self {
            Self::Json => matches!(media_type, "application/json" | "application/*" | "*/*"),
            Self::JsonLines => matches!(
                media_type,
                "application/jsonl" | "application/x-ndjson" | "application/ndjson"
            ),
            Self::Csv => matches!(media_type, "text/csv" | "text/*"),
            Self::ArrowStream => media_type == "application/vnd.apache.arrow.stream",
            Self::Parquet => matches!(
                media_type,
                "application/vnd.apache.parquet" | "application/parquet"
            ),
            Self::Pretty => media_type == "text/plain",
        }
    }

    /// The first media type of `Accept` that there is; JSON without one. Weights
    /// are ignored: clients of this interface name one type.
    pub(crate) fn negotiate(headers: &HeaderMap) -> Option<Self> {
        let Some(accept) = headers.get(header::ACCEPT) else {
            return Some(Self::Json);
        };
        let accept = accept.to_str().ok()?.to_ascii_lowercase();
        let mut types = accept
            .split(',')
            .map(|item| item.split(';').next().unwrap_or("").trim());
        types.find_map(|wanted| Self::ALL.into_iter().find(|format| format.accepts(wanted)))
    }
}

/// The writers of arrow own their output; this lets us take what they wrote so far.
#[derive(Clone, Debug, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

enum Writer {
    Json(JsonWriter<Shared, JsonArray>),
    JsonLines(JsonWriter<Shared, LineDelimited>),
    Csv(FormatOptions<'static>),
    Arrow(Box<StreamWriter<Shared>>),
    Parquet(Box<ArrowWriter<Shared>>),
    Pretty(Vec<RecordBatch>, Arc<Schema>),
}

/// Encodes a stream of batches piece by piece.
pub(crate) struct Encoder {
    writer: Writer,
    output: Shared,
    /// The names of the columns, until they are written.
    csv_header: Option<Arc<Schema>>,
}

impl Encoder {
    pub(crate) fn new(format: Format, schema: &Arc<Schema>) -> Result<Self, ArrowError> {
        let output = Shared::default();
        // The writers have one format for all columns with a zone; columns that are not
        // nested are written in their own (`with_offsets`).
        let is_nested = |kind: &DataType| !matches!(kind, DataType::Timestamp(..));
        let mut kinds = schema.fields().iter().map(|field| field.data_type());
        let zoned = if kinds.any(|kind| is_nested(kind) && !is_utc(kind)) {
            ZONED_FORMAT
        } else {
            TIME_FORMAT
        };
        let json = || {
            JsonBuilder::new()
                .with_explicit_nulls(true)
                .with_timestamp_format(TIME_FORMAT.to_owned())
                .with_timestamp_tz_format(zoned.to_owned())
        };
        let writer = match format {
            Format::Json => Writer::Json(json().build(output.clone())),
            Format::JsonLines => Writer::JsonLines(json().build(output.clone())),
            Format::Csv => Writer::Csv(
                FormatOptions::new()
                    .with_timestamp_format(Some(TIME_FORMAT))
                    .with_timestamp_tz_format(Some(zoned)),
            ),
            Format::ArrowStream => {
                Writer::Arrow(Box::new(StreamWriter::try_new(output.clone(), schema)?))
            }
            Format::Parquet => {
                let properties = WriterProperties::builder()
                    .set_compression(Compression::ZSTD(ZstdLevel::default()))
                    .build();
                let writer =
                    ArrowWriter::try_new(output.clone(), schema.clone(), Some(properties))?;
                Writer::Parquet(Box::new(writer))
            }
            Format::Pretty => Writer::Pretty(Vec::new(), schema.clone()),
        };
        let csv_header = (format == Format::Csv).then(|| schema.clone());
        Ok(Self {
            writer,
            output,
            csv_header,
        })
    }

    pub(crate) fn write(&mut self, batch: &RecordBatch) -> Result<Vec<u8>, ArrowError> {
        match &mut self.writer {
            Writer::Json(writer) => {
                let batch = with_offsets(batch)?;
                writer.write(&batch)?;
            }
            Writer::JsonLines(writer) => {
                let batch = with_offsets(batch)?;
                writer.write(&batch)?;
            }
            Writer::Csv(options) => {
                let batch = with_offsets(batch)?;
                let mut text = String::new();
                if let Some(schema) = self.csv_header.take() {
                    csv::header(&schema, &mut text);
                }
                csv::rows(&batch, options, &mut text)?;
                return Ok(text.into_bytes());
            }
            Writer::Arrow(writer) => writer.write(batch)?,
            Writer::Parquet(writer) => {
                writer.write(batch)?;
                if writer.in_progress_size() > ROW_GROUP_BYTES {
                    writer.flush()?;
                }
            }
            Writer::Pretty(batches, _) => {
                batches.push(batch.clone());
                if batches.iter().map(RecordBatch::num_rows).sum::<usize>() > MAX_PRETTY_ROWS {
                    return Err(ArrowError::MemoryError(format!(
                        "a table for people has at most {MAX_PRETTY_ROWS} rows: add a LIMIT, or ask \
                         for another format"
                    )));
                }
            }
        }
        Ok(std::mem::take(&mut *self.output.0.lock()))
    }

    pub(crate) fn finish(mut self) -> Result<Vec<u8>, ArrowError> {
        if let Some(schema) = self.csv_header.take() {
            let mut header = String::new();
            csv::header(&schema, &mut header);
            return Ok(header.into_bytes());
        }
        match &mut self.writer {
            Writer::Json(writer) => writer.finish()?,
            Writer::JsonLines(writer) => writer.finish()?,
            Writer::Csv(_) => {}
            Writer::Arrow(writer) => writer.finish()?,
            Writer::Parquet(writer) => drop(writer.finish()?),
            Writer::Pretty(batches, schema) => {
                if batches.is_empty() {
                    batches.push(RecordBatch::new_empty(schema.clone()));
                }
                let text = pretty_format_batches(batches)?.to_string();
                return Ok((text + "\n").into_bytes());
            }
        }
        Ok(std::mem::take(&mut *self.output.0.lock()))
    }
}

/// The batch with the times of other zones than UTC as text with their offset.
fn with_offsets(batch: &RecordBatch) -> Result<Cow<'_, RecordBatch>, ArrowError> {
    let schema = batch.schema();
    let is_zoned = |kind: &DataType| matches!(kind, DataType::Timestamp(..)) && !is_utc(kind);
    if !schema
        .fields()
        .iter()
        .any(|field| is_zoned(field.data_type()))
    {
        return Ok(Cow::Borrowed(batch));
    }
    let options = FormatOptions::new().with_timestamp_tz_format(Some(ZONED_FORMAT));
    let (mut fields, mut columns): (_, Vec<ArrayRef>) = (Vec::new(), Vec::new());
    for (field, column) in schema.fields().iter().zip(batch.columns()) {
        if !is_zoned(field.data_type()) {
            fields.push(Arc::clone(field));
            columns.push(Arc::clone(column));
            continue;
        }
        let formatter = ArrayFormatter::try_new(column.as_ref(), &options)?;
        let texts = (0..column.len()).map(|row| {
            column
                .is_valid(row)
                .then(|| formatter.value(row).to_string())
        });
        fields.push(Arc::new(Field::new(field.name(), DataType::Utf8, true)));
        columns.push(Arc::new(texts.collect::<StringArray>()));
    }
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).map(Cow::Owned)
}

/// Whether no time in a value of this type is of another zone than UTC.
fn is_utc(kind: &DataType) -> bool {
    match kind {
        DataType::Timestamp(_, Some(zone)) => {
            matches!(&**zone, "UTC" | "utc" | "Z" | "+00:00" | "+00")
        }
        DataType::List(field)
        | DataType::LargeList(field)
        | DataType::FixedSizeList(field, _)
        | DataType::Map(field, _) => is_utc(field.data_type()),
        DataType::Struct(fields) => fields.iter().all(|field| is_utc(field.data_type())),
        DataType::Dictionary(_, values) => is_utc(values),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{Float64Array, TimestampNanosecondArray};
    use arrow::datatypes::TimeUnit;

    use super::*;

    fn batch() -> RecordBatch {
        let time = DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into()));
        let schema = Schema::new(vec![
            Field::new("time", time, false),
            Field::new("device", DataType::Utf8, false),
            Field::new("value", DataType::Float64, true),
        ]);
        let times = TimestampNanosecondArray::from(vec![1_700_000_000_000_000_001, 0]);
        RecordBatch::try_new(
            Arc::new(schema),
            vec![
                Arc::new(times.with_timezone("UTC")),
                Arc::new(StringArray::from(vec!["a,\"b", "c"])),
                Arc::new(Float64Array::from(vec![Some(1.5), None])),
            ],
        )
        .unwrap()
    }

    fn encode(format: Format, batches: &[RecordBatch]) -> String {
        let schema = batch().schema();
        let mut encoder = Encoder::new(format, &schema).unwrap();
        let mut bytes = Vec::new();
        for batch in batches {
            bytes.extend(encoder.write(batch).unwrap());
        }
        bytes.extend(encoder.finish().unwrap());
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn json_is_an_array_of_rows_with_nanoseconds() {
        assert_eq!(
            encode(Format::Json, &[batch()]),
            concat!(
                r#"[{"time":"2023-11-14T22:13:20.000000001Z","device":"a,\"b","value":1.5},"#,
                r#"{"time":"1970-01-01T00:00:00.000000000Z","device":"c","value":null}]"#
            )
        );
        assert_eq!(encode(Format::Json, &[]), "[]");
        assert_eq!(encode(Format::JsonLines, &[]), "");
    }

    #[test]
    fn times_of_another_zone_have_its_offset() {
        let zone: Arc<str> = "Europe/Brussels".into();
        let kind = |zone: &str| DataType::Timestamp(TimeUnit::Nanosecond, Some(zone.into()));
        let schema = Arc::new(Schema::new(vec![
            Field::new("time", kind("UTC"), false),
            Field::new("l", kind(&zone), false),
        ]));
        // Half an hour before and after the end of summer time.
        let times = vec![1_792_888_200_000_000_000, 1_792_891_800_000_000_000];
        let column = |zone: &str| {
            let times = TimestampNanosecondArray::from(times.clone());
            Arc::new(times.with_timezone(zone))
        };
        let batch =
            RecordBatch::try_new(schema.clone(), vec![column("UTC"), column(&zone)]).unwrap();
        for format in [Format::Json, Format::JsonLines, Format::Csv] {
            let mut encoder = Encoder::new(format, &schema).unwrap();
            let mut bytes = encoder.write(&batch).unwrap();
            bytes.extend(encoder.finish().unwrap());
            let text = String::from_utf8(bytes).unwrap();
            for expect in [
                "2026-10-25T00:30:00.000000000Z",
                "2026-10-25T02:30:00.000000000+02:00",
                "2026-10-25T01:30:00.000000000Z",
                "2026-10-25T02:30:00.000000000+01:00",
            ] {
                assert!(text.contains(expect), "{format:?}: {text}");
            }
        }
    }

    #[test]
    fn csv_has_a_header_also_without_rows() {
        assert_eq!(encode(Format::Csv, &[]), "time,device,value\n");
        assert_eq!(
            encode(Format::Csv, &[batch()]),
            concat!(
                "time,device,value\n",
                "2023-11-14T22:13:20.000000001Z,\"a,\"\"b\",1.5\n",
                "1970-01-01T00:00:00.000000000Z,c,\n"
            )
        );
    }

    #[test]
    fn the_first_known_type_of_accept_wins() {
        let negotiate = |accept: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT, accept.parse().unwrap());
            Format::negotiate(&headers)
        };
        assert_eq!(Format::negotiate(&HeaderMap::new()), Some(Format::Json));
        assert_eq!(negotiate("*/*"), Some(Format::Json));
        assert_eq!(negotiate("text/html, text/csv;q=0.9"), Some(Format::Csv));
        assert_eq!(negotiate("application/x-ndjson"), Some(Format::JsonLines));
        assert_eq!(negotiate("image/png"), None);
    }
}
