//! `cargo xtask faults`: the long form of the table of faults.
//!
//! The table is that of `docs/reference/guarantees.md`: for each of its rows the tests
//! that it names are run with the real processes, the long way where a test has
//! one. The kill runs and the soak are rows of their own. Every audit that a
//! test makes is added up from a file that the auditor writes to.
//!
//! Progress goes to stderr; the finished table, in Markdown, to stdout.

mod executables;
mod rows;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use std::{fs, io};

use anyhow::{Context, Result, bail};

use crate::cargo::{binary, build, root};
use crate::{python, tools};
use executables::{Executables, Ran};
use rows::Row;

/// What was asked for.
#[derive(Debug)]
struct Options {
    runs: u64,
    soak: Duration,
    seed: u64,
    /// Rows by their first column; all when empty.
    only: Vec<String>,
    /// The binary that is tested is the release build; tests are not.
    release: bool,
}

impl Options {
    fn parse(args: &[String]) -> Result<Self> {
        let mut options = Self {
            runs: 1_000,
            soak: Duration::from_secs(600),
            seed: 1,
            only: Vec::new(),
            release: false,
        };
        let mut args = args.iter();
        while let Some(flag) = args.next() {
            if flag == "--release" {
                options.release = true;
                continue;
            }
            let value = args
                .next()
                .with_context(|| format!("{flag} needs a value"))?;
            match flag.as_str() {
                "--runs" => options.runs = number(flag, value)?,
                "--seed" => options.seed = number(flag, value)?,
                "--soak" => options.soak = duration(value)?,
                "--only" => options.only = value.split(',').map(str::to_owned).collect(),
                _ => bail!("faults has no {flag}"),
            }
        }
        Ok(options)
    }

    fn wants(&self, row: &Row) -> bool {
        let is_asked_for = self.only.is_empty() || self.only.contains(&row.number);
        let is_empty =
            row.number == "kills" && self.runs == 0 || row.number == "soak" && self.soak.is_zero();
        is_asked_for && !is_empty
    }
}

fn number(flag: &str, value: &str) -> Result<u64> {
    let number = value.parse();
    number.with_context(|| format!("{flag} needs a number, not {value}"))
}

/// `90s` or `10m`.
fn duration(value: &str) -> Result<Duration> {
    let (number, seconds) = match value.strip_suffix('m') {
        Some(minutes) => (minutes, 60),
        None => (value.strip_suffix('s').unwrap_or(value), 1),
    };
    let number = number.parse::<u64>();
    let number = number.with_context(|| format!("--soak needs 90s or 10m, not {value}"))?;
    Ok(Duration::from_secs(number * seconds))
}

/// Goes through the table.
pub(crate) fn run(args: &[String]) -> Result<()> {
    let options = Options::parse(args)?;
    tools::ensure()?;
    let python = python::ensure()?;
    let mut binaries = build(&["build", "--workspace", "--all-targets"])?;
    let executables = Executables::of_workspace()?;
    if options.release {
        binaries = build(&["build", "--release", "-p", "weir"])?;
    }
    let weir = binary(&binaries, "weir")?;
    let document = root().join("docs/reference/guarantees.md");
    let document = fs::read_to_string(&document)
        .with_context(|| format!("cannot read {}", document.display()))?;
    let rows: Vec<Row> = rows::read(&document)?
        .into_iter()
        .filter(|row| options.wants(row))
        .collect();
    if rows.is_empty() {
        bail!("the table has none of the rows {}", options.only.join(","));
    }
    let tally = std::env::temp_dir().join(format!("weir-faults-{}", std::process::id()));
    let environment = Environment {
        options: &options,
        weir,
        python: &python,
        tally: &tally,
    };
    let mut results = Vec::new();
    for row in rows {
        results.push(row_result(row, &executables, &environment)?);
        let _ = fs::remove_file(&tally);
    }
    write_table(&results)?;
    let failed: Vec<_> = results
        .iter()
        .filter(|result| !result.failed.is_empty())
        .map(|result| &*result.row.number)
        .collect();
    if !failed.is_empty() {
        bail!(
            "rows failed: {0}; again: cargo xtask faults --only {0} --seed {1}",
            failed.join(","),
            options.seed
        );
    }
    Ok(())
}

