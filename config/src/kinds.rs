//! What a `[[function]]` can be: one struct per kind, checked, with units in
//! types. `rules.rs` reads them; `docs/reference/functions/` says what each is for.

use std::time::Duration;

use weir_model::{Quality, Severity};

use crate::{Expression, Module};

/// What a function computes.
#[derive(Clone, Debug, PartialEq)]
pub enum FunctionKind {
    Threshold(Threshold),
    Range(Range),
    Clock(Clock),
    RateOfChange(RateOfChange),
    Flatline(Flatline),
    Gap(Gap),
    Duplicate(Duplicate),
    Allowed(Allowed),
    Unit(UnitCheck),
    Ewma(Ewma),
    Mad(Mad),
    Seasonal(Seasonal),
    Cusum(Cusum),
    Absence(Absence),
    Adaptive(Adaptive),
    Derived(Derived),
    Multivariate(Multivariate),
    Wasm(Wasm),
}

impl FunctionKind {
    /// It says which readings are stored, or how: flags, conversion, new ones.
    pub fn shapes_readings(&self) -> bool {
        let quality = match self {
            Self::Threshold(_) | Self::Absence(_) | Self::Wasm(_) => Quality::Good,
            Self::Unit(_) | Self::Derived(_) | Self::Multivariate(_) => return true,
            Self::Range(Range { effect, .. })
            | Self::Clock(Clock { effect, .. })
            | Self::RateOfChange(RateOfChange { effect, .. })
            | Self::Flatline(Flatline { effect, .. })
            | Self::Gap(Gap { effect, .. })
            | Self::Duplicate(Duplicate { effect, .. })
            | Self::Allowed(Allowed { effect, .. }) => effect.quality,
            Self::Ewma(Ewma { scores, .. })
            | Self::Mad(Mad { scores, .. })
            | Self::Seasonal(Seasonal { scores, .. })
            | Self::Cusum(Cusum { scores, .. })
            | Self::Adaptive(Adaptive { scores, .. }) => scores.quality,
        };
        quality != Quality::Good
    }

    /// Whether its verdicts carry a score.
    pub const fn gives_scores(&self) -> bool {
        matches!(
            self,
            Self::Ewma(_)
                | Self::Mad(_)
                | Self::Seasonal(_)
                | Self::Cusum(_)
                | Self::Adaptive(_)
                | Self::Multivariate(_)
        )
    }

