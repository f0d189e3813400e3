//! `weir import FILE…`: readings from CSV, Parquet, JSON lines or line protocol
//! into a running Weir, with a progress bar on stderr and a summary.
//!
//! Rows become line protocol and go the way of all messages, so a row that is
//! there already is stored once. How far a file was taken stands beside it, in
//! `FILE.weir-import`, until it is through: run the same command again after a
//! stop, and it continues from there. A piece counts as taken once Weir has
//! acknowledged it; one whose answer was lost is sent again.

mod chunks;

use std::fs::{self, File};
use std::io::{BufRead, BufReader, IsTerminal, Seek, SeekFrom};
use std::path::Path;
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use indicatif::{ProgressBar, ProgressStyle};
use parquet::file::reader::{FileReader, SerializedFileReader};
use serde::{Deserialize, Serialize};

use crate::cli::{FileFormat, ImportArgs};
use crate::commands::import_rows::CsvOptions;
use crate::output;
use chunks::{Chunk, Source};

/// How often a write is tried that Weir has no room for, a second apart.
const TRIES: u32 = 600;
/// Invalid rows that are reported one by one.
const MAX_REPORTED: usize = 20;

/// What an import has done; counts are rows, or lines of line protocol.
#[derive(Debug, Default, Serialize)]
struct Summary {
    sent: u64,
    /// Rows that are none, such as without a device, a sensor, a time or a value.
    refused: u64,
    /// Rows that an earlier run sent or refused; in line protocol bytes of them.
    skipped: u64,
    /// Readings of an hour that the clock showed twice: taken to be the first.
    #[serde(skip_serializing_if = "is_zero")]
    shown_twice: u64,
    /// The first that were refused, and why.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    refused_rows: Vec<String>,
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// How far a file was taken, and where it went.
#[derive(Debug, Deserialize, PartialEq, Serialize)]
struct Mark {
    url: String,
    /// The file's length and time of change: a file that differs is another one.
    length: u64,
    modified_ns: u128,
    /// What was read as what: `Csv`, or `Lines` and their precision.
    form: String,
    /// Rows, or bytes of line protocol.
    done: u64,
}

pub(crate) fn run(args: &ImportArgs) -> Result<ExitCode> {
    // Faults that are visible now are reported before anything is sent.
    for path in &args.files {
        format_of(args, path)?;
        File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    }
    let mut summary = Summary::default();
    for path in &args.files {
        import(args, path, &mut summary).with_context(|| format!("{}", path.display()))?;
    }
    if args.json {
        output::line(&serde_json::to_string(&summary)?)?;
    } else {
        output::line(&format!(
            "{} sent, {} refused",
            summary.sent, summary.refused
        ))?;
        if summary.shown_twice > 0 {
            output::line(&format!(
                "{} of an hour that the clock showed twice, taken to be the first",
                summary.shown_twice
            ))?;
        }
    }
    Ok(match summary.refused {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    })
}

fn format_of(args: &ImportArgs, path: &Path) -> Result<FileFormat> {
    match args.format {
        Some(format) => Ok(format),
        None => FileFormat::of(path),
    }
}

fn import(args: &ImportArgs, path: &Path, summary: &mut Summary) -> Result<()> {
    let format = format_of(args, path)?;
    let file = File::open(path).context("cannot open it")?;
    let mark_path = super::export::beside(path, ".weir-import");
    let mut mark = mark_of(args, &file, format)?;
    if !args.restart {
        mark.done = done_before(&mark, &mark_path)?;
    }
    summary.skipped += mark.done;
    let bar = bar(&file, format)?;
    let mut source = Source::open(file, format, &options(args), mark.done)?;
    let precision = match format {
        FileFormat::Lines => args.precision.as_str(),
        _ => "ns",
    };
    loop {
        let mut chunk = source.next_chunk()?;
        if chunk.size == 0 {
            break;
        }
        send(args, precision, &chunk.lines)
            .and_then(|()| send_events(args, &mut chunk))
            .with_context(|| {
                format!(
                    "stopped at {} of it; run the same command again to continue from there",
                    source.place(mark.done)
                )
            })?;
        mark.done += chunk.size;
        write_mark(&mark, &mark_path)?;
        summary.sent += chunk.sent;
        summary.shown_twice += chunk.shown_twice;
        summary.refused += chunk.refused.len() as u64;
        for refused in chunk.refused {
            report(args, path, &bar, refused, summary);
        }
        bar.set_position(mark.done);
    }
    bar.finish_and_clear();
    // An empty file has none.
    let _ = fs::remove_file(&mark_path);
    Ok(())
}

/// Reports the first invalid rows as they come.
fn report(
    args: &ImportArgs,
    path: &Path,
    bar: &ProgressBar,
    refused: String,
    reported: &mut Summary,
) {
    if reported.refused_rows.len() == MAX_REPORTED {
        return;
    }
    let text = output::printable(&format!("{}: {refused}", path.display()));
    if !args.json {
        bar.suspend(|| eprintln!("{text}"));
        if reported.refused_rows.len() + 1 == MAX_REPORTED {
            bar.suspend(|| eprintln!("further refused rows are counted only"));
        }
    }
    reported.refused_rows.push(text);
}

fn bar(file: &File, format: FileFormat) -> Result<ProgressBar> {
    // How many rows a text has is not known before its end.
    let (length, template) = match format {
        FileFormat::Lines => (
            Some(file.metadata()?.len()),
            "{wide_bar} {bytes}/{total_bytes}  {eta} left",
        ),
        FileFormat::Parquet => {
            let reader = SerializedFileReader::new(file.try_clone()?)
                .context("it is not Parquet, or broken off")?;
            let rows = reader.metadata().file_metadata().num_rows();
            (
                Some(rows.unsigned_abs()),
                "{wide_bar} {pos}/{len} rows  {eta} left",
            )
        }
        FileFormat::Csv | FileFormat::Jsonl => (
            Some(lines_in(file)?),
            "{wide_bar} {pos}/~{len} rows  {eta} left",
        ),
    };
    let bar = ProgressBar::no_length().with_style(ProgressStyle::with_template(template)?);
    bar.set_length(length.unwrap_or_default());
    Ok(bar)
}

/// For the bar alone, so only when somebody sees it.
fn lines_in(file: &File) -> Result<u64> {
    if !std::io::stderr().is_terminal() {
        return Ok(0);
    }
    let (mut reader, mut lines) = (BufReader::with_capacity(1 << 20, file), 0);
    loop {
        let bytes = reader.fill_buf()?;
        if bytes.is_empty() {
            break;
        }
        lines += bytes.iter().filter(|byte| **byte == b'\n').count() as u64;
        let length = bytes.len();
        reader.consume(length);
    }
    let mut file = file;
    file.seek(SeekFrom::Start(0))?;
    Ok(lines)
}

fn mark_of(args: &ImportArgs, file: &File, format: FileFormat) -> Result<Mark> {
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        bail!("it is not a file; name the files to import");
    }
    let modified = metadata.modified()?.duration_since(UNIX_EPOCH);
    Ok(Mark {
        url: args.remote.url.clone(),
        length: metadata.len(),
        modified_ns: modified.map_or(0, |since| since.as_nanos()),
        form: match format {
            FileFormat::Lines => format!("{format:?} {}", args.precision),
            FileFormat::Csv if options(args) != CsvOptions::default() => {
                format!("{format:?} {:?}", options(args))
            }
            format => format!("{format:?}"),
        },
        done: 0,
    })
}

