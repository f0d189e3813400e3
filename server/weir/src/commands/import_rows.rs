//! Rows of CSV, JSON lines and Parquet as line protocol, the way Weir itself
//! writes it: `readings,device=…,sensor=… value=… <nanoseconds>`.
//!
//! Columns are found by name, as `weir backtest` finds them; `device`, `sensor`,
//! a time and a value or text are required, and CSV may have a column per sensor
//! instead (`csv.rs`). An invalid row is reported with its line (in Parquet its row) and
//! does not end the file.

mod cells;
mod csv;
mod dialect;
mod numbers;
mod row_error;
mod times;

use std::fmt::Write;
use std::fs::File;
use std::io::{BufRead, BufReader};

use anyhow::{Context, Result, bail};
use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, TimeUnit, TimestampNanosecondType};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::{Value, json};
use weir_backtest::instant;
use weir_backtest::rows::Field;
use weir_model::{check_device, check_sensor};

use crate::cli::FileFormat;
pub(crate) use dialect::CsvOptions;
pub(crate) use row_error::RowError;

/// One row of a file; empty where there is nothing.
#[derive(Clone, Debug, Default)]
pub(crate) struct Row {
    device: String,
    sensor: String,
    unit: String,
    location: String,
    /// An empty text is one.
    text: Option<String>,
    value: String,
    time: String,
    /// The clock of its zone showed this time twice; it is taken to be the first.
    twice: bool,
}

/// The place of a row (`line 3`), and the row or what is wrong with it.
pub(crate) type Item = (String, Result<Row, RowError>);
pub(crate) type Rows = Box<dyn Iterator<Item = Result<Item>>>;

/// The rows of a table; `file` is read from its beginning.
pub(crate) fn rows(file: File, format: FileFormat, options: &CsvOptions) -> Result<Rows> {
    match format {
        FileFormat::Csv => csv::rows(file, options),
        FileFormat::Parquet => parquet_rows(file),
        FileFormat::Jsonl | FileFormat::Lines => Ok(jsonl_rows(file)),
    }
}

fn jsonl_rows(file: File) -> Rows {
    let lines = BufReader::new(file).split(b'\n').zip(1_u64..);
    Box::new(lines.filter_map(|(line, number)| {
        let line = match line {
            Ok(line) => line,
            Err(error) => return Some(Err(error.into())),
        };
        if line.trim_ascii().is_empty() {
            return None;
        }
        Some(Ok((format!("line {number}"), object(&line))))
    }))
}

fn object(line: &[u8]) -> Result<Row, RowError> {
    let members: serde_json::Map<String, Value> =
        serde_json::from_slice(line).map_err(RowError::NotAnObject)?;
    let mut row = Row::default();
    for (name, value) in &members {
        let field = Field::of(name);
        match (field, value) {
            (_, Value::Null) => {}
            (Some(Field::Value), Value::String(text)) => row.text = Some(text.clone()),
            // In JSON a text may come as "value" while "text" is there and empty.
            (Some(Field::Text), Value::String(text)) => {
                if !text.is_empty() || row.text.is_none() {
                    row.text = Some(text.clone());
                }
            }
            (field, Value::String(text)) => row.set(field, text),
            (field, Value::Number(_) | Value::Bool(_)) => row.set(field, &value.to_string()),
            (None, _) => {}
            (Some(_), _) => return Err(RowError::NotAScalar(name.clone())),
        }
    }
    Ok(row)
}

fn parquet_rows(file: File) -> Result<Rows> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(file)
        .context("it is not Parquet, or broken off")?
        .with_batch_size(8_192)
        .build()?;
    let mut number = 0_u64;
    Ok(Box::new(reader.flat_map(move |batch| {
        let rows = batch.map_err(Into::into).and_then(|batch| table(&batch));
        let rows = match rows {
            Ok(rows) => rows.into_iter().map(Ok).collect(),
            Err(error) => vec![Err(error)],
        };
        let first = number;
        number += rows.len() as u64;
        rows.into_iter()
            .zip(first + 1..)
            .map(|(row, number)| Ok((format!("row {number}"), Ok(row?))))
            .collect::<Vec<_>>()
    })))
}

fn table(batch: &RecordBatch) -> Result<Vec<Row>> {
    let schema = batch.schema();
    let names: Vec<String> = schema.fields().iter().map(|f| f.name().clone()).collect();
    let fields = fields_of(&names)?;
    let mut rows = Vec::new();
    rows.resize_with(batch.num_rows(), Row::default);
    for ((field, column), name) in fields.iter().zip(batch.columns()).zip(&names) {
        if field.is_none() {
            continue;
        }
        let texts = texts_of(column).with_context(|| format!("the column {name:?}"))?;
        let texts = texts.as_string::<i32>();
        for (row, text) in rows.iter_mut().zip(texts) {
            match (field, text) {
                (Some(Field::Text), text) => row.text = text.map(str::to_owned),
                (field, text) => row.set(*field, text.unwrap_or_default()),
            }
        }
    }
    Ok(rows)
}

/// Any column as texts; times in RFC 3339 with nanoseconds.
fn texts_of(column: &ArrayRef) -> Result<ArrayRef> {
    if !matches!(column.data_type(), DataType::Timestamp(..)) {
        return Ok(cast(column, &DataType::Utf8)?);
    }
    let nanoseconds = cast(column, &DataType::Timestamp(TimeUnit::Nanosecond, None))?;
    let times = nanoseconds.as_primitive::<TimestampNanosecondType>();
    let texts = times
        .iter()
        .map(|time| time.map(|time| weir_model::Timestamp(time).to_rfc3339()));
    Ok(std::sync::Arc::new(
        texts.collect::<arrow::array::StringArray>(),
    ))
}

