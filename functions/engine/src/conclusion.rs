//! What a function concludes from one reading: plain numbers, no text.

use weir_config::{Effect, Scores};
use weir_model::{Flags, Level, Quality, QuarantineReason as Reason, Severity, Side, Why};

/// The conclusion from one reading.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Conclusion {
    pub(crate) level: Level,
    /// As in `Verdict::threshold`.
    pub(crate) threshold: f64,
    pub(crate) side: Side,
    /// As in `Verdict::score`.
    pub(crate) score: f64,
    pub(crate) why: Why,
    /// What becomes of the reading, and under which flag if it is not good.
    pub(crate) quality: Quality,
    pub(crate) flag: Flags,
}

impl Conclusion {
    /// No conclusion.
    pub(crate) const QUIET: Self = Self {
        level: None,
        threshold: f64::NAN,
        side: Side::High,
        score: f64::NAN,
        why: Why::Limit,
        quality: Quality::Good,
        flag: Flags(0),
    };

    /// Of a detector that has not seen enough: no level and no score.
    pub(crate) fn learning(seen: f64, needed: f64) -> Self {
        Self {
            why: Why::Learning { seen, needed },
            ..Self::QUIET
        }
    }

    /// Of a check.
    pub(crate) fn check(fault: bool, effect: Effect, flag: Flags, why: Why) -> Self {
        if !fault {
            return Self { why, ..Self::QUIET };
        }
        Self {
            level: effect.severity,
            why,
            quality: effect.quality,
            flag,
            ..Self::QUIET
        }
    }

    /// Of a detector: a score, and on which side of the usual the value is.
    pub(crate) fn scored(score: f64, side: Side, scores: &Scores, why: Why) -> Self {
        let reaches = |limit: Option<f64>| limit.is_some_and(|limit| score >= limit);
        let level = if reaches(scores.critical) {
            Some(Severity::Critical)
        } else if reaches(scores.warning) {
            Some(Severity::Warning)
        } else {
            None
        };
        let quality = match level {
            Some(_) => scores.quality,
            None => Quality::Good,
        };
        Self {
            level,
            threshold: f64::NAN,
            side,
            score,
            why,
            quality,
            flag: Flags::UNUSUAL,
        }
    }
}

/// Why a reading is quarantined that was flagged so.
pub(crate) fn reason_of(flag: Flags) -> Reason {
    match flag {
        Flags::OUT_OF_RANGE => Reason::OutOfRange,
        Flags::JUMP => Reason::Jump,
        Flags::STUCK => Reason::Stuck,
        Flags::WRONG_UNIT => Reason::WrongUnit,
        Flags::NOT_ALLOWED => Reason::NotAllowedValue,
        Flags::CLOCK => Reason::ClockSkew,
        Flags::REPEATED => Reason::Repeated,
        Flags::GAP => Reason::Gap,
        _ => Reason::Unusual,
    }
}
