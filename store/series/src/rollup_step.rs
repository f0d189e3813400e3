//! The steps that are rolled up: minutes and hours.
//!
//! The names are part of the manifest's format: their order must not change.

use serde::{Deserialize, Serialize};

/// The length of time that a roll-up sums up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum RollupStep {
    Minute,
    Hour,
}

impl RollupStep {
    pub const ALL: [Self; 2] = [Self::Minute, Self::Hour];

    /// Its length in nanoseconds.
    pub const fn nanos(self) -> i64 {
        match self {
            Self::Minute => 60 * 1_000_000_000,
            Self::Hour => 3_600 * 1_000_000_000,
        }
    }

    /// Start of the step that contains `time`. The first step of all starts a
    /// little late: i64 has no room for its start.
    pub(crate) fn floor(self, time: i64) -> i64 {
        time.div_euclid(self.nanos()).saturating_mul(self.nanos())
    }
}
