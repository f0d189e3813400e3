//! `weir store stats|verify`: the files of the embedded store, seen from
//! outside. A running Weir is not asked and not disturbed.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use comfy_table::{CellAlignment, Table, presets};
use indicatif::{HumanBytes, HumanCount, ProgressBar, ProgressStyle};
use serde_json::{Value, json};
use weir_model::Timestamp;
use weir_series::{Content, InspectedFile, Inspection, inspect, verify};

use crate::cli::{StoreCommand, StoreTarget};
use crate::output;

pub(crate) fn run(command: &StoreCommand) -> Result<ExitCode> {
    match command {
        StoreCommand::Stats(target) => stats(target),
        StoreCommand::Verify(target) => verify_files(target),
    }
}

fn folder(target: &StoreTarget) -> Result<(PathBuf, Inspection)> {
    let dir = target.data.dir.join("store");
    if !dir.is_dir() {
        bail!(
            "{} is no data folder of Weir's: there is no {} (name it with --data-dir)",
            target.data.dir.display(),
            dir.display()
        );
    }
    let Some(inspection) = inspect(&dir)? else {
        bail!(
            "{} has no manifest yet: what is acknowledged is still in the journal",
            dir.display()
        );
    };
    Ok((dir, inspection))
}

/// What the files of one content amount to.
#[derive(Default)]
struct Sum {
    files: u64,
    rows: u64,
    readings: u64,
    bytes: u64,
    times: Option<(i64, i64)>,
    paths: Vec<PathBuf>,
}

impl Sum {
    fn add(&mut self, file: &InspectedFile) {
        self.files += 1;
        self.rows += file.rows;
        self.readings += file.readings;
        self.bytes += file.bytes;
        self.paths.push(file.path.clone());
        let (min, max) = self.times.unwrap_or((i64::MAX, i64::MIN));
        self.times = Some((min.min(file.min_time), max.max(file.max_time)));
    }
}

fn stats(target: &StoreTarget) -> Result<ExitCode> {
    let (_, inspection) = folder(target)?;
    let mut sums: BTreeMap<&Content, Sum> = BTreeMap::new();
    for file in &inspection.files {
        sums.entry(&file.content).or_default().add(file);
    }
    if target.json {
        let contents: Vec<Value> = sums
            .iter()
            .map(|(content, sum)| as_json(content, sum))
            .collect();
        let answer = json!({
            "manifest": inspection.manifest,
            "damagedManifests": inspection.damaged_manifests,
            "removedReadings": inspection.removed_readings,
            "damagedReadings": inspection.damaged_readings,
            "contents": contents,
        });
        output::line(&answer.to_string())?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED);
    table.set_header([
        "content",
        "files",
        "rows",
        "readings",
        "bytes",
        "per reading",
        "from",
        "to",
    ]);
    for (content, sum) in &sums {
        let (from, to) = sum.times.unwrap_or_default();
        table.add_row([
            output::printable(&described(content)),
            HumanCount(sum.files).to_string(),
            HumanCount(sum.rows).to_string(),
            HumanCount(sum.readings).to_string(),
            HumanBytes(sum.bytes).to_string(),
            match sum.readings {
                0 => String::new(),
                readings => format!("{:.2}", sum.bytes as f64 / readings as f64),
            },
            seconds(from),
            seconds(to),
        ]);
    }
    for column in table.column_iter_mut().skip(1).take(5) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    output::line(&table.to_string())?;
    for (path, problem) in &inspection.damaged_manifests {
        eprintln!("weir: {}: {problem}", path.display());
    }
    Ok(ExitCode::SUCCESS)
}

fn described(content: &Content) -> String {
    match content {
        Content::Kind(sensors) => {
            let mut text = sensors
                .iter()
                .take(4)
                .cloned()
                .collect::<Vec<_>>()
                .join(", ");
            if sensors.len() > 4 {
                text.push_str(&format!(" and {} more", sensors.len() - 4));
            }
            text
        }
        Content::Rare => "rare kinds".to_owned(),
        Content::Rollup => "roll-ups".to_owned(),
    }
}

fn seconds(nanos: i64) -> String {
    Timestamp(
        nanos
            .div_euclid(1_000_000_000)
            .saturating_mul(1_000_000_000),
    )
    .to_rfc3339()
}

fn as_json(content: &Content, sum: &Sum) -> Value {
    let (name, sensors) = match content {
        Content::Kind(sensors) => ("kind", Some(sensors)),
        Content::Rare => ("rare", None),
        Content::Rollup => ("rollup", None),
    };
    json!({
        "content": name,
        "sensors": sensors,
        "files": sum.files,
        "paths": sum.paths,
        "rows": sum.rows,
        "readings": sum.readings,
        "bytes": sum.bytes,
        "from": sum.times.map(|(from, _)| Timestamp(from).to_rfc3339()),
        "to": sum.times.map(|(_, to)| Timestamp(to).to_rfc3339()),
    })
}

fn verify_files(target: &StoreTarget) -> Result<ExitCode> {
    let (dir, inspection) = folder(target)?;
    let bar = ProgressBar::new(inspection.files.len() as u64).with_style(
        ProgressStyle::with_template("{bar:30} {pos}/{len} files, {eta} left")
            .context("the template of the progress bar is wrong")?,
    );
    let mut checked = 0;
    let mut problems: Vec<(PathBuf, String)> = inspection.damaged_manifests.clone();
    verify(&dir, &mut |file| {
        bar.set_length(file.of as u64);
        bar.set_position(file.at as u64);
        checked += 1;
        if let Some(problem) = file.problem {
            problems.push((file.path.to_owned(), problem.to_owned()));
        }
    })?;
    bar.finish_and_clear();
    if target.json {
        let problems: Vec<Value> = problems
            .iter()
            .map(|(path, problem)| json!({"path": path, "problem": problem}))
            .collect();
        output::line(&json!({"files": checked, "problems": problems}).to_string())?;
    } else {
        for (path, problem) in &problems {
            output::line(&format!("{}: {problem}", path.display()))?;
        }
        output::line(&format!("{checked} files read, {} damaged", problems.len()))?;
    }
    Ok(if problems.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
