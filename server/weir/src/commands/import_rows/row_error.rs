//! Why a row of a file is not imported.

use std::fmt;

use thiserror::Error;
use weir_backtest::instant::FORMS;
use weir_model::InvalidId;

/// One variant per fault that somebody can fix in the file.
#[derive(Debug, Error)]
pub(crate) enum RowError {
    #[error("it has {found} cells, the header {expected}")]
    CellCount { found: usize, expected: usize },
    #[error("it is not UTF-8")]
    NotUtf8,
    #[error("it is no JSON object: {0}")]
    NotAnObject(serde_json::Error),
    #[error("{0:?} is neither a text nor a number")]
    NotAScalar(String),
    #[error("it has no device or no sensor")]
    NoSeries,
    #[error("its {member}: {error}")]
    InvalidId {
        member: &'static str,
        error: InvalidId,
    },
    #[error("it has no time")]
    NoTime,
    #[error("{0:?} is no time; understood are {FORMS}, and what --time-format says")]
    InvalidTime(String),
    #[error("{0:?} names no time zone: say --timezone")]
    NoZone(String),
    #[error("{0:?} does not exist: clocks went forward over it")]
    SkippedTime(String),
    #[error("it has neither value nor text")]
    NoValue,
    #[error("its value {0:?} is no number")]
    InvalidValue(String),
    #[error(
        "its {tag} {name:?} has a line break, or a backslash before a comma, an equals sign, a \
         space or its end, and no route takes events of devices/{{device}}/telemetry as json"
    )]
    UnwritableTag { tag: &'static str, name: String },
    #[error("it cannot be written: {0}")]
    Unwritable(#[from] fmt::Error),
}
