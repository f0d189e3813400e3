//! `cargo xtask bench plots [--out DIR] [--data DIR]`: draws `docs/reference/functions/*.svg`.
//! That of `adaptive` shows series of the Numenta Anomaly Benchmark and is left
//! as it is when they are not there.

#![expect(clippy::print_stdout, reason = "it prints what it has drawn")]

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use weir_detector_benches::plots::{Strip, picture, pictures};
use weir_detector_benches::{Series, nab};
use weir_engine::Adaptive;

const SHOWN: [(&str, &str); 3] = [
    (
        "realKnownCause/machine_temperature_system_failure.csv",
        "a machine's temperature: four of four found",
    ),
    (
        "realKnownCause/nyc_taxi.csv",
        "taxi passengers in New York: holidays, a marathon and a storm",
    ),
    (
        "realKnownCause/rogue_agent_key_hold.csv",
        "times between key strokes: where it misses",
    ),
];

fn main() -> Result<()> {
    let mut out = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/functions");
    let mut root = nab::default_root();
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        let value = arguments
            .next()
            .with_context(|| format!("{name} wants a folder"))?;
        match name.as_str() {
            "--out" => out = PathBuf::from(value),
            "--data" => root = PathBuf::from(value),
            _ => bail!("unknown argument {name}; there are --out DIR and --data DIR"),
        }
    }
    for (kind, strips) in pictures()? {
        write(&out, kind, &strips)?;
    }
    if root.is_dir() {
        write(&out, "adaptive", &adaptive(&root)?)?;
    } else {
        println!("adaptive.svg is left: there is no {}", root.display());
    }
    Ok(())
}

fn write(out: &Path, kind: &str, strips: &[Strip]) -> Result<()> {
    let path = out.join(format!("{kind}.svg"));
    let svg = picture(strips);
    println!("{kind}.svg: {} bytes", svg.len());
    std::fs::write(&path, svg).with_context(|| format!("cannot write {}", path.display()))
}

fn adaptive(root: &Path) -> Result<Vec<Strip>> {
    let all = nab::load(root)?;
    let strip = |(name, title): &(&str, &str)| {
        let series = all.iter().find(|series| series.name == *name);
        let series = series.with_context(|| format!("there is no {name}"))?;
        Ok(Strip {
            title: (*title).to_owned(),
            lines: vec![
                (0..)
                    .map(f64::from)
                    .zip(series.values.iter().copied())
                    .collect(),
            ],
            faults: series
                .windows
                .iter()
                .map(|(from, to)| (*from as f64, *to as f64))
                .collect(),
            found: reports(series),
            ..Strip::default()
        })
    };
    SHOWN.iter().map(strip).collect()
}

/// Late readings are not judged, as in a running Weir.
fn reports(series: &Series) -> Vec<(f64, f64)> {
    let mut detector = Adaptive::default();
    let mut newest = f64::NEG_INFINITY;
    let mut reports = Vec::new();
    for (at, (time, value)) in series.times.iter().zip(&series.values).enumerate() {
        if *time <= newest {
            continue;
        }
        newest = *time;
        if detector.step((time * 1e9) as i64, *value).reported {
            reports.push((at as f64, at as f64));
        }
    }
    reports
}
