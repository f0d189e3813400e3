//! What the functions made of one reading, done again: an engine and an alarm
//! engine of their own get the stored readings of the device up to it, as
//! `weir backtest` does. Memory, conclusions and alarms come out as they were if
//! what is remembered reaches back no further than the readings do.
//!
//! Left out is what is not stored: when messages came (`clock`, `absence`),
//! limits that came with a reading (`payload`), and what was quarantined.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Value, json};
use weir_config::{Config, FunctionKind, Route, TopicPattern};
use weir_engine::{Explained, Tally};
use weir_model::{Alert, Ingress, Message, Position, Short, Side, Timestamp, Verdict, Why};
use weir_pipeline::{Effects, Pipeline};

use crate::readings::{Content, Reading, Readings};

/// The functions of the series around one reading.
#[derive(Debug, Default)]
pub struct Past {
    /// By name; before the reading, and after it.
    pub before: HashMap<Arc<str>, Explained>,
    pub after: HashMap<Arc<str>, Explained>,
    pub conclusions: HashMap<Arc<str>, Concluded>,
    /// Alarms of the device that are open after it.
    pub open: Vec<Alert>,
}

/// What a function concluded from the reading.
#[derive(Clone, Debug)]
pub struct Concluded {
    pub verdict: Verdict,
    /// What it made of the reading; `None`: it had others to judge as well.
    pub quality: Option<&'static str>,
}

/// Runs through the readings, which are of one device, by time, and none newer
/// than `time`.
pub fn recompute(
    config: &Config,
    device: &str,
    readings: &Readings,
    sensor: &str,
    time: Timestamp,
) -> Past {
    let mut run = Run::new(config, device);
    let mut last: Vec<&Reading> = Vec::new();
    for group in readings.rows.chunk_by(|a, b| a.time == b.time) {
        match group.first() {
            Some(first) if first.time < time => run.send(readings, group.iter()),
            _ => last.extend(group),
        }
    }
    let (of_sensor, others): (Vec<&Reading>, Vec<&Reading>) = last
        .into_iter()
        .partition(|reading| readings.name(reading.sensor) == sensor);
    // Separate, so that the conclusion from this one reading is known. A computed
    // sensor follows from the others.
    let asked = if of_sensor.is_empty() {
        others
    } else {
        run.send(readings, others.into_iter());
        of_sensor
    };
    let before = run.functions(sensor);
    let tallies = run.tallies();
    run.send(readings, asked.into_iter());
    let after = run.functions(sensor);
    let done = run.tallies();
    let conclusions = after.iter().filter_map(|(name, function)| {
        let verdicts = run.effects.batch.verdicts.iter();
        let verdict = verdicts
            .rev()
            .find(|verdict| verdict.slot == function.slot)?;
        let tally =
            |tallies: &HashMap<String, Tally>| tallies.get(&**name).copied().unwrap_or_default();
        let (was, is) = (tally(&tallies), tally(&done));
        let quality = match is.invocations - was.invocations {
            1 if is.bad > was.bad => Some("bad"),
            1 if is.suspect > was.suspect => Some("suspect"),
            1 => Some("good"),
            _ => None,
        };
        let verdict = *verdict;
        Some((name.clone(), Concluded { verdict, quality }))
    });
    Past {
        conclusions: conclusions.collect(),
        before,
        after,
        open: run.open(),
    }
}

struct Run<'a> {
    device: &'a str,
    pipeline: Pipeline,
    effects: Effects,
    position: u64,
}

impl<'a> Run<'a> {
    fn new(config: &Config, device: &'a str) -> Self {
        let mut config = config.clone();
        let topic = TopicPattern::parse("{device}").expect("the pattern is well formed");
        config.routes = vec![Route {
            topic,
            ..Route::default()
        }];
        config.limits.min_time_ns = i64::MIN;
        // No time passes between stored readings.
        let passes = |kind: &FunctionKind| matches!(kind, FunctionKind::Absence(_));
        config.functions.retain(|function| !passes(&function.kind));
        Self {
            device,
            pipeline: Pipeline::new(&config).without_reports(),
            effects: Effects::default(),
            position: 0,
        }
    }

