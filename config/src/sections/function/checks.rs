//! The kinds that check single readings.

use std::time::Duration;

use toml::de::DeValue;
use weir_model::{Quality, Severity, Unit};

use super::effect::{Effect, effect, quality};
use crate::file::raw::{Raw, Refused, kind, shorten};
use crate::file::reader::Section;
use crate::file::values::{
    DAY, LONGEST, MILLISECOND, YEAR, above_zero, at_least_zero, count, duration, severity,
};

/// `range`: the measuring range of the sensor. At least one end is given.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Range {
    pub min: Option<f64>,
    pub max: Option<f64>,
    pub effect: Effect,
}

/// `clock`: a reading's time compared with the time of its receipt. At least one
/// limit is given.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Clock {
    /// 0 to 36,500 days. `limits.max_ahead` is checked first.
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

/// `flatline` and `stuck`: a value that does not change.
#[derive(Clone, Debug, PartialEq)]
pub struct Flatline {
    /// 1 ms to 365 days.
    pub after: Duration,
    /// A change up to this counts as none, in the sensor's unit. At least 0.
    pub tolerance: f64,
    /// The least readings of a run. 2 to 1,000,000.
    pub min_readings: u32,
    pub effect: Effect,
}

/// `gap`: the longest time between readings of a series.
#[derive(Clone, Debug, PartialEq)]
pub struct Gap {
    /// 1 ms to 365 days.
    pub max_gap: Duration,
    pub effect: Effect,
}

/// `duplicate`: the same value again within this time.
#[derive(Clone, Debug, PartialEq)]
pub struct Duplicate {
    /// 1 ms to 1 day.
    pub interval: Duration,
    pub effect: Effect,
}

/// `allowed`: the permitted values. 1 to 256 together, each list sorted.
#[derive(Clone, Debug, PartialEq)]
pub struct Allowed {
    pub numbers: Vec<f64>,
    pub texts: Vec<String>,
    pub effect: Effect,
}

/// `unit`: the unit that readings are stored in, and converted to.
#[derive(Clone, Debug, PartialEq)]
pub struct UnitCheck {
    /// A UCUM code or another spelling that [`weir_model::Unit`] knows.
    pub unit: String,
    /// A reading without a unit is in this one.
    pub assume: bool,
    pub effect: Effect,
}

/// Values in one list.
const MAX_VALUES: usize = 256;

pub(super) fn range(section: &mut Section<'_, '_>) -> Range {
    let range = Range {
        min: section.optional("min", |raw| raw.number()),
        max: section.optional("max", |raw| raw.number()),
        effect: effect(section, Quality::Bad),
    };
    if !section.has("min") && !section.has("max") {
        section.note_table("has no end: give min, max or both");
    }
    if let (Some(min), Some(max)) = (range.min, range.max)
        && min > max
    {
        section.note("min", format!("{min} is above max, {max}"));
    }
    range
}

pub(super) fn clock(section: &mut Section<'_, '_>) -> Clock {
    let clock = Clock {
        max_ahead: section.optional("max_ahead", duration(Duration::ZERO..=LONGEST)),
        max_behind: section.optional("max_behind", duration(Duration::ZERO..=LONGEST)),
        effect: effect(section, Quality::Suspect),
    };
    if !section.has("max_ahead") && !section.has("max_behind") {
        section.note_table("has no limit: give max_ahead, max_behind or both");
    }
    clock
}

pub(super) fn rate_of_change(section: &mut Section<'_, '_>) -> RateOfChange {
    if !section.has("max_rise") && !section.has("max_fall") {
        section.note_table("has no limit: give max_rise, max_fall or both");
    }
    RateOfChange {
        max_rise: section.optional("max_rise", above_zero),
        max_fall: section.optional("max_fall", above_zero),
        per: section
            .required("per", duration(MILLISECOND..=YEAR))
            .unwrap_or(YEAR),
        effect: effect(section, Quality::Suspect),
    }
}

/// Runs make readings suspect.
pub(super) fn stuck(section: &mut Section<'_, '_>) -> Flatline {
    run_of_equals(section, effect)
}

