//! `cargo xtask bench functions`: nanoseconds per reading and bytes per series of
//! each kind of function, beside a plain loop that sums the values.
//!
//! Each kind runs alone in an engine that gets the same messages: 1,000 readings
//! of one sensor each. What an engine without any function costs (decoding,
//! validation, rows) is measured first and taken off. The detector of `adaptive`
//! is measured by itself too. The kinds that look at a device as a whole get
//! messages of two readings, and are given per message. What a call of a
//! WebAssembly module costs is shared by the readings of its message: `wasm` gets
//! messages of 1, of 10 and of 1,000 readings, and `threshold`, which does the same
//! natively, beside it.

#![expect(clippy::print_stdout, reason = "the tables are what it is for")]

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Result;
use weir_config::{Config, ModuleContent};
use weir_detector_benches::noise::Noise;
use weir_engine::{Adaptive, Batch, Engine};
use weir_model::{Ingress, Message, Position, Timestamp};

const READINGS: usize = 5_000;
const PER_MESSAGE: usize = 1_000;
const ROUNDS: usize = 200;
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

/// Those that look at a device as a whole.
const OF_DEVICES: [(&str, &str); 3] = [
    ("absence", "after = \"10d\""),
    ("derived", "expression = \"t * u\"\noutput = \"d\""),
    ("multivariate", "sensors = [\"t\", \"u\"]\noutput = \"d\""),
];

/// A module that does what `threshold` does.
const LIMIT: &[u8] = include_bytes!("../../../../docs/reference/functions/wasm/limit.wat");

fn main() -> Result<()> {
    let values = values();
    let messages = payloads(&values, PER_MESSAGE);
    println!("| what | ns per reading | times the plain loop | bytes per series |");
    println!("| --- | --- | --- | --- |");
    let sum = best(|| {
        black_box(black_box(&values).iter().sum::<f64>());
    });
    let row = |what: &str, ns: f64, bytes: &str| {
        println!("| {what} | {ns:.1} | {:.0} | {bytes} |", ns / sum);
    };
    println!("| a plain loop that sums the values | {sum:.2} | 1 | 8 |");
    let detector = best(|| {
        let mut detector = Adaptive::default();
        for (at, value) in values.iter().enumerate() {
            black_box(detector.step(BEGIN_NS + at as i64 * INTERVAL_NS, *value));
        }
    });
    let size = size_of::<Adaptive>().to_string();
    row("adaptive, the detector by itself", detector, &size);
    let none = engine("", &messages, READINGS)?.0;
    row(
        "an engine without functions: decode, validate, rows",
        none,
        "",
    );
    let table =
        |kind: &str, keys: &str| format!("[[function]]\nname = \"f\"\nkind = \"{kind}\"\n{keys}\n");
    for (kind, keys) in KINDS {
        let (with, bytes) = engine(&table(kind, keys), &messages, READINGS)?;
        row(kind, (with - none).max(0.0), &bytes.to_string());
    }
    for count in [1, 10, PER_MESSAGE] {
        let messages = payloads(&values, count);
        let none = engine("", &messages, READINGS)?.0;
        let readings = if count == 1 { "reading" } else { "readings" };
        for (kind, keys) in [
            ("threshold", "warning_high = 1e6"),
            ("wasm", "module = \"limit.wat\"\nparams = [1e6, 2e6]"),
        ] {
            let (with, bytes) = engine(&table(kind, keys), &messages, READINGS)?;
            row(
                &format!("in messages of {count} {readings}: {kind}"),
                (with - none).max(0.0),
                &bytes.to_string(),
            );
        }
    }
    let messages = pairs(&values);
    let none = engine("", &messages, 2 * READINGS)?.0;
    row(
        "per message of two readings: an engine without functions",
        none,
        "",
    );
    for (kind, keys) in OF_DEVICES {
        let (with, bytes) = engine(&table(kind, keys), &messages, 2 * READINGS)?;
        row(
            &format!("per message: {kind}"),
            (with - none).max(0.0),
            &bytes.to_string(),
        );
    }
    Ok(())
}

/// A message per value, and another sensor that goes with it.
fn pairs(values: &[f64]) -> Vec<String> {
    let pair = |(at, value): (usize, &f64)| {
        let time = (BEGIN_NS + at as i64 * INTERVAL_NS) / 1_000_000;
        let other = 2.0 * value + 0.1 * (at % 7) as f64;
        format!(r#"{{"timestamp":{time},"t":{value:.4},"u":{other:.4}}}"#)
    };
    values.iter().enumerate().map(pair).collect()
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

/// So many readings in each.
fn payloads(values: &[f64], count: usize) -> Vec<String> {
    let payload = |(nth, values): (usize, &[f64])| {
        let reading = |(at, value): (usize, &f64)| {
            let time = (BEGIN_NS + (nth * count + at) as i64 * INTERVAL_NS) / 1_000_000;
            format!(r#"{{"sensorId":"t","value":{value:.4},"timestamp":{time}}}"#)
        };
        let readings: Vec<String> = values.iter().enumerate().map(reading).collect();
        format!(r#"{{"data":[{}]}}"#, readings.join(","))
    };
    values.chunks(count).enumerate().map(payload).collect()
}

/// Nanoseconds per reading, and bytes per series of the last function.
fn engine(table: &str, messages: &[String], readings: usize) -> Result<(f64, usize)> {
    let table = format!("[limits]\nmax_ahead = \"36500d\"\n{table}");
    let content: Arc<ModuleContent> = ModuleContent::new(LIMIT.to_vec()).into();
    let limit = |name: &str| (name == "limit.wat").then(|| content.clone());
    let loaded = Config::from_toml_with_modules(&table, std::iter::empty(), &limit);
    let config = loaded.map_err(|problems| {
        let reported: Vec<String> = problems.iter().map(ToString::to_string).collect();
        anyhow::anyhow!("{}", reported.join("; "))
    });
    let config = config?.config;
    let mut bytes = 0;
    let mut judged = 0;
    let mut failed = false;
    let ns = best(|| {
        let mut engine = Engine::new(&config);
        let mut batch = Batch::default();
        judged = 0;
        for (nth, payload) in messages.iter().enumerate() {
            batch.clear();
            let message = Message {
                received: Timestamp(BEGIN_NS),
                ingress: Ingress::Http,
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
        failed |= engine.modules().any(|module| module.last.is_some());
        bytes = engine.functions().last().map_or(0, |f| f.bytes_per_series);
    });
    anyhow::ensure!(
        judged as usize >= readings,
        "only {judged} readings were taken"
    );
    anyhow::ensure!(!failed, "a call of the module failed");
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
