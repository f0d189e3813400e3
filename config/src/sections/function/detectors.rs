//! The kinds that learn the usual values and score the unusual ones.

use std::time::Duration;

use super::effect::{Scores, scores};
use crate::file::raw::{Raw, Refused};
use crate::file::reader::Section;
use crate::file::values::{
    DAY, HOUR, MILLISECOND, MINUTE, YEAR, at_least_zero, count, duration, number,
};

/// `ewma`: distance from an exponentially weighted mean, in standard deviations.
#[derive(Clone, Debug, PartialEq)]
pub struct Ewma {
    /// The age at which a reading counts half. 1 ms to 365 days.
    pub half_life: Duration,
    /// Readings before the first score. 2 to 1,000,000.
    pub warmup: u32,
    /// The least standard deviation that is used, in the sensor's unit.
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

/// Which days share a profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Season {
    /// All of them.
    Day,
    /// Monday to Friday, and the weekend.
    Workweek,
    /// Each weekday has its own.
    Week,
}

/// `seasonal`: distance from the usual value at this time of the day.
#[derive(Clone, Debug, PartialEq)]
pub struct Seasonal {
    pub season: Season,
    /// Length of one bin of the profile: a divisor of a day, 5 minutes to 12 hours.
    pub bin: Duration,
    /// Where the day begins. -720 to 840 minutes.
    pub utc_offset_minutes: i32,
    /// Visits of a bin before it gives scores. 2 to 100.
    pub warmup: u16,
    /// As [`Ewma::min_spread`].
    pub min_spread: f64,
    pub scores: Scores,
}

/// `cusum`: a change of level.
#[derive(Clone, Debug, PartialEq)]
pub struct Cusum {
    /// Half of the change to detect, in standard deviations. 0.05 to 3.
    pub drift: f64,
    /// Readings from which a level is learned. 5 to 100,000.
    pub warmup: u32,
    /// As [`Ewma::min_spread`].
    pub min_spread: f64,
    pub scores: Scores,
}

/// `adaptive`: for a sensor without known limits.
#[derive(Clone, Debug, PartialEq)]
pub struct Adaptive {
    /// Scores are below 1: reported readings have 0.75 or more, all others less
    /// than 0.25.
    pub scores: Scores,
    /// A score that is expected more often raises no alarm. At most 365 days.
    pub at_most_every: Duration,
}

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
    let season = section.value("season", Season::Workweek, season);
    let bin = section.value("bin", 30 * MINUTE, bin);
    Seasonal {
        season,
        bin,
        utc_offset_minutes: section.value("utc_offset_minutes", 0, count(-720..=840)),
        warmup: section.value("warmup", 3, count(2..=100)),
        min_spread: section.value("min_spread", 0.0, at_least_zero),
        scores: scores(section, 5.0),
    }
}

fn season(raw: Raw<'_>) -> Result<Season, Refused> {
    match raw.text()? {
        "day" => Ok(Season::Day),
        "workweek" => Ok(Season::Workweek),
        "week" => Ok(Season::Week),
        other => Err(format!(
            "must be \"day\" (all days are alike), \"workweek\" (weekends differ) or \"week\" \
             (every weekday differs), not {other:?}"
        )
        .into()),
    }
}

fn bin(raw: Raw<'_>) -> Result<Duration, Refused> {
    let bin = duration(5 * MINUTE..=DAY / 2)(raw)?;
    if !DAY.as_millis().is_multiple_of(bin.as_millis()) {
        return Err("must divide a day, like \"30m\"".into());
    }
    Ok(bin)
}

pub(super) fn cusum(section: &mut Section<'_, '_>) -> Cusum {
    Cusum {
        drift: section.value("drift", 0.5, number(0.05..=3.0)),
        warmup: section.value("warmup", 50, count(5..=100_000)),
        min_spread: section.value("min_spread", 0.0, at_least_zero),
        scores: scores(section, 12.0),
    }
}

pub(super) fn adaptive(section: &mut Section<'_, '_>) -> Adaptive {
    let mut adaptive = Adaptive {
        scores: scores(section, 0.5),
        at_most_every: section.value("at_most_every", 8 * HOUR, duration(Duration::ZERO..=YEAR)),
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