    /// As one message of the device.
    fn send<'r>(&mut self, readings: &Readings, group: impl Iterator<Item = &'r Reading>) {
        self.effects.clear();
        let mut time = None;
        let data: Vec<Value> = group
            .filter_map(|reading| {
                time = Some(reading.time);
                as_member(readings, reading)
            })
            .collect();
        let (Some(received), false) = (time, data.is_empty()) else {
            return;
        };
        let payload = json!({"data": data}).to_string();
        let message = Message {
            received,
            ingress: Ingress::Http,
            client: "",
            topic: self.device,
            payload: payload.as_bytes(),
            qos: 1,
            retained: false,
            duplicate: false,
        };
        let position = Position(self.position);
        self.position += 1;
        let Self {
            pipeline, effects, ..
        } = self;
        pipeline.on_message(position, &message, effects);
    }

    fn functions(&self, sensor: &str) -> HashMap<Arc<str>, Explained> {
        let device = self.pipeline.engine().device_ix(self.device);
        let found = device.and_then(|device| self.pipeline.engine().explain(device, sensor));
        let found = found.unwrap_or_default().into_iter();
        found
            .map(|function| (function.name.clone(), function))
            .collect()
    }

    fn tallies(&self) -> HashMap<String, Tally> {
        let functions = self.pipeline.engine().tallies().functions.into_iter();
        functions.map(|(name, _, tally)| (name, tally)).collect()
    }

    fn open(&self) -> Vec<Alert> {
        let device = self.pipeline.engine().device_ix(self.device);
        device.map_or_else(Vec::new, |device| {
            self.pipeline.alarms().active(device).cloned().collect()
        })
    }
}

fn as_member(readings: &Readings, reading: &Reading) -> Option<Value> {
    let value = match &reading.content {
        Content::Number(number) => json!(number),
        Content::Text(text) => json!(text),
        Content::None => return None,
    };
    let mut member = json!({"sensorId": readings.name(reading.sensor), "value": value});
    for (key, name) in [("unit", reading.unit), ("location", reading.location)] {
        let text = readings.name(name);
        if !text.is_empty() {
            member[key] = json!(text);
        }
    }
    Some(member)
}

/// What a function concluded, as a sentence. `value` as a person reads it, with
/// its unit.
pub fn sentence(sensor: &str, value: &str, unit: Option<&str>, concluded: &Concluded) -> String {
    let Concluded { verdict, quality } = concluded;
    let finds = verdict.level.is_some() || matches!(quality, Some("suspect" | "bad"));
    let with_unit = |number: f64| match unit {
        Some(unit) => format!("{number} {unit}"),
        None => number.to_string(),
    };
    let said = match (&verdict.why, verdict.level) {
        (Why::Limit, Some(level)) => {
            let (limit, side) = (verdict.threshold, verdict.side);
            let relation = match side {
                Side::High if verdict.value > limit => "above",
                Side::Low if verdict.value < limit => "below",
                Side::High | Side::Low => "within the deadband of",
            };
            format!("{relation} the {level} limit {}", with_unit(limit))
        }
        (Why::Limit, None) if verdict.threshold.is_nan() => "not judged".to_owned(),
        (Why::Limit, None) => {
            format!(
                "within its limits; the next is {}",
                with_unit(verdict.threshold)
            )
        }
        (Why::NotAllowed, _) if !finds => "one of the values allowed".to_owned(),
        (Why::NotAValue, _) if !finds => "no error code".to_owned(),
        (Why::Unit, _) if !finds => "in the expected unit".to_owned(),
        (Why::Repeated { .. }, _) if !finds => "not the value before once more".to_owned(),
        (Why::Condition, _) if !finds => "where its condition does not hold".to_owned(),
        (Why::Silence { .. }, _) => "heard".to_owned(),
        (why, _) => why
            .phrase(verdict.value, unit)
            .unwrap_or_else(|| "as it should be".to_owned()),
    };
    let score = if verdict.score.is_nan() {
        String::new()
    } else {
        format!(" (score {})", Short(verdict.score))
    };
    format!("{sensor} {value} is {said}{score}")
}

#[cfg(test)]
mod tests;
