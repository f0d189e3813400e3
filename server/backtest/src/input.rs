//! Files and folders of readings.
//!
//! | form | by extension |
//! | --- | --- |
//! | comma-separated with a header | `.csv` |
//! | an object a line | `.jsonl`, `.ndjson` |
//! | Parquet | `.parquet` |
//!
//! In each, `time` (or `timestamp`) and `value` have to be there; `device`,
//! `sensor`, `unit`, `location` and `text` may be, as in what Weir exports. A
//! file without `device` is one device, called as the file is; a reading without
//! `sensor` is of the sensor `value`.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::readings::Readings;
pub use super::rows::Range;
use super::rows::{Sink, device_of};
use super::tabular;

/// Reads everything that the paths name; folders with what is below them, in
/// the order of names.
pub fn read(paths: &[PathBuf], range: Range, read: &mut dyn FnMut(&Path)) -> Result<Readings> {
    let mut files = Vec::new();
    for path in paths {
        if path.is_dir() {
            let before = files.len();
            collect(path, &mut files)?;
            if files.len() == before {
                bail!(
                    "{} holds no .csv, .jsonl, .ndjson or .parquet",
                    path.display()
                );
            }
        } else {
            files.push(path.clone());
        }
    }
    let mut readings = Readings::default();
    let mut devices: HashMap<u32, PathBuf> = HashMap::new();
    for file in &files {
        read(file);
        let before = readings.rows.len();
        one(file, range, &mut readings).with_context(|| format!("{}", file.display()))?;
        let stem = readings.intern(&stem_of(file));
        let named_after = readings.rows[before..].iter().any(|row| row.device == stem);
        if named_after && let Some(other) = devices.insert(stem, file.clone()) {
            bail!(
                "{} and {} would both be the device {}: rename one, or add a column device",
                other.display(),
                file.display(),
                readings.name(stem)
            );
        }
    }
    Ok(readings)
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    let listed = fs::read_dir(folder).with_context(|| format!("{}", folder.display()))?;
    let mut paths = listed
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<Vec<_>>>()?;
    paths.sort();
    for path in paths {
        if path.is_dir() {
            collect(&path, files)?;
        } else if reader_of(&path).is_some() {
            files.push(path);
        }
    }
    Ok(())
}

type Reader = fn(&Path, &mut Sink<'_>) -> Result<()>;

fn reader_of(path: &Path) -> Option<Reader> {
    match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
        "csv" => Some(tabular::csv),
        "jsonl" | "ndjson" => Some(tabular::jsonl),
        "parquet" => Some(tabular::parquet),
        _ => None,
    }
}

fn stem_of(path: &Path) -> String {
    let stem = path.file_stem().unwrap_or_default();
    device_of(&stem.to_string_lossy())
}

fn one(path: &Path, range: Range, into: &mut Readings) -> Result<()> {
    let Some(reader) = reader_of(path) else {
        bail!("its extension must be .csv, .jsonl, .ndjson or .parquet");
    };
    let file = stem_of(path);
    let mut sink = Sink {
        into,
        range,
        file: &file,
    };
    reader(path, &mut sink)
}

#[cfg(test)]
mod tests;