/// What each column is; an error when a needed one is missing or there twice.
fn fields_of(names: &[String]) -> Result<Vec<Option<Field>>> {
    let fields: Vec<_> = names.iter().map(|name| Field::of(name)).collect();
    let count = |field| fields.iter().filter(|found| **found == Some(field)).count();
    let columns = || format!("the columns are {}", names.join(", "));
    for (field, name) in [
        (Field::Device, "device"),
        (Field::Sensor, "sensor"),
        (Field::Time, "time"),
        (Field::Value, "value"),
        (Field::Text, "text"),
        (Field::Unit, "unit"),
        (Field::Location, "location"),
    ] {
        let needed = matches!(field, Field::Device | Field::Sensor | Field::Time);
        match count(field) {
            0 if needed => bail!("there is no column {name}; {}", columns()),
            0 | 1 => {}
            _ => bail!("there are several columns for {name}; {}", columns()),
        }
    }
    if count(Field::Value) + count(Field::Text) == 0 {
        bail!("there is neither a column value nor text; {}", columns());
    }
    Ok(fields)
}

impl Row {
    fn set(&mut self, field: Option<Field>, text: &str) {
        let part = match field {
            Some(Field::Device) => &mut self.device,
            Some(Field::Sensor) => &mut self.sensor,
            Some(Field::Unit) => &mut self.unit,
            Some(Field::Location) => &mut self.location,
            Some(Field::Text) => self.text.get_or_insert_default(),
            Some(Field::Value) => &mut self.value,
            Some(Field::Time) => &mut self.time,
            None => return,
        };
        if !text.is_empty() {
            text.clone_into(part);
        }
    }

    pub(crate) fn is_shown_twice(&self) -> bool {
        self.twice
    }

    pub(crate) fn device(&self) -> &str {
        &self.device
    }

    /// The row as an event of Weir's own format, which can say what a line cannot.
    pub(crate) fn event(&self) -> Value {
        let value = match self.value.trim() {
            "" => self.text.clone().map_or(Value::Null, Value::String),
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            number => number.parse::<f64>().map_or(Value::Null, Value::from),
        };
        let mut reading = json!({"sensorId": self.sensor, "value": value});
        for (member, text) in [("unit", &self.unit), ("location", &self.location)] {
            if !text.is_empty() {
                reading[member] = Value::from(text.as_str());
            }
        }
        let time = instant::parse(&self.time).map(weir_model::Timestamp::to_rfc3339);
        json!({"deviceId": self.device, "timestamp": time, "data": [reading]})
    }

    /// Appends a line, or nothing when the row is none.
    pub(crate) fn push_to(&self, lines: &mut String) -> Result<(), RowError> {
        let from = lines.len();
        let pushed = self.push(lines);
        if pushed.is_err() {
            lines.truncate(from);
        }
        pushed
    }

    fn push(&self, lines: &mut String) -> Result<(), RowError> {
        if self.device.is_empty() || self.sensor.is_empty() {
            return Err(RowError::NoSeries);
        }
        let invalid = |member| move |error| RowError::InvalidId { member, error };
        check_device(&self.device).map_err(invalid("device"))?;
        check_sensor(&self.sensor).map_err(invalid("sensor"))?;
        if self.time.is_empty() {
            return Err(RowError::NoTime);
        }
        let time =
            instant::parse(&self.time).ok_or_else(|| RowError::InvalidTime(self.time.clone()))?;
        lines.push_str("readings");
        for (tag, name) in [
            ("device", &self.device),
            ("sensor", &self.sensor),
            ("unit", &self.unit),
            ("location", &self.location),
        ] {
            if !name.is_empty() {
                push_tag(lines, tag, name)?;
            }
        }
        let written = match self.value.trim() {
            "" => {
                let text = self.text.as_deref().ok_or(RowError::NoValue)?;
                let text = text.replace('\\', "\\\\").replace('"', "\\\"");
                writeln!(lines, " text=\"{text}\" {}", time.0)
            }
            "true" => writeln!(lines, " value=1.0 {}", time.0),
            "false" => writeln!(lines, " value=0.0 {}", time.0),
            number => {
                let parsed = number.parse::<f64>().ok().filter(|n| n.is_finite());
                let value = parsed.ok_or_else(|| RowError::InvalidValue(number.to_owned()))?;
                writeln!(lines, " value={value:?} {}", time.0)
            }
        };
        Ok(written?)
    }
}

/// A tag of line protocol. What it cannot say is refused rather than changed.
fn push_tag(lines: &mut String, tag: &'static str, name: &str) -> Result<(), RowError> {
    write!(lines, ",{tag}=")?;
    let mut characters = name.chars().peekable();
    while let Some(character) = characters.next() {
        let next = characters.peek();
        let unsayable = match character {
            '\n' | '\r' => true,
            '\\' => matches!(next, None | Some(',' | '=' | ' ')),
            _ => false,
        };
        if unsayable {
            let name = name.to_owned();
            return Err(RowError::UnwritableTag { tag, name });
        }
        if matches!(character, ',' | '=' | ' ') {
            lines.push('\\');
        }
        lines.push(character);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
