//! The kinds that check single readings.

use std::time::Duration;

use toml::de::DeValue;
use weir_model::{Quality, Severity, Unit};

use super::detectors::{above_zero, at_least_zero};
use crate::range::{count, duration};
use crate::reader::{Raw, Section, kind, shorten};
use crate::{Allowed, Clock, Duplicate, Effect, Flatline, Gap, Range, RateOfChange, UnitCheck};

/// A hundred years: int64 nanoseconds reach not much further.
const LONGEST: Duration = Duration::from_secs(36_500 * 24 * 3600);

const MILLISECOND: Duration = Duration::from_millis(1);
const DAY: Duration = Duration::from_secs(24 * 3600);
const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);

pub(super) const FLATLINE_KEYS: &[&str] =
    &["after", "tolerance", "min_readings", "quality", "severity"];

/// Values of a list that a reading is held against, one by one.
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
        section.note("min", format!("{min} lies above max, {max}"));
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

/// A run that makes readings suspect.
pub(super) fn stuck(section: &mut Section<'_, '_>) -> Flatline {
    run_of_equals(section, effect)
}

/// A run that raises an alarm.
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
    let unit = section.required("unit", |raw| {
        let code = raw.text()?;
        match Unit::find(code) {
            Some(_) => Ok(code.to_owned()),
            None => {
                let nearest = Unit::codes()
                    .filter(|known| code.len() < 64 && known.eq_ignore_ascii_case(code))
                    .map(|known| format!("; did you mean {known:?}?"));
                let hint = nearest.collect::<String>();
                let code = shorten(code);
                Err(format!(
                    "{code:?} is no unit that is known: it must be a UCUM code like \"Cel\", \
                     \"bar\" or \"m/s\"{hint}"
                ))
            }
        }
    });
    UnitCheck {
        unit: unit.unwrap_or_else(|| "1".to_owned()),
        assume: section.value("assume", true, |raw| raw.boolean()),
        effect: effect(section, Quality::Bad),
    }
}

/// A list of numbers, texts, and true or false, which are 1 and 0.
fn values(raw: Raw<'_>) -> Result<(Vec<f64>, Vec<String>), String> {
    let Raw::File(DeValue::Array(list)) = raw else {
        return Err("must be a list, like [0, 1] or [\"on\", \"off\"]".to_owned());
    };
    if list.is_empty() || list.len() > MAX_VALUES {
        return Err(format!(
            "must have 1 to {MAX_VALUES} values, not {}",
            list.len()
        ));
    }
    let (mut numbers, mut texts) = (Vec::new(), Vec::new());
    for value in list.iter() {
        match value.get_ref() {
            DeValue::String(text) if text.len() <= 256 => texts.push(text.as_ref().to_owned()),
            DeValue::String(text) => {
                return Err(format!("{:?} is longer than 256 bytes", shorten(text)));
            }
            DeValue::Boolean(value) => numbers.push(f64::from(*value)),
            number @ (DeValue::Integer(_) | DeValue::Float(_)) => {
                numbers.push(Raw::File(number).number()?);
            }
            other => {
                let reason = "holds numbers, texts and true or false, not";
                return Err(format!("{reason} {}", kind(other)));
            }
        }
    }
    Ok((numbers, texts))
}

/// `quality` and `severity`; at least one of them must mean something.
pub(super) fn effect(section: &mut Section<'_, '_>, default: Quality) -> Effect {
    let effect = Effect {
        quality: section.value("quality", default, quality),
        severity: section.optional("severity", severity),
    };
    if effect == Effect::default() {
        section.note(
            "quality",
            "\"good\" without a severity leaves the function without any effect",
        );
    }
    effect
}

pub(super) fn quality(raw: Raw<'_>) -> Result<Quality, String> {
    match raw.text()? {
        "good" => Ok(Quality::Good),
        "suspect" => Ok(Quality::Suspect),
        "bad" => Ok(Quality::Bad),
        other => Err(format!(
            "must be \"good\", \"suspect\" (stored, with a flag) or \"bad\" (quarantined), \
             not {other:?}"
        )),
    }
}

pub(super) fn severity(raw: Raw<'_>) -> Result<Severity, String> {
    match raw.text()? {
        "warning" => Ok(Severity::Warning),
        "critical" => Ok(Severity::Critical),
        other => Err(format!(
            "must be \"warning\" or \"critical\", not {other:?}"
        )),
    }
}
