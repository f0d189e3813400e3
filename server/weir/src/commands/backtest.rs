//! `weir backtest`: what a configuration would have made of readings that are
//! there.

use std::io::IsTerminal;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, Result};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;
use weir_backtest::input::{self, Range};
use weir_backtest::journal::{Covered, Journal};
use weir_backtest::readings::Readings;
use weir_backtest::report::{self, Episode, Report};
use weir_backtest::run::{self, Rules};
use weir_backtest::scores::ScoreFile;
use weir_backtest::stored::Stored;
use weir_config::{Config, LoadError};
use weir_workers::load_config;

use crate::cli::BacktestArgs;
use crate::commands::bad_config;
use crate::output;

/// Readings of stored devices that are worked on at once.
const GROUP: u64 = 5_000_000;

pub(crate) fn run(args: &BacktestArgs) -> Result<ExitCode> {
    let mut configs = Vec::new();
    for path in std::iter::once(&args.config).chain(&args.against) {
        match load_config(path, std::iter::empty()) {
            Ok(loaded) => configs.push(loaded.config),
            Err(error @ LoadError::Invalid { .. }) => {
                eprintln!("{error}");
                return Ok(bad_config());
            }
            Err(error) => return Err(error.into()),
        }
    }
    let range = Range {
        from: args.from,
        to: args.to,
    };
    let began = Instant::now();
    let mut scores = args.scores.as_deref().map(ScoreFile::create).transpose()?;
    let (mut reports, covered) = if args.journal {
        let (reports, covered) = journal(args, &configs, range, scores.as_mut())?;
        (reports, Some(covered))
    } else {
        (readings(args, configs, range, scores.as_mut())?, None)
    };
    if let Some(scores) = scores {
        scores.finish()?;
    }
    reports.iter_mut().for_each(Report::sort);
    let seconds = began.elapsed().as_secs_f64();
    if args.json {
        as_json(&reports, covered, seconds)?;
    } else {
        as_lines(args, &reports, covered, seconds)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The messages of a journal.
fn journal(
    args: &BacktestArgs,
    configs: &[Config],
    range: Range,
    scores: Option<&mut ScoreFile>,
) -> Result<(Vec<Report>, Covered)> {
    let journal = Journal::open(&args.data.dir, range)?;
    let bar = bar("{bar:30} {bytes}/{total_bytes}, {bytes_per_sec}, {eta}");
    bar.set_length(journal.bytes() * configs.len() as u64);
    let outcome = journal.run(configs, scores, &|bytes| bar.inc(bytes));
    bar.finish_and_clear();
    outcome
}

/// The readings of files or of a store.
fn readings(
    args: &BacktestArgs,
    configs: Vec<Config>,
    range: Range,
    scores: Option<&mut ScoreFile>,
) -> Result<Vec<Report>> {
    let store = configs[0].embedded_store.clone();
    let mut rules = Vec::new();
    for config in configs {
        rules.push(Rules::new(config, rules.is_empty() && scores.is_some()));
    }
    let mut work = Work {
        reports: rules.iter().map(|_| Report::default()).collect(),
        rules,
        scores,
        bar: bar("{bar:30} {human_pos}/{human_len} readings, {per_sec}, {eta} {msg}"),
    };
    if args.input.is_empty() {
        work.stored(&Stored::open(&args.data.dir, &store, range)?)?;
    } else {
        let readings = input::read(&args.input, range, &mut |path| {
            work.bar.set_message(format!("reading {}", path.display()));
        })?;
        work.bar.set_message("");
        work.bar.set_length(readings.rows.len() as u64);
        work.group(&readings)?;
    }
    work.bar.finish_and_clear();
    Ok(work.reports)
}

/// What a run works with.
struct Work<'a> {
    rules: Vec<Rules>,
    reports: Vec<Report>,
    scores: Option<&'a mut ScoreFile>,
    bar: ProgressBar,
}

impl Work<'_> {
    /// Devices of a store, some at a time: it need not fit into memory.
    fn stored(&mut self, stored: &Stored) -> Result<()> {
        self.bar
            .set_length(stored.devices.iter().map(|(_, readings)| readings).sum());
        let mut readings = Readings::default();
        for (device, _) in &stored.devices {
            stored.read(device, &mut readings)?;
            if readings.rows.len() as u64 >= GROUP {
                self.group(&readings)?;
                readings = Readings::default();
            }
        }
        self.group(&readings)
    }

    fn group(&mut self, readings: &Readings) -> Result<()> {
        let devices = readings.by_device();
        let bar = &self.bar;
        let outcomes = run::run(&self.rules, readings, &devices, &|done| bar.inc(done))?;
        if let Some(scores) = &mut self.scores {
            let first: Vec<_> = outcomes.iter().filter_map(|of| of.first()).collect();
            scores.write(readings, &devices, &first)?;
        }
        for of_device in outcomes {
            for (report, outcome) in self.reports.iter_mut().zip(of_device) {
                report.counts.add(&outcome.counts);
                report.alerts.extend(outcome.alerts);
            }
        }
        Ok(())
    }
}

