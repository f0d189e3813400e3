//! The pictures in `docs/reference/functions/`: what each kind of function catches and what
//! it misses, from the output of the function itself.
//!
//! A picture is a few strips, one series each. Shaded: what is wrong. Bars below:
//! where the function found fault, green inside of what is wrong and red outside.
//! Colours follow the reader's light or dark scheme. The same code gives the same
//! bytes: a test holds the files in the tree to it.

mod checks;
mod detectors;
mod devices;
mod modules;
mod svg;

use anyhow::{Result, anyhow};
use weir_config::Config;
use weir_engine::{Batch, Engine};
use weir_model::{Ingress, Message, Position, Timestamp};
use weir_simulator::demo_module;

pub use svg::picture;

/// Where the plotted series begin: 2026-11-02T00:00:00Z, a Monday.
const BEGIN_S: f64 = 1_793_577_600.0;

/// One series, what watches it, and what is wrong in it.
#[derive(Clone, Debug, Default)]
pub struct Strip {
    pub title: String,
    /// Lines to draw, as (seconds, value); the first is the thick one.
    pub lines: Vec<Vec<(f64, f64)>>,
    /// Horizontal lines: limits.
    pub levels: Vec<f64>,
    /// From and to, seconds: what is wrong.
    pub faults: Vec<(f64, f64)>,
    /// From and to, seconds: where the function finds fault.
    pub found: Vec<(f64, f64)>,
    /// Each reading as a dot.
    pub dots: bool,
}

/// What a device says at an instant.
#[derive(Clone, Debug)]
struct Said {
    /// Seconds since [`BEGIN_S`], by Weir's clock.
    received_s: f64,
    /// By the device's.
    time_s: f64,
    /// A flat event's members: `"x":1.5,"y":2`; empty: only time passes.
    members: String,
}

impl Said {
    fn value(at_s: f64, value: f64) -> Self {
        Self {
            received_s: at_s,
            time_s: at_s,
            members: format!("{{\"sensorId\":\"x\",\"value\":{value:?}}}"),
        }
    }
}

/// The kinds that have a picture here, with their strips.
pub fn pictures() -> Result<Vec<(&'static str, Vec<Strip>)>> {
    let mut pictures = checks::pictures()?;
    pictures.extend(detectors::pictures()?);
    pictures.extend(devices::pictures()?);
    pictures.extend(modules::pictures()?);
    Ok(pictures)
}

/// A strip of one sensor, watched by a function with these keys.
fn plain(title: &str, keys: &str, points: Vec<(f64, f64)>, faults: &[(f64, f64)]) -> Result<Strip> {
    let said: Vec<Said> = points
        .iter()
        .map(|(at, value)| Said::value(*at, *value))
        .collect();
    Ok(Strip {
        title: title.to_owned(),
        found: found(&format!("sensor = \"x\"\n{keys}"), &said)?,
        faults: faults.to_vec(),
        lines: vec![points],
        ..Strip::default()
    })
}

/// When the function with these keys found fault, by the clock of the device.
fn found(keys: &str, said: &[Said]) -> Result<Vec<(f64, f64)>> {
    let text = format!("[limits]\nmax_ahead = \"365d\"\n[[function]]\nname = \"f\"\n{keys}\n");
    let loaded = Config::from_toml_with_modules(&text, std::iter::empty(), &demo_module);
    let loaded = loaded.map_err(|problems| {
        let reported: Vec<String> = problems.iter().map(ToString::to_string).collect();
        anyhow!("{}: {keys}", reported.join("; "))
    })?;
    let mut engine = Engine::new(&loaded.config);
    let (mut batch, mut spans) = (Batch::default(), Vec::<(f64, f64)>::new());
    let mut open = false;
    for (nth, said) in said.iter().enumerate() {
        let tick = said.members.is_empty();
        let time_ms = ((BEGIN_S + said.time_s) * 1e3).round() as i64;
        let payload = format!("{{\"timestamp\":{time_ms},\"data\":[{}]}}", said.members);
        batch.clear();
        let message = Message {
            received: Timestamp(((BEGIN_S + said.received_s) * 1e9).round() as i64),
            ingress: if tick {
                Ingress::Clock
            } else {
                Ingress::Broker
            },
            client: "",
            topic: "devices/d/telemetry",
            payload: if tick { b"" } else { payload.as_bytes() },
            qos: 1,
            retained: false,
            duplicate: false,
        };
        engine.on_message(Position(nth as u64), &message, &mut batch);
        let judged: Vec<bool> = batch.verdicts.iter().map(|v| v.level.is_some()).collect();
        if judged.is_empty() && !open {
            continue;
        }
        let at = said.time_s;
        let fault = if judged.is_empty() {
            open
        } else {
            judged.contains(&true)
        };
        match (fault, open) {
            (true, true) => {
                if let Some(span) = spans.last_mut() {
                    span.1 = at;
                }
            }
            (true, false) => spans.push((at, at)),
            (false, _) => {}
        }
        open = fault;
    }
    Ok(spans)
}

/// So many readings, so many seconds apart.
fn readings(count: usize, step_s: f64, mut of: impl FnMut(f64) -> f64) -> Vec<(f64, f64)> {
    let at = |nth: usize| nth as f64 * step_s;
    (0..count).map(|nth| (at(nth), of(at(nth)))).collect()
}

/// -1 at six in the morning to 1 at six in the evening, hours.
fn day(at_s: f64) -> f64 {
    ((at_s / 3_600.0 - 12.0) / 24.0 * std::f64::consts::TAU).sin()
}
