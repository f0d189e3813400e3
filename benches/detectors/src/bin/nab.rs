//! `cargo xtask bench nab [--data DIR] [--threshold T]`: how well `adaptive`
//! finds what is unusual, on the Numenta Anomaly Benchmark's series as far as
//! they are there, on altered copies of them, and on generated series.
//!
//! One threshold for everything, the one below which the detector reports
//! nothing. The column `frozen` is what each series gets under the best
//! threshold of all the others.

#![expect(clippy::print_stdout, reason = "the tables are what it is for")]

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use weir_detector_benches::score::{Tally, tally};
use weir_detector_benches::{Series, augment, families, nab};
use weir_engine::Adaptive;

const THRESHOLD: f64 = 0.5;
const COPIES: u64 = 3;
const PER_FAMILY: u64 = 60;

fn main() -> Result<()> {
    let (root, threshold) = arguments()?;
    let real = nab::load(&root)?;
    println!("| series | score | found | false per series |\n| --- | --- | --- | --- |");
    let scored: Vec<_> = real.iter().map(|series| (series, scores(series))).collect();
    let all = |threshold: f64| total(scored.iter().map(|(s, c)| tally(s, c, threshold)));
    row(
        &format!("the {} of the benchmark", real.len()),
        all(threshold),
    );
    println!(
        "| ... threshold of the others | {:.1} | | |",
        frozen(&scored)
    );
    let control = |score: f64| {
        let constant = |s: &Series| tally(s, &vec![score; s.values.len()], 0.5);
        total(real.iter().map(constant)).normalised()
    };
    println!("| ... says nothing | {:.1} | | |", control(0.0));
    println!("| ... always alarms | {:.1} | | |", control(1.0));
    let mut sums = [(0.0, 0.0); 2];
    for kind in augment::KINDS {
        let copies = real
            .iter()
            .flat_map(|series| (1..=COPIES).map(move |seed| augment::copy(series, kind, seed)));
        let tally = total(copies.map(|copy| tally(&copy, &scores(&copy), threshold)));
        row(&format!("copies: {kind}"), tally);
        if kind != "months" {
            sums[0] = (sums[0].0 + tally.normalised(), sums[0].1 + 1.0);
        }
    }
    for family in families::NAMES {
        let series = (1..=PER_FAMILY).map(|seed| families::series(family, seed));
        let tally = total(series.map(|series| tally(&series, &scores(&series), threshold)));
        row(&format!("generated: {family}"), tally);
        if tally.windows > 0.0 {
            sums[1] = (sums[1].0 + tally.normalised(), sums[1].1 + 1.0);
        }
    }
    for ((sum, count), name) in sums
        .into_iter()
        .zip(["copies (without months)", "generated"])
    {
        println!("| mean of {name} | {:.1} | | |", sum / count);
    }
    Ok(())
}

fn arguments() -> Result<(PathBuf, f64)> {
    let (mut root, mut threshold) = (nab::default_root(), THRESHOLD);
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        let value = arguments
            .next()
            .with_context(|| format!("{name} wants a value"))?;
        match name.as_str() {
            "--data" => root = value.into(),
            "--threshold" => threshold = value.parse()?,
            _ => bail!("unknown argument {name}; there are --data DIR and --threshold T"),
        }
    }
    Ok((root, threshold))
}

/// Late readings are not judged, as in a running Weir.
fn scores(series: &Series) -> Vec<f64> {
    let mut detector = Adaptive::default();
    let mut newest = f64::NEG_INFINITY;
    let readings = series.times.iter().zip(&series.values);
    readings
        .map(|(time, value)| {
            if *time <= newest {
                return 0.0;
            }
            newest = *time;
            detector.step((time * 1e9) as i64, *value).score()
        })
        .collect()
}

fn total(tallies: impl Iterator<Item = Tally>) -> Tally {
    tallies.fold(Tally::default(), |mut sum, tally| {
        sum.add(tally);
        sum
    })
}

/// Leave one out: each series scored at the threshold that is best for the rest.
fn frozen(scored: &[(&Series, Vec<f64>)]) -> f64 {
    let mut thresholds: Vec<f64> = scored.iter().flat_map(|(_, c)| c.iter().copied()).collect();
    thresholds.retain(|score| *score > 0.2);
    thresholds.sort_by(f64::total_cmp);
    thresholds.dedup();
    thresholds.retain({
        let mut nth = 0;
        move |_| {
            nth += 1;
            nth % 4 == 0
        }
    });
    thresholds.push(THRESHOLD);
    let table: Vec<Vec<Tally>> = thresholds
        .iter()
        .map(|t| scored.iter().map(|(s, c)| tally(s, c, *t)).collect())
        .collect();
    let without = |row: &[Tally], left_out: usize| {
        let rest = row.iter().enumerate().filter(|(at, _)| *at != left_out);
        total(rest.map(|(_, tally)| *tally)).normalised()
    };
    let own = (0..scored.len()).map(|at| {
        let best = table
            .iter()
            .max_by(|a, b| without(a, at).total_cmp(&without(b, at)));
        best.map_or_else(Tally::default, |row| row[at])
    });
    total(own).normalised()
}

fn row(name: &str, tally: Tally) {
    let Tally {
        found,
        windows,
        false_positives,
        series,
        ..
    } = tally;
    let score = tally.normalised();
    println!(
        "| {name} | {score:.1} | {found} of {windows} | {:.2} |",
        false_positives / series
    );
}
