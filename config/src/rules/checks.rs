//! The kinds that check single readings.

use std::time::Duration;

use weir_model::{Quality, Severity};

use crate::range::duration;
use crate::reader::{Raw, Section};
use crate::{Clock, Effect, Range};

/// A hundred years: int64 nanoseconds reach not much further.
const LONGEST: Duration = Duration::from_secs(36_500 * 24 * 3600);

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

fn severity(raw: Raw<'_>) -> Result<Severity, String> {
    match raw.text()? {
        "warning" => Ok(Severity::Warning),
        "critical" => Ok(Severity::Critical),
        other => Err(format!(
            "must be \"warning\" or \"critical\", not {other:?}"
        )),
    }
}
