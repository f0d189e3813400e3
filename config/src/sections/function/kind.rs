//! The closed list of function kinds. `docs/reference/functions/` describes each.

use weir_model::Quality;

use super::checks::{
    self, Allowed, Clock, Duplicate, Flatline, Gap, Range, RateOfChange, UnitCheck,
};
use super::detectors::{self, Adaptive, Cusum, Ewma, Mad, Seasonal};
use super::devices::{self, Absence, Derived, Multivariate};
use super::threshold::{self, Threshold};
use super::wasm::{self, Wasm};
use crate::file::reader::Kind;

/// Makes [`FunctionKind`] and [`KINDS`] of a line per kind: the variant, its settings,
/// its result, its name in the file, and the reader of its keys.
///
/// | result | stored readings | scores |
/// | --- | --- | --- |
/// | `verdict` | unchanged | no |
/// | `effect` | have the quality of its settings' `effect` | no |
/// | `scores` | have the quality of its settings' `scores` | yes |
/// | `reading` | changed or added | no |
/// | `score` | added: its scores | yes |
macro_rules! kinds {
    ($($variant:ident($settings:ty): $result:tt $name:literal => $read:path
        $(, also $other:literal => $read_other:path)?;)*) => {
        /// What a function computes.
        #[derive(Clone, Debug, PartialEq)]
        pub enum FunctionKind {
            $($variant($settings),)*
        }

        impl FunctionKind {
            /// The name in the configuration, in metrics and in documents.
            pub const fn name(&self) -> &'static str {
                match self {
                    $(Self::$variant(_) => $name,)*
                }
            }

            /// Whether its verdicts have a score.
            pub const fn gives_scores(&self) -> bool {
                match self {
                    $(Self::$variant(_) => kinds!(@gives_scores $result),)*
                }
            }

            /// Whether it changes which readings are stored, or how: flags, units, new
            /// ones.
            pub fn shapes_readings(&self) -> bool {
                match self {
                    $(Self::$variant(settings) => kinds!(@shapes_readings $result settings),)*
                }
            }
        }

        /// The first is what a function without a kind, or of an unknown one, is read as.
        pub(super) const KINDS: &[Kind<FunctionKind>] = &[$(
            $(Kind {
                name: $other,
                read: |section| FunctionKind::$variant($read_other(section)),
            },)?
            Kind {
                name: $name,
                read: |section| FunctionKind::$variant($read(section)),
            },
        )*];
    };
    (@gives_scores scores) => { true };
    (@gives_scores score) => { true };
    (@gives_scores $other:tt) => { false };
    (@shapes_readings verdict $settings:ident) => {{ let _ = $settings; false }};
    (@shapes_readings reading $settings:ident) => {{ let _ = $settings; true }};
    (@shapes_readings score $settings:ident) => {{ let _ = $settings; true }};
    (@shapes_readings $field:ident $settings:ident) => {
        $settings.$field.quality != Quality::Good
    };
}

kinds! {
    Threshold(Threshold): verdict "threshold" => threshold::threshold;
    Range(Range): effect "range" => checks::range;
    RateOfChange(RateOfChange): effect "rate_of_change" => checks::rate_of_change;
    Flatline(Flatline): effect "flatline" => checks::flatline, also "stuck" => checks::stuck;
    Gap(Gap): effect "gap" => checks::gap;
    Allowed(Allowed): effect "allowed" => checks::allowed;
    Unit(UnitCheck): reading "unit" => checks::unit;
    Clock(Clock): effect "clock" => checks::clock;
    Duplicate(Duplicate): effect "duplicate" => checks::duplicate;
    Ewma(Ewma): scores "ewma" => detectors::ewma;
    Mad(Mad): scores "mad" => detectors::mad;
    Seasonal(Seasonal): scores "seasonal" => detectors::seasonal;
    Cusum(Cusum): scores "cusum" => detectors::cusum;
    Absence(Absence): verdict "absence" => devices::absence;
    Adaptive(Adaptive): scores "adaptive" => detectors::adaptive;
    Derived(Derived): reading "derived" => devices::derived;
    Multivariate(Multivariate): score "multivariate" => devices::multivariate;
    Wasm(Wasm): verdict "wasm" => wasm::wasm;
}
