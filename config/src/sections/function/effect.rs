//! What a function does with a reading that it finds fault with: the keys that
//! several kinds have in common.

use weir_model::{Quality, Severity};

use crate::file::raw::{Raw, Refused};
use crate::file::reader::Section;
use crate::file::values::{above_zero, severity};

/// The consequences when a check finds fault with a reading.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Effect {
    /// The quality of the reading.
    pub quality: Quality,
    /// Of the alarm that it raises; `None`: no alarm.
    pub severity: Option<Severity>,
}

/// The consequences of a detector's score. At least one limit is given.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Scores {
    /// A score of this or more is a warning. Above 0.
    pub warning: Option<f64>,
    /// A score of this or more is critical. At least `warning`.
    pub critical: Option<f64>,
    /// The quality of a reading with such a score.
    pub quality: Quality,
}

/// `quality` and `severity`; at least one of them must have an effect.
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

pub(super) fn quality(raw: Raw<'_>) -> Result<Quality, Refused> {
    match raw.text()? {
        "good" => Ok(Quality::Good),
        "suspect" => Ok(Quality::Suspect),
        "bad" => Ok(Quality::Bad),
        other => Err(format!(
            "must be \"good\", \"suspect\" (stored, with a flag) or \"bad\" (quarantined), \
             not {other:?}"
        )
        .into()),
    }
}

/// `warning_score`, `critical_score` and `quality`. Without either score, a score
/// of `default` or more is a warning.
pub(super) fn scores(section: &mut Section<'_, '_>, default: f64) -> Scores {
    let mut scores = Scores {
        warning: section.optional("warning_score", above_zero),
        critical: section.optional("critical_score", above_zero),
        quality: section.value("quality", Quality::Good, quality),
    };
    if let (Some(warning), Some(critical)) = (scores.warning, scores.critical)
        && warning > critical
    {
        let reason = format!("{warning} is above critical_score, {critical}");
        section.note("warning_score", reason);
    }
    if scores.warning.is_none() && scores.critical.is_none() {
        scores.warning = Some(default);
    }
    scores
}