fn options(args: &ImportArgs) -> CsvOptions {
    CsvOptions {
        delimiter: args.delimiter,
        decimal: args.decimal.as_deref().and_then(|sign| sign.chars().next()),
        time_format: args.time_format.clone(),
        timezone: args.timezone.clone(),
        wide: args.wide,
        device: args.device.clone(),
    }
}

/// What an earlier run of the same import has done.
fn done_before(mark: &Mark, path: &Path) -> Result<u64> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(0),
        Err(error) => {
            return Err(error).with_context(|| format!("cannot read {}", path.display()));
        }
    };
    let Ok(before) = serde_json::from_str::<Mark>(&text) else {
        bail!(
            "{} does not say how far an earlier import got; --restart starts from the beginning; \
             readings that are there already are stored once",
            path.display()
        );
    };
    let done = before.done;
    if (Mark {
        done: mark.done,
        ..before
    }) != *mark
    {
        bail!(
            "{} is of another import: the file has changed, or it went to another Weir or in \
             another format. --restart starts from the beginning; readings that are there already \
             are stored once",
            path.display()
        );
    }
    Ok(done)
}

/// In one piece or not at all.
fn write_mark(mark: &Mark, path: &Path) -> Result<()> {
    let new = super::export::beside(path, ".new");
    fs::write(&new, serde_json::to_string(mark)?)
        .and_then(|()| fs::rename(&new, path))
        .with_context(|| format!("cannot write {}", path.display()))
}

/// Sends until Weir has it. A journal without room is waited for.
fn send(args: &ImportArgs, precision: &str, lines: &str) -> Result<()> {
    if lines.is_empty() {
        return Ok(());
    }
    let path = format!("/api/v2/write?precision={precision}");
    for _ in 0..TRIES {
        match args.remote.post(&path, "application/json", lines) {
            Ok(_) => return Ok(()),
            Err(error) if error.to_string().contains("(503") => {
                thread::sleep(Duration::from_secs(1));
            }
            Err(error) => return Err(error),
        }
    }
    bail!("Weir has had no room for ten minutes; its /readyz says why")
}

/// Sends what a line cannot say as events; refuses it where no route takes them.
fn send_events(args: &ImportArgs, chunk: &mut Chunk) -> Result<()> {
    for (place, row) in std::mem::take(&mut chunk.events) {
        let path = format!("/api/v1/ingest/devices/{}/telemetry", row.device());
        let mut tries = 0..TRIES;
        loop {
            let sent = args
                .remote
                .post(&path, "application/json", &row.event().to_string());
            match sent {
                Ok(_) => chunk.sent += 1,
                Err(error) if error.to_string().contains("(404") => {
                    let why = row.push_to(&mut String::new()).err();
                    let why = why.map_or_else(String::new, |why| why.to_string());
                    chunk.refused.push(format!("{place}: {why}"));
                }
                Err(error) if error.to_string().contains("(503") && tries.next().is_some() => {
                    thread::sleep(Duration::from_secs(1));
                    continue;
                }
                Err(error) => return Err(error),
            }
            break;
        }
    }
    Ok(())
}
