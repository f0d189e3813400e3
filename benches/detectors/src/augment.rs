//! Copies of labelled series that differ in what a detector must not depend on:
//! the interval, noise, units, skew, gaps, the time of day, the age.

use crate::Series;
use crate::noise::Noise;

/// How a copy differs.
pub const KINDS: [&str; 18] = [
    "crop", "thin2", "thin3", "thin5", "mean3", "dense2", "noise", "miss", "exp", "expneg", "log",
    "poisson", "quant", "heavy", "spiky", "hour", "sec", "months",
];

const DAY_S: f64 = 86_400.0;

/// The copy of one kind; other seeds give other copies.
pub fn copy(series: &Series, kind: &'static str, seed: u64) -> Series {
    let mut noise = Noise::new(seed, &format!("{kind} {}", series.name));
    let noise = &mut noise;
    match kind {
        "crop" => crop(series, noise),
        "thin2" => keep(series, kind, every(series, 2, noise)),
        "thin3" => keep(series, kind, every(series, 3, noise)),
        "thin5" => keep(series, kind, every(series, 5, noise)),
        "mean3" => means(series, kind),
        "dense2" => denser(series, kind, noise),
        "miss" => missing(series, kind, noise),
        "hour" => paced(series, kind, 12.0),
        "sec" => paced(series, kind, 1.0 / 300.0),
        "months" => older(series, kind),
        _ => changed(series, kind, noise),
    }
}

/// Other values at the same times.
fn changed(series: &Series, kind: &'static str, noise: &mut Noise) -> Series {
    let shape = Shape::of(&series.values);
    let (low, middle, spread) = (shape.low, shape.middle, shape.spread);
    let bend = noise.between(0.3, 0.8);
    let level = noise.between(0.1, 0.4) * spread;
    let count = noise.between(2.0, 15.0);
    let rate = noise.between(0.002, 0.02);
    let mut value = |x: f64| match kind {
        "noise" => x + level * noise.normal(),
        "exp" => ((x - middle) / spread * bend).clamp(-30.0, 30.0).exp(),
        "expneg" => (-(x - middle) / spread * bend).clamp(-30.0, 30.0).exp(),
        "log" => ((x - low) / spread + 0.3).ln(),
        "poisson" => noise.poisson((x - low) / spread * count),
        "quant" => ((x - middle) / spread / 0.5).round() * 0.5,
        "heavy" => x + 0.3 * spread * noise.normal() * noise.unit().max(1e-3).powf(-0.4),
        _ if noise.chance(rate) => x + 4.0 * spread * noise.between(0.5, 1.5),
        _ => x,
    };
    let values = series.values.iter().map(|x| value(*x)).collect();
    Series {
        name: format!("{} {kind}", series.name),
        values,
        ..series.clone()
    }
}

/// Lowest value, median, and the distance from it that 70% keep.
struct Shape {
    low: f64,
    middle: f64,
    spread: f64,
}

impl Shape {
    fn of(values: &[f64]) -> Self {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let (low, high) = (sorted[0], sorted[sorted.len() - 1]);
        let middle = sorted[sorted.len() / 2];
        let mut distances: Vec<f64> = values.iter().map(|x| (x - middle).abs()).collect();
        distances.sort_by(f64::total_cmp);
        let mut spread = distances[distances.len() * 7 / 10];
        if spread <= 1e-9 {
            spread = (high - low).max(1e-3) / 10.0;
        }
        Self {
            low,
            middle,
            spread,
        }
    }
}

/// The readings of these indexes, ascending.
fn keep(series: &Series, kind: &str, kept: Vec<usize>) -> Series {
    let values = kept.iter().map(|at| series.values[*at]).collect();
    with_values(series, kind, &kept, values)
}

fn with_values(series: &Series, kind: &str, kept: &[usize], values: Vec<f64>) -> Series {
    let windows = series.windows.iter().filter_map(|(begin, end)| {
        let first = kept.iter().position(|at| at >= begin)?;
        let last = kept.iter().rposition(|at| at <= end)?;
        (first <= last).then_some((first, last))
    });
    Series {
        name: format!("{} {kind}", series.name),
        times: kept.iter().map(|at| series.times[*at]).collect(),
        values,
        windows: windows.collect(),
    }
}

