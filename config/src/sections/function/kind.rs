//! The closed list of function kinds. `docs/reference/functions/` describes each.

use weir_model::Quality;

use super::checks::{Allowed, Clock, Duplicate, Flatline, Gap, Range, RateOfChange, UnitCheck};
use super::detectors::{Adaptive, Cusum, Ewma, Mad, Seasonal};
use super::devices::{Absence, Derived, Multivariate};
use super::threshold::Threshold;
use super::wasm::Wasm;

/// What a function computes.
#[derive(Clone, Debug, PartialEq)]
pub enum FunctionKind {
    Threshold(Threshold),
    Range(Range),
    Clock(Clock),
    RateOfChange(RateOfChange),
    Flatline(Flatline),
    Gap(Gap),
    Duplicate(Duplicate),
    Allowed(Allowed),
    Unit(UnitCheck),
    Ewma(Ewma),
    Mad(Mad),
    Seasonal(Seasonal),
    Cusum(Cusum),
    Absence(Absence),
    Adaptive(Adaptive),
    Derived(Derived),
    Multivariate(Multivariate),
    Wasm(Wasm),
}

impl FunctionKind {
    /// Whether it changes which readings are stored, or how: flags, units, new ones.
    pub fn shapes_readings(&self) -> bool {
        let quality = match self {
            Self::Threshold(_) | Self::Absence(_) | Self::Wasm(_) => Quality::Good,
            Self::Unit(_) | Self::Derived(_) | Self::Multivariate(_) => return true,
            Self::Range(Range { effect, .. })
            | Self::Clock(Clock { effect, .. })
            | Self::RateOfChange(RateOfChange { effect, .. })
            | Self::Flatline(Flatline { effect, .. })
            | Self::Gap(Gap { effect, .. })
            | Self::Duplicate(Duplicate { effect, .. })
            | Self::Allowed(Allowed { effect, .. }) => effect.quality,
            Self::Ewma(Ewma { scores, .. })
            | Self::Mad(Mad { scores, .. })
            | Self::Seasonal(Seasonal { scores, .. })
            | Self::Cusum(Cusum { scores, .. })
            | Self::Adaptive(Adaptive { scores, .. }) => scores.quality,
        };
        quality != Quality::Good
    }

    /// Whether its verdicts carry a score.
    pub const fn gives_scores(&self) -> bool {
        matches!(
            self,
            Self::Ewma(_)
                | Self::Mad(_)
                | Self::Seasonal(_)
                | Self::Cusum(_)
                | Self::Adaptive(_)
                | Self::Multivariate(_)
        )
    }

    /// The name in the configuration, in metrics and in documents.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Threshold(_) => "threshold",
            Self::Range(_) => "range",
            Self::Clock(_) => "clock",
            Self::RateOfChange(_) => "rate_of_change",
            Self::Flatline(_) => "flatline",
            Self::Gap(_) => "gap",
            Self::Duplicate(_) => "duplicate",
            Self::Allowed(_) => "allowed",
            Self::Unit(_) => "unit",
            Self::Ewma(_) => "ewma",
            Self::Mad(_) => "mad",
            Self::Seasonal(_) => "seasonal",
            Self::Cusum(_) => "cusum",
            Self::Absence(_) => "absence",
            Self::Adaptive(_) => "adaptive",
            Self::Derived(_) => "derived",
            Self::Multivariate(_) => "multivariate",
            Self::Wasm(_) => "wasm",
        }
    }
}
