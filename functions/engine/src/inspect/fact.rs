//! Facts: what a function is configured to and what it remembers, in the terms of
//! its kind, for a person who asks why. Nothing here is on the path of a reading.

use std::time::Duration;

use weir_config::Scores;
use weir_model::{Level, Timestamp};

use crate::state::index::NEVER;

/// One setting of a function, or one thing that it remembers.
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

/// `None` before the first time.
pub(crate) fn time(name: &'static str, nanos: i64) -> Option<Fact> {
    (nanos != NEVER).then(|| fact(name, FactValue::Time(Timestamp(nanos))))
}

/// A level that is remembered.
pub(crate) fn level(name: &'static str, level: Level) -> Fact {
    text(name, level.map_or("none", |level| level.as_str()))
}

/// A limit in the sensor's unit; `None` when it is not configured.
pub(crate) fn limit(name: &'static str, limit: Option<f64>) -> Option<Fact> {
    limit.map(|limit| measure(name, limit))
}

pub(crate) fn length(name: &'static str, length: Duration) -> Fact {
    seconds(name, length.as_secs_f64())
}

/// The scores from which on a detector warns.
pub(crate) fn scores(scores: &Scores) -> impl Iterator<Item = Fact> {
    let warning = scores.warning.map(|score| number("warning_score", score));
    let critical = scores.critical.map(|score| number("critical_score", score));
    warning.into_iter().chain(critical)
}