    /// The name in the configuration, in metrics and in documents.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Threshold(_) => "threshold",
            Self::Range(_) => "range",
            Self::Clock(_) => "clock",
            Self::RateOfChange(_) => "rate_of_change",
            Self::Flatline(_) => "flatline",
            Self::Gap(_) => "gap",
            Self::Duplicate(_) => "duplicate",
            Self::Allowed(_) => "allowed",
            Self::Unit(_) => "unit",
            Self::Ewma(_) => "ewma",
            Self::Mad(_) => "mad",
            Self::Seasonal(_) => "seasonal",
            Self::Cusum(_) => "cusum",
            Self::Absence(_) => "absence",
            Self::Adaptive(_) => "adaptive",
            Self::Derived(_) => "derived",
            Self::Multivariate(_) => "multivariate",
            Self::Wasm(_) => "wasm",
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

/// `rate_of_change`: how fast a value may move. At least one limit is given.
#[derive(Clone, Debug, PartialEq)]
pub struct RateOfChange {
    /// In the sensor's unit, per `per`. Above 0.
    pub max_rise: Option<f64>,
    /// In the sensor's unit, per `per`. Above 0.
    pub max_fall: Option<f64>,
    /// 1 ms to 365 days.
    pub per: Duration,
    pub effect: Effect,
}

/// `flatline` and `stuck`: a value that does not move.
#[derive(Clone, Debug, PartialEq)]
pub struct Flatline {
    /// 1 ms to 365 days.
    pub after: Duration,
    /// So much is no movement, in the sensor's unit. At least 0.
    pub tolerance: f64,
    /// Of the run, at least. 2 to 1,000,000.
    pub min_readings: u32,
    pub effect: Effect,
}

/// `gap`: how long the series may say nothing.
#[derive(Clone, Debug, PartialEq)]
pub struct Gap {
    /// 1 ms to 365 days.
    pub max_gap: Duration,
    pub effect: Effect,
}

/// `duplicate`: the same value again within so long.
#[derive(Clone, Debug, PartialEq)]
pub struct Duplicate {
    /// 1 ms to 1 day.
    pub interval: Duration,
    pub effect: Effect,
}

/// `allowed`: the values that there are. 1 to 256 together, each list sorted.
#[derive(Clone, Debug, PartialEq)]
pub struct Allowed {
    pub numbers: Vec<f64>,
    pub texts: Vec<String>,
    pub effect: Effect,
}

/// `unit`: the unit that readings are stored in, and converted to.
#[derive(Clone, Debug, PartialEq)]
pub struct UnitCheck {
    /// A UCUM code, or a spelling, that [`weir_model::Unit`] knows.
    pub unit: String,
    /// A reading without a unit is in this one.
    pub assume: bool,
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

/// `mad`: distance from the median of a window, in robust deviations.
#[derive(Clone, Debug, PartialEq)]
pub struct Mad {
    /// Readings in the window. 5 to 1,000.
    pub window: u16,
    /// Readings before the first score. 2 to `window`.
    pub warmup: u16,
    /// As [`Ewma::min_spread`].
    pub min_spread: f64,
    pub scores: Scores,
}

/// Which days are alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Season {
    /// All of them.
    Day,
    /// Monday to Friday, and the other two.
    Workweek,
    /// The same weekdays.
    Week,
}

/// `seasonal`: distance from what is usual at the time of the day.
#[derive(Clone, Debug, PartialEq)]
pub struct Seasonal {
    pub season: Season,
    /// Length of one bin of the profile: a divisor of a day, 5 minutes to 12 hours.
    pub bin: Duration,
    /// Where the day begins. -720 to 840 minutes.
    pub utc_offset_minutes: i32,
    /// Visits of a bin before it is judged by. 2 to 100.
    pub warmup: u16,
    /// As [`Ewma::min_spread`].
    pub min_spread: f64,
    pub scores: Scores,
}

/// `cusum`: a change of level.
#[derive(Clone, Debug, PartialEq)]
pub struct Cusum {
    /// Half of the change to be found, in standard deviations. 0.05 to 3.
    pub drift: f64,
    /// Readings from which a level is learnt. 5 to 100,000.
    pub warmup: u32,
    /// As [`Ewma::min_spread`].
    pub min_spread: f64,
    pub scores: Scores,
}

/// `absence`: a device, or with a `sensor` a series, that says nothing.
#[derive(Clone, Debug, PartialEq)]
pub struct Absence {
    /// Longer than this is too long: 1 s to 365 days. `None`: it is learnt.
    pub after: Option<Duration>,
    /// What is learnt, times this, is too long. 1 to 100.
    pub factor: f64,
    /// Devices that there are, also when they have never spoken.
    pub expect: Vec<String>,
    /// The device without which these cannot be heard; `{location}` in it is
    /// replaced by the device's.
    pub gateway: Option<String>,
    pub severity: Severity,
}

/// `adaptive`: for a sensor of which nothing is known.
#[derive(Clone, Debug, PartialEq)]
pub struct Adaptive {
    /// Scores lie below 1; what is reported has 0.75 or more, all else less
    /// than 0.25.
    pub scores: Scores,
    /// What is to be expected more often raises no alarm. At most 365 days.
    pub at_most_every: Duration,
}

/// `derived`: a sensor that is computed from others of its device.
#[derive(Clone, Debug, PartialEq)]
pub struct Derived {
    pub expression: Expression,
    /// The sensor that it gives.
    pub output: String,
    pub unit: Option<String>,
    /// An input that is so much older than the newest does not count. 1 s to 365 days.
    pub max_age: Duration,
    /// Of the alarm while the expression, a condition, holds.
    pub severity: Option<Severity>,
}

/// `multivariate`: whether several sensors of a device go together as usual.
#[derive(Clone, Debug, PartialEq)]
pub struct Multivariate {
    /// 2 to 8, each once.
    pub sensors: Vec<String>,
    /// The sensor that the score is stored as.
    pub output: String,
    /// Vectors before the first score. 20 to 1,000,000.
    pub warmup: u32,
    /// The part of the variance that is the pattern. 0.5 to 0.999.
    pub explained: f64,
    /// As [`Derived::max_age`].
    pub max_age: Duration,
    /// 1 is what chance exceeds in one of a thousand vectors.
    pub scores: Scores,
}

/// `wasm`: what a module of the user's own makes of a reading.
#[derive(Clone, Debug, PartialEq)]
pub struct Wasm {
    pub module: Module,
    /// What it remembers of one series, in bytes: 0 to 1,024, a multiple of 8.
    pub state: u16,
    /// While it stays the same, a changed module goes on with what the one before
    /// remembered. `None`: it begins anew.
    pub state_version: Option<u32>,
    /// Handed to the module. Up to 64.
    pub params: Vec<f64>,
    /// What the module's reasons mean, from 1 on. Up to 64 of up to 120 bytes.
    pub reasons: Vec<String>,
    /// Instructions, or about so, that a call may take per reading, and once more
    /// for itself. 1,000 to 100,000,000.
    pub fuel: u64,
    /// Of the module's own, in bytes. 64 KiB to 256 MiB.
    pub memory: u64,
    /// By the clock, for one call: what fuel does not catch. 100 ms to 60 s.
    pub timeout: Duration,
    /// After so many failures in a row it is called no more. 1 to 1,000,000.
    pub max_failures: u32,
}
