//! `cargo xtask bench functions`: nanoseconds per reading and bytes per series of
//! each kind of function, beside a plain loop that sums the values.
//!
//! Each kind runs alone in an engine that gets the same messages: 1,000 readings
//! of one sensor each. What an engine without any function costs (decoding,
//! validation, rows) is measured first and taken off. The detector of `adaptive`
//! is measured by itself too.

#![expect(clippy::print_stdout, reason = "the tables are what it is for")]

use std::hint::black_box;
use std::time::Instant;

use anyhow::Result;
use weir_config::Config;
use weir_detector_benches::noise::Noise;
use weir_functions::{Adaptive, Batch, Engine};
use weir_model::{Door, Message, Position, Timestamp};

const READINGS: usize = 5_000;
const PER_MESSAGE: usize = 1_000;
const ROUNDS: usize = 300;
const INTERVAL_NS: i64 = 60_000_000_000;
const BEGIN_NS: i64 = 1_700_000_000_000_000_000;

/// Kind, and the keys that it must have.
const KINDS: [(&str, &str); 15] = [
    ("threshold", "warning_high = 1e6\ndeadband = 1.0"),
    ("range", "min = -1e6\nmax = 1e6"),
    ("clock", "max_ahead = \"10d\""),
    ("allowed", "values = [1, 2, 3]\nquality = \"suspect\""),
    ("rate_of_change", "max_rise = 1e6\nper = \"1s\""),
    ("stuck", "after = \"10d\""),
    ("flatline", "after = \"10d\""),
    ("gap", "max_gap = \"10d\""),
    ("duplicate", "interval = \"1s\""),
    ("unit", "unit = \"Cel\""),
    ("ewma", "half_life = \"1h\""),
    ("mad", ""),
    ("seasonal", ""),
    ("cusum", ""),
    ("adaptive", ""),
];

fn main() -> Result<()> {
    let values = values();
    let messages: Vec<String> = values
        .chunks(PER_MESSAGE)
        .enumerate()
        .map(payload)
        .collect();
    println!("| what | ns per reading | bytes per series |\n| --- | --- | --- |");
    let sum = best(|| {
        black_box(black_box(&values).iter().sum::<f64>());
    });
    println!("| a plain loop that sums the values | {sum:.2} | 8 |");
    let detector = best(|| {
        let mut detector = Adaptive::default();
        for (at, value) in values.iter().enumerate() {
            black_box(detector.step(BEGIN_NS + at as i64 * INTERVAL_NS, *value));
        }
    });
    let size = size_of::<Adaptive>();
    println!("| adaptive, the detector by itself | {detector:.1} | {size} |");
    let none = engine("", &messages)?.0;
    println!("| an engine without functions: decode, validate, rows | {none:.0} | |");
    for (kind, keys) in KINDS {
        let table = format!("[[function]]\nname = \"f\"\nkind = \"{kind}\"\n{keys}\n");
        match engine(&table, &messages) {
            Ok((with, bytes)) => println!("| {kind} | {:.0} | {bytes} |", (with - none).max(0.0)),
            Err(error) => println!("| {kind} | {error:#} | |"),
        }
    }
    Ok(())
}

/// A day that swings, noise, and now and then a spike.
fn values() -> Vec<f64> {
    let mut noise = Noise::new(1, "functions");
    (0..READINGS)
        .map(|at| {
            let day = (at as f64 / 1_440.0 * std::f64::consts::TAU).sin();
            let spike = if noise.chance(0.001) { 20.0 } else { 0.0 };
            20.0 + 5.0 * day + noise.normal() + spike
        })
        .collect()
}

fn payload((nth, values): (usize, &[f64])) -> String {
    let readings: Vec<String> = values
        .iter()
        .enumerate()
        .map(|(at, value)| {
            let time = (BEGIN_NS + (nth * PER_MESSAGE + at) as i64 * INTERVAL_NS) / 1_000_000;
            format!(r#"{{"sensorId":"t","value":{value:.4},"timestamp":{time}}}"#)
        })
        .collect();
    format!(r#"{{"data":[{}]}}"#, readings.join(","))
}

/// Nanoseconds per reading, and bytes per series of the last function.
fn engine(table: &str, messages: &[String]) -> Result<(f64, usize)> {
    let table = format!("[limits]\nmax_ahead = \"36500d\"\n{table}");
    let config = Config::from_toml(&table).map_err(|problems| {
        let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
        anyhow::anyhow!("{}", told.join("; "))
    })?;
    let mut bytes = 0;
    let mut judged = 0;
    let ns = best(|| {
        let mut engine = Engine::new(&config);
        let mut batch = Batch::default();
        judged = 0;
        for (nth, payload) in messages.iter().enumerate() {
            batch.clear();
            let message = Message {
                received: Timestamp(BEGIN_NS),
                door: Door::Http,
                client: "",
                topic: "devices/d/telemetry",
                payload: payload.as_bytes(),
                qos: 1,
                retained: false,
                duplicate: false,
            };
            engine.on_message(Position(nth as u64), &message, &mut batch);
            judged += batch.rows.readings();
        }
        bytes = engine.functions().last().map_or(0, |f| f.bytes_per_series);
    });
    anyhow::ensure!(
        judged as usize == READINGS,
        "only {judged} readings were taken"
    );
    Ok((ns, bytes))
}

/// The best of some rounds, in nanoseconds per reading.
fn best(mut round: impl FnMut()) -> f64 {
    let times = (0..ROUNDS).map(|_| {
        let begin = Instant::now();
        round();
        begin.elapsed().as_secs_f64()
    });
    times.fold(f64::INFINITY, f64::min) * 1e9 / READINGS as f64
}