/// Runs raise an alarm.
pub(super) fn flatline(section: &mut Section<'_, '_>) -> Flatline {
    run_of_equals(section, |section, _| {
        let severity = section.value("severity", Severity::Warning, severity);
        Effect {
            quality: section.value("quality", Quality::Good, quality),
            severity: Some(severity),
        }
    })
}

fn run_of_equals(
    section: &mut Section<'_, '_>,
    effect: fn(&mut Section<'_, '_>, Quality) -> Effect,
) -> Flatline {
    Flatline {
        after: section
            .required("after", duration(MILLISECOND..=YEAR))
            .unwrap_or(YEAR),
        tolerance: section.value("tolerance", 0.0, at_least_zero),
        min_readings: section.value("min_readings", 3, count(2..=1_000_000)),
        effect: effect(section, Quality::Suspect),
    }
}

pub(super) fn gap(section: &mut Section<'_, '_>) -> Gap {
    Gap {
        max_gap: section
            .required("max_gap", duration(MILLISECOND..=YEAR))
            .unwrap_or(YEAR),
        effect: effect(section, Quality::Suspect),
    }
}

pub(super) fn duplicate(section: &mut Section<'_, '_>) -> Duplicate {
    Duplicate {
        interval: section
            .required("interval", duration(MILLISECOND..=DAY))
            .unwrap_or(DAY),
        effect: effect(section, Quality::Suspect),
    }
}

pub(super) fn allowed(section: &mut Section<'_, '_>) -> Allowed {
    let (mut numbers, mut texts) = section.required("values", values).unwrap_or_default();
    numbers.sort_by(f64::total_cmp);
    texts.sort();
    Allowed {
        numbers,
        texts,
        effect: effect(section, Quality::Bad),
    }
}

pub(super) fn unit(section: &mut Section<'_, '_>) -> UnitCheck {
    let unit = section.required("unit", unit_code);
    UnitCheck {
        unit: unit.unwrap_or_else(|| "1".to_owned()),
        assume: section.value("assume", true, |raw| raw.boolean()),
        effect: effect(section, Quality::Bad),
    }
}

fn unit_code(raw: Raw<'_>) -> Result<String, Refused> {
    let code = raw.text()?;
    if Unit::find(code).is_some() {
        return Ok(code.to_owned());
    }
    let hint: String = Unit::codes()
        .filter(|known| code.len() < 64 && known.eq_ignore_ascii_case(code))
        .map(|known| format!("; did you mean {known:?}?"))
        .collect();
    let code = shorten(code);
    Err(format!(
        "{code:?} is not a known unit: it must be a UCUM code like \"Cel\", \"bar\" or \
         \"m/s\"{hint}"
    )
    .into())
}

/// A list of numbers, texts, and true or false, which are 1 and 0.
fn values(raw: Raw<'_>) -> Result<(Vec<f64>, Vec<String>), Refused> {
    let Raw::File(DeValue::Array(list)) = raw else {
        return Err("must be a list, like [0, 1] or [\"on\", \"off\"]".into());
    };
    if list.is_empty() || list.len() > MAX_VALUES {
        return Err(format!("must have 1 to {MAX_VALUES} values, not {}", list.len()).into());
    }
    let (mut numbers, mut texts) = (Vec::new(), Vec::new());
    for value in list.iter() {
        match value.get_ref() {
            DeValue::String(text) if text.len() <= 256 => texts.push(text.as_ref().to_owned()),
            DeValue::String(text) => {
                return Err(format!("{:?} is longer than 256 bytes", shorten(text)).into());
            }
            DeValue::Boolean(value) => numbers.push(f64::from(*value)),
            number @ (DeValue::Integer(_) | DeValue::Float(_)) => {
                numbers.push(Raw::File(number).number()?);
            }
            other => {
                let reason = "holds numbers, texts and true or false, not";
                return Err(format!("{reason} {}", kind(other)).into());
            }
        }
    }
    Ok((numbers, texts))
}
