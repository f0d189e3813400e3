//! The members of a reading in JSON, and their values.

use crate::json_number::Number;
use crate::json_scanner::Kind;
use crate::span::Span;

/// The members of a reading that mean something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Member {
    Sensor,
    Value,
    Unit,
    Location,
    Timestamp,
    Warning,
    Critical,
    Sequence,
    Unknown,
}

impl Member {
    #[inline]
    /// `time` is the name of the member that holds the time.
    pub(crate) fn of(name: &str, time: &str) -> Self {
        match name {
            "sensorId" => Self::Sensor,
            "value" => Self::Value,
            "location" => Self::Location,
            "criticalThreshold" => Self::Critical,
            "warningThreshold" => Self::Warning,
            "unit" => Self::Unit,
            "sequence" => Self::Sequence,
            name if name == time => Self::Timestamp,
            _ => Self::Unknown,
        }
    }

    /// None for unknown members: those are compared by name.
    pub(crate) fn bit(self) -> u16 {
        match self {
            Self::Unknown => 0,
            member => 1 << member as u16,
        }
    }
}

/// A member's value; objects and arrays have been passed over.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Scalar {
    Null,
    Boolean(bool),
    Number(Number),
    Text(Span),
    /// It begins at this byte.
    Other(Kind, u32),
}

impl Scalar {
    pub(crate) const fn with_article(self) -> &'static str {
        match self {
            Self::Null => Kind::Null.with_article(),
            Self::Boolean(_) => Kind::Boolean.with_article(),
            Self::Number(_) => Kind::Number.with_article(),
            Self::Text(_) => Kind::String.with_article(),
            Self::Other(kind, _) => kind.with_article(),
        }
    }
}