/// What the tests are run with.
#[derive(Debug)]
struct Environment<'a> {
    options: &'a Options,
    weir: &'a Path,
    python: &'a Path,
    /// The file that audits add a line to.
    tally: &'a Path,
}

impl Environment<'_> {
    fn apply(&self, command: &mut Command) {
        let options = self.options;
        command
            .env("WEIR_BIN", self.weir)
            .env("WEIR_PYTHON", self.python)
            .env("WEIR_AUDIT_TALLY", self.tally)
            .env("WEIR_FAULTS_LONG", "1")
            .env("WEIR_FAULTS_RUNS", options.runs.to_string())
            .env("WEIR_FAULTS_SEED", options.seed.to_string())
            .env(
                "WEIR_FAULTS_SOAK_SECONDS",
                options.soak.as_secs().to_string(),
            )
            .stdin(Stdio::null());
    }
}

/// A row and what came of it.
#[derive(Debug)]
struct RowResult {
    row: Row,
    tests: usize,
    /// Names of the tests that failed.
    failed: Vec<String>,
    tally: Tally,
    took: Duration,
}

/// What the audits of a row add up to.
#[derive(Debug, Default)]
struct Tally {
    audits: u64,
    /// Messages.
    acknowledged: u64,
    /// Readings.
    stored: u64,
    quarantined: u64,
}

impl Tally {
    fn read(file: &Path) -> Result<Self> {
        let text = match fs::read_to_string(file) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(error.into()),
        };
        let mut tally = Self::default();
        for line in text.lines() {
            let numbers: Vec<u64> = line
                .split(' ')
                .map(str::parse)
                .collect::<Result<_, _>>()
                .with_context(|| format!("the auditor wrote {line:?}"))?;
            let [acknowledged, stored, quarantined] = numbers[..] else {
                bail!("the auditor wrote {line:?}");
            };
            tally.audits += 1;
            tally.acknowledged += acknowledged;
            tally.stored += stored;
            tally.quarantined += quarantined;
        }
        Ok(tally)
    }
}

fn row_result(
    row: Row,
    executables: &Executables,
    environment: &Environment<'_>,
) -> Result<RowResult> {
    eprintln!("faults: {} {}", row.number, row.fault);
    let begun = Instant::now();
    let mut failed = Vec::new();
    for test in &row.tests {
        let Ran { passed, output } = executables.run(test, |command| environment.apply(command))?;
        if !passed {
            eprintln!("{output}\nfaults: {} FAILED", test.function);
            failed.push(test.function.clone());
        }
    }
    Ok(RowResult {
        tests: row.tests.len(),
        row,
        failed,
        tally: Tally::read(environment.tally)?,
        took: begun.elapsed(),
    })
}

fn write_table(results: &[RowResult]) -> Result<()> {
    let mut out = io::stdout().lock();
    writeln!(
        out,
        "| # | fault | tests | audits | messages acknowledged | readings stored | quarantined | \
         verdict | seconds |\n| --- | --- | --: | --: | --: | --: | --: | --- | --: |"
    )?;
    for result in results {
        let RowResult { row, tally, .. } = result;
        let verdict = match &*result.failed {
            _ if result.tests == 0 => "no test here".to_owned(),
            [] => "holds".to_owned(),
            failed => format!("FAILED: {}", failed.join(", ")),
        };
        let or_none = |number: u64| match tally.audits {
            0 => "–".to_owned(),
            _ => number.to_string(),
        };
        writeln!(
            out,
            "| {} | {} | {} | {} | {} | {} | {} | {verdict} | {:.0} |",
            row.number,
            row.fault,
            result.tests,
            or_none(tally.audits),
            or_none(tally.acknowledged),
            or_none(tally.stored),
            or_none(tally.quarantined),
            result.took.as_secs_f64(),
        )?;
    }
    Ok(())
}

/// A path inside the workspace, as `docs/reference/guarantees.md` writes it.
fn in_workspace(file: &str) -> PathBuf {
    root().join(file)
}
