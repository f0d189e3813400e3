//! `weir export FILE`: readings of a running Weir as CSV, JSON lines or Parquet,
//! with a progress bar on stderr.
//!
//! They are asked for in pieces of time, oldest first, so that neither side holds
//! more than a piece. The file has its name once it is whole; until then it is
//! `FILE.part`, and `FILE.weir-export` says how far it got: run the same command
//! again after a stop, and it continues from there. A Parquet file cannot be
//! continued and is written again.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use indicatif::{ProgressBar, ProgressStyle};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use weir_model::Timestamp;

use crate::cli::{ExportArgs, FileFormat};
use crate::commands::remote::text;
use crate::output;

/// Readings that a piece has at most, unless more have the same time. Much less
/// than `query.max_rows` unless it is changed.
const PIECE_ROWS: i64 = 100_000;
const COLUMNS: &str = "device, sensor, time, value, text, unit, location, quality, flags";

/// What is to be exported.
#[derive(Debug)]
struct Span {
    first: i64,
    last: i64,
    rows: i64,
}

/// How far an export got.
#[derive(Debug, Deserialize, Serialize)]
struct Mark {
    /// What was asked for: another query cannot continue it.
    question: String,
    /// Readings before it are in the file, nanoseconds since the epoch.
    next: i64,
    /// The last reading's time when the export began.
    last: i64,
    bytes: u64,
    rows: i64,
}

pub(crate) fn run(args: &ExportArgs) -> Result<ExitCode> {
    let format = match args.format {
        Some(format) => format,
        None => FileFormat::of(&args.file)?,
    };
    if format == FileFormat::Lines {
        bail!("readings are exported as csv, jsonl or parquet, not as line protocol");
    }
    if args.file.exists() && !args.force {
        bail!(
            "{} is there already; --force replaces it",
            args.file.display()
        );
    }
    let export = Export {
        args,
        filter: filter(args),
    };
    let Some(span) = export.span()? else {
        bail!("there is no reading to export; --from, --to, --device, --sensor narrow it down");
    };
    let rows = match format {
        FileFormat::Parquet => export.parquet(&span)?,
        format => export.table(&span, format)?,
    };
    if args.json {
        output::line(&json!({"rows": rows}).to_string())?;
    } else {
        output::line(&format!("{rows} readings in {}", args.file.display()))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// A file's name with something behind it.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

fn filter(args: &ExportArgs) -> String {
    let mut parts = vec!["true".to_owned()];
    for (column, value) in [("device", &args.device), ("sensor", &args.sensor)] {
        if let Some(value) = value {
            parts.push(format!("{column} = '{}'", value.replace('\'', "''")));
        }
    }
    for (operator, time) in [(">=", args.from), ("<", args.to)] {
        if let Some(time) = time {
            parts.push(format!("time {operator} {}", literal(time.0)));
        }
    }
    parts.join(" AND ")
}

fn literal(nanoseconds: i64) -> String {
    format!("TIMESTAMP '{}'", Timestamp(nanoseconds).to_rfc3339())
}

/// A question to a running Weir, asked in pieces.
struct Export<'a> {
    args: &'a ExportArgs,
    filter: String,
}

impl Export<'_> {
    fn ask(&self, sql: &str, accept: &str) -> Result<ureq::http::Response<ureq::Body>> {
        let body = json!({"sql": sql}).to_string();
        self.args.remote.post("/api/v1/query", accept, &body)
    }

    fn one_row(&self, sql: &str) -> Result<Value> {
        let answer = text(self.ask(sql, "application/json")?)?;
        let mut rows: Vec<Value> = serde_json::from_str(&answer)?;
        rows.pop().context("Weir answered without a row")
    }

    /// `None` when there is nothing.
    fn span(&self) -> Result<Option<Span>> {
        let row = self.one_row(&format!(
            "SELECT min(time) AS first, max(time) AS last, count(*) AS rows FROM readings \
             WHERE {}",
            self.filter
        ))?;
        let time = |key: &str| Some(Timestamp::parse_rfc3339(row[key].as_str()?)?.0);
        let (Some(first), Some(last), Some(rows)) =
            (time("first"), time("last"), row["rows"].as_i64())
        else {
            return Ok(None);
        };
        Ok(Some(Span { first, last, rows }))
    }

    fn within(&self, from: i64, to: i64) -> String {
        let (from, to) = (literal(from), literal(to));
        format!("{} AND time >= {from} AND time < {to}", self.filter)
    }

    /// Halves `step` until a piece from `from` on is small enough, and doubles it
    /// for the next where there is little. Gives the piece's end and readings.
    fn piece(&self, from: i64, end: i64, step: &mut i64) -> Result<(i64, i64)> {
        loop {
            let to = from.saturating_add(*step).min(end);
            let within = self.within(from, to);
            let row = self.one_row(&format!(
                "SELECT count(*) AS rows FROM readings WHERE {within}"
            ))?;
            let rows = row["rows"].as_i64().context("a count is a number")?;
            if rows > PIECE_ROWS && *step > 1 {
                *step /= 2;
                continue;
            }
            if rows < PIECE_ROWS / 4 {
                *step = step.saturating_mul(2);
            }
            return Ok((to, rows));
        }
    }

    fn readings(&self, from: i64, to: i64, accept: &str) -> Result<Vec<u8>> {
        let within = self.within(from, to);
        let sql =
            format!("SELECT {COLUMNS} FROM readings WHERE {within} ORDER BY time, device, sensor");
        let mut bytes = Vec::new();
        let mut answer = self.ask(&sql, accept)?.into_body().into_reader();
        answer.read_to_end(&mut bytes).context(
            "the answer was cut off; Weir's log says why; run the same command again to continue",
        )?;
        Ok(bytes)
    }

    /// CSV and JSON lines, which grow at their end.
    fn table(&self, span: &Span, format: FileFormat) -> Result<i64> {
        let accept = match format {
            FileFormat::Csv => "text/csv",
            _ => "application/jsonl",
        };
        let part = beside(&self.args.file, ".part");
        let mark_path = beside(&self.args.file, ".weir-export");
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&part)
            .with_context(|| format!("cannot write {}", part.display()))?;
        let question = format!("{accept} {} {}", self.args.remote.url, self.filter);
        let length = file.metadata()?.len();
        let before = fs::read_to_string(&mark_path).ok();
        let before = before.and_then(|text| serde_json::from_str::<Mark>(&text).ok());
        let before = before.filter(|mark| mark.question == question && mark.bytes <= length);
        let mut mark = before.unwrap_or(Mark {
            question,
            next: span.first,
            last: span.last,
            bytes: 0,
            rows: 0,
        });
        // What was written behind the mark is written again.
        file.set_len(mark.bytes)?;
        file.seek(SeekFrom::End(0))?;
        let bar = bar(span, mark.rows)?;
        let end = mark.last.saturating_add(1);
        let mut step = first_step(span);
        while mark.next < end {
            let (to, expected) = self.piece(mark.next, end, &mut step)?;
            if expected > 0 {
                let bytes = self.readings(mark.next, to, accept)?;
                let (rows, count) = without_header(&bytes, format, mark.bytes > 0);
                file.write_all(rows)?;
                file.sync_data()?;
                mark.bytes += rows.len() as u64;
                mark.rows += count;
            }
            mark.next = to;
            let new = beside(&mark_path, ".new");
            fs::write(&new, serde_json::to_string(&mark)?)?;
            fs::rename(&new, &mark_path)?;
            bar.set_position(mark.rows.unsigned_abs());
        }
        file.sync_all()?;
        bar.finish_and_clear();
        fs::rename(&part, &self.args.file)?;
        fs::remove_file(&mark_path)?;
        Ok(mark.rows)
    }

    fn parquet(&self, span: &Span) -> Result<i64> {
        let part = beside(&self.args.file, ".part");
        let file =
            File::create(&part).with_context(|| format!("cannot write {}", part.display()))?;
        let mut writer: Option<ArrowWriter<File>> = None;
        let mut rows = 0;
        let bar = bar(span, 0)?;
        let end = span.last.saturating_add(1);
        let (mut next, mut step) = (span.first, first_step(span));
        while next < end {
            let (to, expected) = self.piece(next, end, &mut step)?;
            let from = std::mem::replace(&mut next, to);
            if expected == 0 {
                continue;
            }
            let bytes = self.readings(from, to, "application/vnd.apache.parquet")?;
            let batches = ParquetRecordBatchReaderBuilder::try_new(Bytes::from(bytes))?.build()?;
            for batch in batches {
                let batch = batch?;
                let writer = match &mut writer {
                    Some(writer) => writer,
                    none => none.insert(ArrowWriter::try_new(
                        file.try_clone()?,
                        batch.schema(),
                        Some(settings()?),
                    )?),
                };
                writer.write(&batch)?;
                rows += batch.num_rows() as i64;
            }
            bar.set_position(rows.unsigned_abs());
        }
        let writer = writer.context("the readings went while they were exported")?;
        writer.into_inner()?.sync_all()?;
        bar.finish_and_clear();
        fs::rename(&part, &self.args.file)?;
        Ok(rows)
    }
}

