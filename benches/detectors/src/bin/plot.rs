//! `plot OUT.svg [--data DIR]`: what `adaptive` reports on three of the
//! benchmark's series: the picture in `docs/functions/adaptive.md`.
//!
//! Each strip is one series, drawn as the range of its values per pixel. Shaded:
//! the windows in which experts saw something unusual. Lines below: reports,
//! green in a window, red outside.

use std::fmt::Write as _;

use anyhow::{Context, Result};
use weir_detector_benches::{Series, nab, score};
use weir_functions::Adaptive;

const WIDTH: usize = 760;
const HEIGHT: f64 = 110.0;
const GAP: f64 = 48.0;
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
    let mut arguments = std::env::args().skip(1);
    let out = arguments
        .next()
        .context("usage: plot OUT.svg [--data DIR]")?;
    let root = match arguments.next().as_deref() {
        Some("--data") => arguments.next().context("--data wants a folder")?.into(),
        _ => nab::default_root(),
    };
    let all = nab::load(&root)?;
    let mut body = String::new();
    for (nth, (name, title)) in SHOWN.iter().enumerate() {
        let series = all.iter().find(|series| series.name == *name);
        let series = series.with_context(|| format!("there is no {name}"))?;
        strip(series, title, 20.0 + nth as f64 * (HEIGHT + GAP), &mut body);
    }
    let height = 20.0 + SHOWN.len() as f64 * (HEIGHT + GAP);
    let svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" \
         font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n{body}</svg>\n"
    );
    std::fs::write(&out, svg).with_context(|| format!("cannot write {out}"))
}

fn strip(series: &Series, title: &str, top: f64, into: &mut String) {
    let readings = series.values.len();
    let x = |at: usize| at as f64 * WIDTH as f64 / readings as f64;
    let low = series.values.iter().copied().fold(f64::INFINITY, f64::min);
    let high = series
        .values
        .iter()
        .copied()
        .fold(f64::NEG_INFINITY, f64::max);
    let y = |value: f64| top + HEIGHT - (value - low) / (high - low).max(1e-9) * HEIGHT;
    let begin = top - 6.0;
    let _ = writeln!(into, "<text x=\"2\" y=\"{begin:.0}\">{title}</text>");
    let learning = x(score::probation(readings));
    let _ = writeln!(
        into,
        "<rect x=\"0\" y=\"{top}\" width=\"{learning:.1}\" height=\"{HEIGHT}\" fill=\"#f2f2f2\"/>"
    );
    for (first, last) in &series.windows {
        let (left, width) = (x(*first), x(last - first));
        let _ = writeln!(
            into,
            "<rect x=\"{left:.1}\" y=\"{top}\" width=\"{width:.1}\" height=\"{HEIGHT}\" fill=\"#fde9b0\"/>"
        );
    }
    let mut path = String::new();
    for pixel in 0..WIDTH {
        let from = pixel * readings / WIDTH;
        let until = ((pixel + 1) * readings / WIDTH).clamp(from + 1, readings);
        let values = &series.values[from..until];
        let least = values.iter().copied().fold(f64::INFINITY, f64::min);
        let most = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let command = if pixel == 0 { 'M' } else { 'L' };
        let _ = write!(path, "{command}{pixel} {:.1}V{:.1}", y(least), y(most));
    }
    let _ = writeln!(
        into,
        "<path d=\"{path}\" fill=\"none\" stroke=\"#2b5c8a\" stroke-width=\"0.8\"/>"
    );
    let mut detector = Adaptive::default();
    let mut newest = f64::NEG_INFINITY;
    for (at, (time, value)) in series.times.iter().zip(&series.values).enumerate() {
        if *time <= newest {
            continue;
        }
        newest = *time;
        if !detector.step((time * 1e9) as i64, *value).reported {
            continue;
        }
        let found = series.windows.iter().any(|(a, b)| (*a..=*b).contains(&at));
        let colour = if found { "#1a7f37" } else { "#c62828" };
        let (left, bottom) = (x(at), top + HEIGHT);
        let end = bottom + 12.0;
        let _ = writeln!(
            into,
            "<line x1=\"{left:.1}\" x2=\"{left:.1}\" y1=\"{bottom}\" y2=\"{end}\" stroke=\"{colour}\" stroke-width=\"2\"/>"
        );
    }
}
