//! What a `[[function]]` can be: one struct per kind, checked, with units in
//! types. `rules.rs` reads them; `docs/functions/` says what each is for.

use std::time::Duration;

use weir_model::{Quality, Severity};

/// What a function computes.
#[derive(Clone, Debug, PartialEq)]
pub enum FunctionKind {
    Threshold(Threshold),
    Range(Range),
    Clock(Clock),
    Ewma(Ewma),
}

impl FunctionKind {
    /// The name in the configuration, in metrics and in documents.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Threshold(_) => "threshold",
            Self::Range(_) => "range",
            Self::Clock(_) => "clock",
            Self::Ewma(_) => "ewma",
        }
    }
}

/// What it means when a check finds fault with a reading.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Effect {
    /// What becomes of the reading.
    pub quality: Quality,
    /// Of the alarm that it raises; none unless given.
    pub severity: Option<Severity>,
}

/// What the score of a detector means. At least one of the two is given.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Scores {
    /// A score of so much or more is a warning. Above 0.
    pub warning: Option<f64>,
    /// A score of so much or more is critical. At least `warning`.
    pub critical: Option<f64>,
    /// What becomes of a reading with such a score.
    pub quality: Quality,
}

/// Limits in the sensor's unit. Above `*_high` or below `*_low` is beyond.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Threshold {
    pub warning_high: Option<f64>,
    pub critical_high: Option<f64>,
    pub warning_low: Option<f64>,
    pub critical_low: Option<f64>,
    /// A limit that was crossed is left only beyond limit minus deadband (plus,
    /// for a low one). At least 0, and less than the room between the limits.
    pub deadband: f64,
}

/// `range`: what the sensor can measure at all. At least one end is given.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Range {
    pub min: Option<f64>,
    pub max: Option<f64>,
    pub effect: Effect,
}

/// `clock`: a reading's time against the time at which it came. At least one
/// limit is given.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Clock {
    /// 0 to 36,500 days. `limits.max_ahead` quarantines before it is asked.
    pub max_ahead: Option<Duration>,
    /// 0 to 36,500 days.
    pub max_behind: Option<Duration>,
    pub effect: Effect,
}

/// `ewma`: distance from an exponentially weighted mean, in standard deviations.
#[derive(Clone, Debug, PartialEq)]
pub struct Ewma {
    /// After so long a reading counts half. 1 ms to 365 days.
    pub half_life: Duration,
    /// Readings before the first score. 2 to 1,000,000.
    pub warmup: u32,
    /// The standard deviation is taken to be at least this, in the sensor's unit.
    pub min_spread: f64,
    pub scores: Scores,
}