fn settings() -> Result<WriterProperties> {
    let level = ZstdLevel::try_new(1)?;
    Ok(WriterProperties::builder()
        .set_compression(Compression::ZSTD(level))
        .build())
}

/// As if the readings were spread evenly.
fn first_step(span: &Span) -> i64 {
    let length = span.last.saturating_sub(span.first);
    length / (span.rows / PIECE_ROWS + 1) + 1
}

/// The rows of a piece without the names when the file has them already,
/// and how many they are.
fn without_header(bytes: &[u8], format: FileFormat, named: bool) -> (&[u8], i64) {
    let lines = count_lines(bytes, format);
    if format != FileFormat::Csv {
        return (bytes, lines);
    }
    let header = bytes.iter().position(|byte| *byte == b'\n');
    let header = header.map_or(bytes.len(), |at| at + 1);
    (if named { &bytes[header..] } else { bytes }, lines - 1)
}

/// Line breaks; in CSV those outside of quotes.
fn count_lines(bytes: &[u8], format: FileFormat) -> i64 {
    let (mut quoted, mut lines) = (false, 0);
    for byte in bytes {
        match byte {
            b'"' if format == FileFormat::Csv => quoted = !quoted,
            b'\n' if !quoted => lines += 1,
            _ => {}
        }
    }
    lines
}

fn bar(span: &Span, done: i64) -> Result<ProgressBar> {
    let style = ProgressStyle::with_template("{wide_bar} {pos}/{len} readings  {eta} left")?;
    let bar = ProgressBar::new(span.rows.unsigned_abs()).with_style(style);
    bar.set_position(done.unsigned_abs());
    Ok(bar)
}
