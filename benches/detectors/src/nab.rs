//! The benchmark's own series: a folder with `data/CATEGORY/NAME.csv` and
//! `labels/combined_windows.json`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use chrono::NaiveDateTime;

use crate::Series;

/// All series below `root`, in the order of their names.
pub fn load(root: &Path) -> Result<Vec<Series>> {
    let labels = root.join("labels/combined_windows.json");
    let text =
        fs::read_to_string(&labels).with_context(|| format!("cannot read {}", labels.display()))?;
    let windows: BTreeMap<String, Vec<(String, String)>> =
        serde_json::from_str(&text).with_context(|| format!("{} is bad", labels.display()))?;
    windows
        .iter()
        .map(|(name, windows)| {
            let path = root.join("data").join(name);
            series(name, &path, windows).with_context(|| format!("cannot use {}", path.display()))
        })
        .collect()
}

/// `tests/data/nab` of this workspace.
pub fn default_root() -> PathBuf {
    let mut folders = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
    folders
        .find_map(|folder| Some(folder.join("tests/data/nab")).filter(|path| path.is_dir()))
        .unwrap_or_else(|| "tests/data/nab".into())
}

fn series(name: &str, path: &Path, windows: &[(String, String)]) -> Result<Series> {
    let (mut times, mut values) = (Vec::new(), Vec::new());
    for line in fs::read_to_string(path)?.lines().skip(1) {
        let (time, value) = line.split_once(',').context("a line has no comma")?;
        times.push(seconds(time)?);
        values.push(value.trim().parse()?);
    }
    let windows = windows
        .iter()
        .map(|(begin, end)| {
            let (begin, end) = (seconds(begin)?, seconds(end)?);
            let first = times.iter().position(|time| *time >= begin);
            let last = times.iter().rposition(|time| *time <= end);
            Ok((
                first.context("a window begins behind the series")?,
                last.context("a window ends before the series")?,
            ))
        })
        .collect::<Result<_>>()?;
    Ok(Series {
        name: name.to_owned(),
        times,
        values,
        windows,
    })
}

fn seconds(text: &str) -> Result<f64> {
    let time = NaiveDateTime::parse_from_str(text.trim(), "%Y-%m-%d %H:%M:%S%.f")
        .with_context(|| format!("{text:?} is no time"))?;
    Ok(time.and_utc().timestamp_micros() as f64 / 1e6)
}
