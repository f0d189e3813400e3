//! The kinds that learn what is usual and score what is not.

use std::time::Duration;

use weir_model::Quality;

use super::checks::quality;
use crate::range::{count, duration};
use crate::reader::{Raw, Section};
use crate::{Adaptive, Cusum, Ewma, Mad, Scores, Season, Seasonal};

const MILLISECOND: Duration = Duration::from_millis(1);
const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 3600);

pub(super) const EWMA_KEYS: &[&str] = &[
    "half_life",
    "warmup",
    "min_spread",
    "warning_score",
    "critical_score",
    "quality",
];
pub(super) const MAD_KEYS: &[&str] = &[
    "window",
    "warmup",
    "min_spread",
    "warning_score",
    "critical_score",
    "quality",
];
pub(super) const SEASONAL_KEYS: &[&str] = &[
    "season",
    "bin",
    "utc_offset_minutes",
    "warmup",
    "min_spread",
    "warning_score",
    "critical_score",
    "quality",
];
pub(super) const CUSUM_KEYS: &[&str] = &[
    "drift",
    "warmup",
    "min_spread",
    "warning_score",
    "critical_score",
    "quality",
];

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

pub(super) fn mad(section: &mut Section<'_, '_>) -> Mad {
    let mad = Mad {
        window: section.value("window", 60, count(5..=1_000)),
        warmup: section.value("warmup", 30, count(2..=1_000)),
        min_spread: section.value("min_spread", 0.0, at_least_zero),
        scores: scores(section, 5.0),
    };
    if section.has("warmup") && mad.warmup > mad.window {
        let reason = format!("{} is more than the window, {}", mad.warmup, mad.window);
        section.note("warmup", reason);
    }
    mad
}

pub(super) fn seasonal(section: &mut Section<'_, '_>) -> Seasonal {
    let season = section.value("season", Season::Workweek, |raw| match raw.text()? {
        "day" => Ok(Season::Day),
        "workweek" => Ok(Season::Workweek),
        "week" => Ok(Season::Week),
        other => Err(format!(
            "must be \"day\" (all days are alike), \"workweek\" (weekends differ) or \"week\" \
             (every weekday differs), not {other:?}"
        )),
    });
    let bin = section.value("bin", 30 * MINUTE, |raw| {
        let bin = duration(5 * MINUTE..=DAY / 2)(raw)?;
        match DAY.as_millis().is_multiple_of(bin.as_millis()) {
            true => Ok(bin),
            false => Err("must divide a day, like \"30m\"".to_owned()),
        }
    });
    Seasonal {
        season,
        bin,
        utc_offset_minutes: section.value("utc_offset_minutes", 0, count(-720..=840)),
        warmup: section.value("warmup", 3, count(2..=100)),
        min_spread: section.value("min_spread", 0.0, at_least_zero),
        scores: scores(section, 5.0),
    }
}

pub(super) fn cusum(section: &mut Section<'_, '_>) -> Cusum {
    Cusum {
        drift: section.value("drift", 0.5, |raw| {
            let drift = raw.number()?;
            match (0.05..=3.0).contains(&drift) {
                true => Ok(drift),
                false => Err(format!("must be 0.05 to 3, not {drift}")),
            }
        }),
        warmup: section.value("warmup", 50, count(5..=100_000)),
        min_spread: section.value("min_spread", 0.0, at_least_zero),
        scores: scores(section, 12.0),
    }
}

pub(super) fn adaptive(section: &mut Section<'_, '_>) -> Adaptive {
    let mut adaptive = Adaptive {
        scores: scores(section, 0.5),
        at_most_every: section.value(
            "at_most_every",
            Duration::from_secs(8 * 3600),
            duration(Duration::ZERO..=YEAR),
        ),
    };
    for (key, score) in [
        ("warning_score", adaptive.scores.warning),
        ("critical_score", adaptive.scores.critical),
    ] {
        if let Some(score) = score.filter(|score| *score >= 1.0) {
            section.note(
                key,
                format!("must be below 1, not {score}: no score is higher"),
            );
        }
    }
    if !section.has("warning_score") && !section.has("critical_score") {
        adaptive.scores.critical = Some(0.9);
    }
    adaptive
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