fn every(series: &Series, nth: usize, noise: &mut Noise) -> Vec<usize> {
    let first = noise.index(nth);
    (first..series.values.len()).step_by(nth).collect()
}

/// Begins later, at another time of day, upside down half of the time.
fn crop(series: &Series, noise: &mut Noise) -> Series {
    let first = (series.values.len() as f64 * noise.between(0.02, 0.08)) as usize;
    let mut copy = keep(series, "crop", (first..series.values.len()).collect());
    let shift = noise.between(0.0, DAY_S);
    copy.times.iter_mut().for_each(|time| *time += shift);
    if noise.chance(0.5) {
        copy.values.iter_mut().for_each(|value| *value = -*value);
    }
    copy
}

fn means(series: &Series, kind: &str) -> Series {
    let kept: Vec<usize> = (2..series.values.len()).step_by(3).collect();
    let mean = |at: &usize| series.values[at - 2..=*at].iter().sum::<f64>() / 3.0;
    let values = kept.iter().map(mean).collect();
    with_values(series, kind, &kept, values)
}

/// A reading more between any two.
fn denser(series: &Series, kind: &str, noise: &mut Noise) -> Series {
    let pairs = series.values.windows(2);
    let mut steps: Vec<f64> = pairs.map(|pair| (pair[1] - pair[0]).abs()).collect();
    steps.sort_by(f64::total_cmp);
    let level = steps[steps.len() / 2] * 0.5;
    let (mut times, mut values) = (Vec::new(), Vec::new());
    for at in 0..series.values.len() - 1 {
        times.push(series.times[at]);
        values.push(series.values[at]);
        times.push((series.times[at] + series.times[at + 1]) / 2.0);
        values.push((series.values[at] + series.values[at + 1]) / 2.0 + level * noise.normal());
    }
    let last = values.len() - 1;
    let windows = series.windows.iter();
    Series {
        name: format!("{} {kind}", series.name),
        windows: windows.map(|(a, b)| (a * 2, (b * 2).min(last))).collect(),
        times,
        values,
    }
}

fn missing(series: &Series, kind: &str, noise: &mut Noise) -> Series {
    let mut kept = Vec::new();
    let mut at = 0;
    while at < series.values.len() {
        if noise.chance(0.001) {
            at += noise.index(60);
        } else if !noise.chance(0.15) {
            kept.push(at);
        }
        at += 1;
    }
    keep(series, kind, kept)
}

/// The same readings at another interval.
fn paced(series: &Series, kind: &str, factor: f64) -> Series {
    let first = series.times[0];
    let paced = |time: &f64| first + (time - first) * factor;
    Series {
        name: format!("{} {kind}", series.name),
        times: series.times.iter().map(paced).collect(),
        ..series.clone()
    }
}

/// With its own quiet days before it, up to 60,000 readings.
fn older(series: &Series, kind: &str) -> Series {
    let readings = series.values.len();
    let near = |at: &usize| {
        let mut windows = series.windows.iter();
        windows.any(|(begin, end)| *at + 50 >= *begin && *at <= end + 50)
    };
    let quiet: Vec<usize> = (0..readings).filter(|at| !near(at)).collect();
    let mut steps: Vec<f64> = series.times.windows(2).map(|t| t[1] - t[0]).collect();
    steps.sort_by(f64::total_cmp);
    let interval = steps[steps.len() / 2].max(1.0);
    let day = (DAY_S / interval).round().max(1.0) as usize;
    let whole_days = quiet.len() / day * day;
    let before = (60_000 / readings).clamp(1, 8) * whole_days;
    let begin = series.times[0] - before as f64 * interval;
    let times = (0..before).map(|at| begin + at as f64 * interval);
    let values = (0..before).map(|at| series.values[quiet[at % whole_days]]);
    let windows = series.windows.iter();
    Series {
        name: format!("{} {kind}", series.name),
        times: times.chain(series.times.iter().copied()).collect(),
        values: values.chain(series.values.iter().copied()).collect(),
        windows: windows.map(|(a, b)| (a + before, b + before)).collect(),
    }
}
