//! What a function is set to and what it remembers of a series, in the terms of
//! its kind: for people who ask why. Nothing here is on the way of a reading.

use std::sync::Arc;

use weir_model::{DeviceIx, Level, Side, Timestamp};

use crate::engine::Engine;
use crate::kinds::{Kind, Stage, State};
use crate::memory::{NEVER, NO_SLOT, PAYLOAD};

/// One thing that a function is set to, or remembers.
#[derive(Clone, Debug, PartialEq)]
pub struct Fact {
    pub name: &'static str,
    pub value: FactValue,
}

#[derive(Clone, Debug, PartialEq)]
pub enum FactValue {
    /// In the sensor's unit.
    Measure(f64),
    /// Without a unit: a score, a factor.
    Number(f64),
    Count(u64),
    Seconds(f64),
    Time(Timestamp),
    Text(String),
}

/// A function of a series, as it stands now.
#[derive(Clone, Debug, PartialEq)]
pub struct Explained {
    pub name: Arc<str>,
    /// As in the configuration.
    pub kind: &'static str,
    /// `check`, `detect`, `batch` or `device`: when it runs.
    pub stage: &'static str,
    /// As verdicts name it.
    pub slot: u32,
    pub function: u16,
    /// It runs on the readings of the series.
    pub active: bool,
    pub settings: Vec<Fact>,
    pub memory: Vec<Fact>,
    /// The memory to the bit, as a snapshot has it.
    pub exact: Vec<u8>,
}

impl Engine {
    /// The functions of a series in the order in which they run within a stage.
    /// `None`: the device has no such sensor.
    pub fn explain(&self, device: DeviceIx, sensor: &str) -> Option<Vec<Explained>> {
        let series = self.memory.series_named(device, sensor)?;
        let series = &self.memory.series[series as usize];
        let (mut found, mut at) = (Vec::new(), series.first_slot);
        while at != NO_SLOT {
            let slot = &self.memory.slots[at as usize];
            let rule = usize::from(slot.function).checked_sub(1);
            let rule = rule.and_then(|rule| self.rules.get(rule));
            let (this, function) = (at, slot.function);
            at = slot.next;
            let Some(info) = self.functions.get(usize::from(function)) else {
                continue;
            };
            let stage = rule.map_or(Stage::Detect, |rule| rule.kind.stage());
            let mut settings = rule.map_or_else(Vec::new, |rule| settings(&rule.kind));
            for (name, nanos) in [
                ("on_delay", info.on_delay_ns),
                ("off_delay", info.off_delay_ns),
            ] {
                if nanos > 0 {
                    settings.push(seconds(name, nanos as f64 / 1e9));
                }
            }
            found.push(Explained {
                name: Arc::clone(&info.name),
                kind: info.kind,
                stage: match stage {
                    Stage::Check => "check",
                    Stage::Detect => "detect",
                    Stage::Batch => "batch",
                    Stage::Device => "device",
                },
                slot: this,
                function,
                active: match function {
                    PAYLOAD => !series.ruled,
                    _ => slot.active,
                },
                settings,
                memory: memory(&slot.state, rule.map(|rule| &rule.kind)),
                exact: slot.state.write(Vec::new()),
            });
        }
        Some(found)
    }

    /// The names of a device's sensors, in the order of their first appearance.
    pub fn sensors(&self, device: DeviceIx) -> Vec<Arc<str>> {
        let device = &self.memory.devices[device.index()];
        let series = device.series.iter();
        let names = series.map(|ix| self.memory.series[*ix as usize].sensor.clone());
        names.filter(|name| !name.is_empty()).collect()
    }
}

pub(crate) fn fact(name: &'static str, value: FactValue) -> Fact {
    Fact { name, value }
}

pub(crate) fn measure(name: &'static str, value: f64) -> Fact {
    fact(name, FactValue::Measure(value))
}

pub(crate) fn number(name: &'static str, value: f64) -> Fact {
    fact(name, FactValue::Number(value))
}

pub(crate) fn count(name: &'static str, count: impl Into<u64>) -> Fact {
    fact(name, FactValue::Count(count.into()))
}

pub(crate) fn seconds(name: &'static str, seconds: f64) -> Fact {
    fact(name, FactValue::Seconds(seconds))
}

pub(crate) fn text(name: &'static str, text: impl Into<String>) -> Fact {
    fact(name, FactValue::Text(text.into()))
}

/// Nothing before the first time.
pub(crate) fn time(name: &'static str, nanos: i64) -> Option<Fact> {
    (nanos != NEVER).then(|| fact(name, FactValue::Time(Timestamp(nanos))))
}

