//! A file that is being read, in pieces that are sent at once.

use std::fs::File;
use std::io::{BufRead, BufReader, Seek, SeekFrom};

use anyhow::{Context, Result};

use crate::cli::FileFormat;
use crate::commands::import_rows::{CsvOptions, Row, RowError, Rows, rows};

/// Rows, or lines, that are sent at once.
const CHUNK_ROWS: u64 = 5_000;
/// Bytes of line protocol that are sent at once, about.
const CHUNK_BYTES: usize = 512 << 10;

/// Some rows as line protocol.
#[derive(Debug, Default)]
pub(super) struct Chunk {
    pub(super) lines: String,
    /// Rows that a line cannot say, with their places.
    pub(super) events: Vec<(String, Row)>,
    pub(super) shown_twice: u64,
    /// Rows, or bytes of line protocol: what a mark counts.
    pub(super) size: u64,
    pub(super) sent: u64,
    pub(super) refused: Vec<String>,
}

/// A file that is being read.
pub(super) enum Source {
    Lines(BufReader<File>),
    Table(Rows),
}

impl Source {
    /// Goes on behind what is done.
    pub(super) fn open(
        mut file: File,
        format: FileFormat,
        options: &CsvOptions,
        done: u64,
    ) -> Result<Self> {
        if format == FileFormat::Lines {
            file.seek(SeekFrom::Start(done))?;
            return Ok(Self::Lines(BufReader::new(file)));
        }
        let mut rows = rows(file, format, options)?;
        for _ in 0..done {
            rows.next().transpose()?;
        }
        Ok(Self::Table(rows))
    }

    pub(super) fn place(&self, done: u64) -> String {
        match self {
            Self::Lines(_) => format!("byte {done}"),
            Self::Table(_) => format!("row {}", done + 1),
        }
    }

    /// Of size 0 at the end.
    pub(super) fn next_chunk(&mut self) -> Result<Chunk> {
        match self {
            Self::Lines(reader) => lines(reader),
            Self::Table(rows) => table(rows),
        }
    }
}

fn table(rows: &mut Rows) -> Result<Chunk> {
    let mut chunk = Chunk::default();
    while chunk.size < CHUNK_ROWS && chunk.lines.len() < CHUNK_BYTES {
        let Some(item) = rows.next() else { break };
        let (place, row) = item?;
        match row {
            Ok(row) => {
                chunk.shown_twice += u64::from(row.is_shown_twice());
                match row.push_to(&mut chunk.lines) {
                    Ok(()) => chunk.sent += 1,
                    Err(RowError::UnwritableTag { .. }) => chunk.events.push((place, row)),
                    Err(why) => chunk.refused.push(format!("{place}: {why}")),
                }
            }
            Err(why) => chunk.refused.push(format!("{place}: {why}")),
        }
        chunk.size += 1;
    }
    Ok(chunk)
}

/// Some lines, cut where no text value is open.
fn lines(reader: &mut BufReader<File>) -> Result<Chunk> {
    let (mut chunk, mut open, mut rows) = (Chunk::default(), false, 0);
    while (chunk.lines.len() < CHUNK_BYTES && rows < CHUNK_ROWS) || open {
        let from = chunk.lines.len();
        let read = reader.read_line(&mut chunk.lines);
        if read.context("it is not UTF-8; line protocol has to be")? == 0 {
            break;
        }
        let line = &chunk.lines[from..];
        let said = !line.trim().is_empty() && !line.starts_with('#');
        chunk.sent += u64::from(said && !open);
        let mut escaped = false;
        for byte in line.bytes() {
            match byte {
                b'\\' => escaped = !escaped,
                b'"' if !escaped => open = !open,
                _ => escaped = false,
            }
        }
        // An open quote in a broken line would take in all that follows.
        open &= chunk.lines.len() < 2 * CHUNK_BYTES;
        rows += 1;
    }
    chunk.size = chunk.lines.len() as u64;
    Ok(chunk)
}