/// On stderr, and only when somebody looks at it.
fn bar(template: &str) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template(template).expect("the template is well formed");
    ProgressBar::new(0).with_style(style)
}

fn as_json(reports: &[Report], covered: Option<Covered>, seconds: f64) -> Result<()> {
    let mut document = reports[0].to_json();
    if let Some(covered) = covered {
        document["journal"] = covered.to_json();
    }
    document["seconds"] = json!(seconds);
    if let Some(old) = reports.get(1) {
        let (new_episodes, old_episodes) = (report::episodes(&reports[0]), report::episodes(old));
        let (only_new, only_old) = report::differences(&new_episodes, &old_episodes);
        let list = |episodes: &[&Episode<'_>]| -> Vec<_> {
            episodes.iter().map(|episode| episode.to_json()).collect()
        };
        document["against"] = old.to_json();
        document["onlyNew"] = json!(list(&only_new));
        document["onlyOld"] = json!(list(&only_old));
    }
    output::line(&serde_json::to_string_pretty(&document).context("cannot print")?)?;
    Ok(())
}

fn as_lines(
    args: &BacktestArgs,
    reports: &[Report],
    covered: Option<Covered>,
    seconds: f64,
) -> Result<()> {
    let lines = match reports.get(1) {
        None => reports[0].alerts.iter().map(report::line).collect(),
        Some(old) => compared(&reports[0], old),
    };
    for line in lines {
        if !output::line(&line)? {
            return Ok(());
        }
    }
    for (path, report) in std::iter::once(&args.config)
        .chain(&args.against)
        .zip(reports)
    {
        eprintln!("{}: {}", path.display(), report.summary());
    }
    if let Some(covered) = covered {
        eprintln!("{}", covered.summary());
    }
    eprintln!("{seconds:.1} s");
    Ok(())
}

/// `+` what only the new configuration raises, `-` what only the old one did.
fn compared(new: &Report, old: &Report) -> Vec<String> {
    let (new, old) = (report::episodes(new), report::episodes(old));
    let (only_new, only_old) = report::differences(&new, &old);
    let same = new.len() - only_new.len();
    let signed = |sign: char, episodes: Vec<&Episode<'_>>| -> Vec<(i64, String)> {
        let line = |episode: &&Episode<'_>| {
            let text = format!("{sign} {}", report::line(episode.raised));
            (episode.raised.timestamp, text)
        };
        episodes.iter().map(line).collect()
    };
    let mut lines = signed('+', only_new);
    lines.extend(signed('-', only_old));
    lines.sort_by_key(|(time, _)| *time);
    let mut lines: Vec<String> = lines.into_iter().map(|(_, line)| line).collect();
    lines.push(format!("  {same} alarms are the same in both"));
    lines
}
