//! The kinds that learn what is usual and score what is not.

use std::time::Duration;

use weir_model::Quality;

use super::checks::quality;
use crate::range::{count, duration};
use crate::reader::{Raw, Section};
use crate::{Ewma, Scores};

const MILLISECOND: Duration = Duration::from_millis(1);
const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);

pub(super) fn ewma(section: &mut Section<'_, '_>) -> Ewma {
    Ewma {
        half_life: section
            .required("half_life", duration(MILLISECOND..=YEAR))
            .unwrap_or(YEAR),
        warmup: section.value("warmup", 30, count(2..=1_000_000)),
        min_spread: section.value("min_spread", 0.0, at_least_zero),
        scores: scores(section, 4.0),
    }
}

/// `warning_score`, `critical_score` and `quality`. Without either score a
/// warning is given from `default` on.
pub(super) fn scores(section: &mut Section<'_, '_>, default: f64) -> Scores {
    let mut scores = Scores {
        warning: section.optional("warning_score", above_zero),
        critical: section.optional("critical_score", above_zero),
        quality: section.value("quality", Quality::Good, quality),
    };
    if let (Some(warning), Some(critical)) = (scores.warning, scores.critical)
        && warning > critical
    {
        let reason = format!("{warning} lies above critical_score, {critical}");
        section.note("warning_score", reason);
    }
    if scores.warning.is_none() && scores.critical.is_none() {
        scores.warning = Some(default);
    }
    scores
}

pub(super) fn above_zero(raw: Raw<'_>) -> Result<f64, String> {
    let number = raw.number()?;
    match number > 0.0 {
        true => Ok(number),
        false => Err(format!("must be above 0, not {number}")),
    }
}

pub(super) fn at_least_zero(raw: Raw<'_>) -> Result<f64, String> {
    let number = raw.number()?;
    match number >= 0.0 {
        true => Ok(number),
        false => Err(format!("must be at least 0, not {number}")),
    }
}
