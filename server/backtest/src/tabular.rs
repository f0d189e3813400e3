//! The three forms of files: CSV, JSON lines, Parquet.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use anyhow::{Context, Result, bail};
use arrow::array::{Array, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type, Int64Type, TimeUnit, TimestampNanosecondType};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::Value;
use weir_model::Timestamp;

use super::instant;
use super::rows::{Field, Parts, Sink, check_fields, without_guard};

fn instant_of(text: &str) -> Result<Timestamp> {
    instant::parse(text)
        .with_context(|| format!("{text:?} is no time; understood are {}", instant::FORMS))
}

/// Comma-separated, with a header.
pub(super) fn csv(path: &Path, sink: &mut Sink<'_>) -> Result<()> {
    let mut reader = csv::ReaderBuilder::new().from_path(path)?;
    let names: Vec<String> = reader.headers()?.iter().map(str::to_owned).collect();
    let fields: Vec<Option<Field>> = names.iter().map(|name| Field::of(name)).collect();
    check_fields(&names, &fields)?;
    let mut record = csv::StringRecord::new();
    while reader.read_record(&mut record)? {
        let mut parts = Parts::default();
        let mut time = "";
        for (field, cell) in fields.iter().zip(&record) {
            let cell = cell.trim();
            match field {
                Some(Field::Time) => time = cell,
                Some(Field::Value) => parts.number = number_of(cell),
                Some(Field::Text) => parts.text = without_guard(cell),
                Some(Field::Device) => parts.device = without_guard(cell),
                Some(Field::Sensor) => parts.sensor = without_guard(cell),
                Some(Field::Unit) => parts.unit = without_guard(cell),
                Some(Field::Location) => parts.location = without_guard(cell),
                None => {}
            }
        }
        let line = record.position().map_or(0, csv::Position::line);
        let time = instant_of(time).with_context(|| format!("line {line}"))?;
        sink.push(time, parts)?;
    }
    Ok(())
}

fn number_of(text: &str) -> Option<f64> {
    match text {
        "true" => Some(1.0),
        "false" => Some(0.0),
        text => text.parse().ok(),
    }
}

/// An object a line.
pub(super) fn jsonl(path: &Path, sink: &mut Sink<'_>) -> Result<()> {
    for (nth, line) in BufReader::new(File::open(path)?).lines().enumerate() {
        let line = line?;
        if !line.trim().is_empty() {
            object(&line, sink).with_context(|| format!("line {}", nth + 1))?;
        }
    }
    Ok(())
}

fn object(line: &str, sink: &mut Sink<'_>) -> Result<()> {
    let members: serde_json::Map<String, Value> =
        serde_json::from_str(line).context("it is no JSON object")?;
    let mut parts = Parts::default();
    let mut time = None;
    for (name, value) in &members {
        let text = value.as_str().unwrap_or_default();
        match Field::of(name) {
            Some(Field::Time) => {
                time = Some(match value {
                    Value::String(text) => instant_of(text)?,
                    other => instant_of(&other.to_string())?,
                });
            }
            Some(Field::Value) => match value {
                Value::Bool(truth) => parts.number = Some(f64::from(u8::from(*truth))),
                Value::String(text) => parts.text = text,
                other => parts.number = other.as_f64(),
            },
            Some(Field::Text) if !text.is_empty() => parts.text = text,
            Some(Field::Device) => parts.device = text,
            Some(Field::Sensor) => parts.sensor = text,
            Some(Field::Unit) => parts.unit = text,
            Some(Field::Location) => parts.location = text,
            Some(Field::Text) | None => {}
        }
    }
    let Some(time) = time else {
        bail!("there is neither time nor timestamp");
    };
    sink.push(time, parts)
}

/// As `POST /api/v1/query` exports it.
pub(super) fn parquet(path: &Path, sink: &mut Sink<'_>) -> Result<()> {
    let file = File::open(path)?;
    let reader = ParquetRecordBatchReaderBuilder::try_new(file)?
        .with_batch_size(8_192)
        .build()?;
    for batch in reader {
        record_batch(&batch?, sink)?;
    }
    Ok(())
}

/// The columns of one batch, by their names.
pub(super) fn record_batch(batch: &RecordBatch, sink: &mut Sink<'_>) -> Result<()> {
    let schema = batch.schema();
    let names: Vec<String> = schema.fields().iter().map(|f| f.name().clone()).collect();
    let fields: Vec<Option<Field>> = names.iter().map(|name| Field::of(name)).collect();
    check_fields(&names, &fields)?;
    let column = |field| {
        let at = fields.iter().position(|found| *found == Some(field));
        at.map(|at| batch.column(at))
    };
    let texts = |field| {
        let column = column(field).map(|column| cast(column, &DataType::Utf8));
        column.transpose().context("a column is no text")
    };
    let times = column(Field::Time).context("there is no time")?;
    let times = match times.data_type() {
        DataType::Timestamp(..) => cast(times, &DataType::Timestamp(TimeUnit::Nanosecond, None))?,
        kind if kind.is_integer() => cast(times, &DataType::Int64)?,
        _ => cast(times, &DataType::Utf8)?,
    };
    let values = cast(
        column(Field::Value).context("there is no value")?,
        &DataType::Float64,
    )
    .context("the values are no numbers")?;
    let values = values.as_primitive::<Float64Type>();
    let (devices, sensors) = (texts(Field::Device)?, texts(Field::Sensor)?);
    let (units, locations) = (texts(Field::Unit)?, texts(Field::Location)?);
    let notes = texts(Field::Text)?;
    for row in 0..batch.num_rows() {
        let text = |column: &'_ Option<arrow::array::ArrayRef>| -> String {
            let column = column.as_ref().map(|column| column.as_string::<i32>());
            let cell = column.filter(|column| column.is_valid(row));
            cell.map_or_else(String::new, |column| column.value(row).to_owned())
        };
        if times.is_null(row) {
            bail!("row {row} has no time");
        }
        let time = match times.data_type() {
            DataType::Timestamp(..) => {
                Timestamp(times.as_primitive::<TimestampNanosecondType>().value(row))
            }
            DataType::Int64 => {
                let count = times.as_primitive::<Int64Type>().value(row);
                instant::from_number(count).with_context(|| format!("{count} is no time"))?
            }
            _ => instant_of(times.as_string::<i32>().value(row))?,
        };
        let (device, sensor) = (text(&devices), text(&sensors));
        let (unit, location, note) = (text(&units), text(&locations), text(&notes));
        sink.push(
            time,
            Parts {
                device: &device,
                sensor: &sensor,
                unit: &unit,
                location: &location,
                text: &note,
                number: values.is_valid(row).then(|| values.value(row)),
            },
        )?;
    }
    Ok(())
}