/// What the kind's own module says of its memory.
fn memory(state: &State, kind: Option<&Kind>) -> Vec<Fact> {
    match (state, kind) {
        (State::Threshold(memory), _) => {
            let level = memory.level.map_or("none", |level| level.as_str());
            let side = memory.side.map(|side| match side {
                Side::High => "high",
                Side::Low => "low",
            });
            let side = side.map(|side| text("side", side));
            std::iter::once(text("level", level)).chain(side).collect()
        }
        (State::Gap(memory), _) => memory.facts(),
        (State::RateOfChange(memory), _) => memory.facts(),
        (State::Flatline(memory), _) => memory.facts(),
        (State::Duplicate(memory), _) => memory.facts(),
        (State::Ewma(memory), _) => memory.facts(),
        (State::Mad(memory), _) => memory.facts(),
        (State::Seasonal(memory), _) => memory.facts(),
        (State::Cusum(memory), _) => memory.facts(),
        (State::Adaptive(memory), _) => memory.facts(),
        (State::Absence(memory), Some(Kind::Absence(settings))) => memory.facts(settings),
        (State::Multivariate(memory), Some(Kind::Multivariate(settings))) => memory.facts(settings),
        _ => Vec::new(),
    }
}

/// What is configured and not left out; the common keys apart.
fn settings(kind: &Kind) -> Vec<Fact> {
    let limit = |name, value: Option<f64>| value.map(|value| measure(name, value));
    let length = |name, value: std::time::Duration| seconds(name, value.as_secs_f64());
    let scores = |scores: &weir_config::Scores| {
        let warning = scores.warning.map(|score| number("warning_score", score));
        let critical = scores.critical.map(|score| number("critical_score", score));
        warning.into_iter().chain(critical)
    };
    match kind {
        Kind::Threshold(limits) => [
            limit("warning_high", limits.warning_high),
            limit("critical_high", limits.critical_high),
            limit("warning_low", limits.warning_low),
            limit("critical_low", limits.critical_low),
            Some(measure("deadband", limits.deadband)),
        ]
        .into_iter()
        .flatten()
        .collect(),
        Kind::Range(range) => limit("min", range.min)
            .into_iter()
            .chain(limit("max", range.max))
            .collect(),
        Kind::Clock(clock) => {
            let ahead = clock.max_ahead.map(|most| length("max_ahead", most));
            let behind = clock.max_behind.map(|most| length("max_behind", most));
            ahead.into_iter().chain(behind).collect()
        }
        Kind::Allowed(allowed) => {
            let numbers = allowed.numbers.iter().map(ToString::to_string);
            let values: Vec<String> = numbers.chain(allowed.texts.iter().cloned()).collect();
            vec![text("values", values.join(", "))]
        }
        Kind::Unit(unit) => vec![text("unit", unit.unit.clone())],
        Kind::RateOfChange(rate) => limit("max_rise", rate.max_rise)
            .into_iter()
            .chain(limit("max_fall", rate.max_fall))
            .chain([length("per", rate.per)])
            .collect(),
        Kind::Flatline(flat) => vec![
            length("after", flat.after),
            measure("tolerance", flat.tolerance),
            count("min_readings", flat.min_readings),
        ],
        Kind::Gap(gap) => vec![length("max_gap", gap.max_gap)],
        Kind::Duplicate(duplicate) => vec![length("interval", duplicate.interval)],
        Kind::Ewma(ewma) => [
            length("half_life", ewma.half_life),
            count("warmup", ewma.warmup),
            measure("min_spread", ewma.min_spread),
        ]
        .into_iter()
        .chain(scores(&ewma.scores))
        .collect(),
        Kind::Mad(mad) => [
            count("window", mad.window),
            count("warmup", mad.warmup),
            measure("min_spread", mad.min_spread),
        ]
        .into_iter()
        .chain(scores(&mad.scores))
        .collect(),
        Kind::Seasonal(seasonal) => [
            text("season", format!("{:?}", seasonal.season).to_lowercase()),
            length("bin", seasonal.bin),
            count("warmup", seasonal.warmup),
            measure("min_spread", seasonal.min_spread),
        ]
        .into_iter()
        .chain(scores(&seasonal.scores))
        .collect(),
        Kind::Cusum(cusum) => [
            number("drift", cusum.drift),
            count("warmup", cusum.warmup),
            measure("min_spread", cusum.min_spread),
        ]
        .into_iter()
        .chain(scores(&cusum.scores))
        .collect(),
        Kind::Adaptive(adaptive) => [length("at_most_every", adaptive.at_most_every)]
            .into_iter()
            .chain(scores(&adaptive.scores))
            .collect(),
        Kind::Absence(absence) => match absence.after {
            Some(after) => vec![length("after", after)],
            None => vec![number("factor", absence.factor)],
        },
        Kind::Derived(derived) => vec![
            text("expression", derived.expression.text()),
            length("max_age", derived.max_age),
        ],
        Kind::Wasm(wasm) => vec![
            text("module", wasm.module.path.display().to_string()),
            text("sha256", wasm.module.content.digest()),
            count("state_bytes", wasm.state),
            count("fuel", wasm.fuel),
        ],
        Kind::Multivariate(multivariate) => [
            text("sensors", multivariate.sensors.join(", ")),
            count("warmup", multivariate.warmup),
            number("explained", multivariate.explained),
        ]
        .into_iter()
        .chain(scores(&multivariate.scores))
        .collect(),
    }
}

/// For a level that is remembered.
pub(crate) fn level(name: &'static str, level: Level) -> Fact {
    text(name, level.map_or("none", |level| level.as_str()))
}
