//! Dense indexes of the engine's tables, and the values that mean "none".
//!
//! A series is a (device, sensor); a slot is a (series, function). Indexes are
//! given in the order in which messages bring the names, so a replay gives the
//! same ones. In a snapshot an index is the bare number.

use serde::{Deserialize, Serialize};

/// The function of slots whose function is no longer configured.
pub const REMOVED_FUNCTION: u16 = u16::MAX;

/// Before every time, in nanoseconds.
pub(crate) const NEVER: i64 = i64::MIN;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct SeriesIx(pub(crate) u32);

impl SeriesIx {
    #[inline]
    pub(crate) const fn index(self) -> usize {
        self.0 as usize
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct SlotIx(pub(crate) u32);

impl SlotIx {
    /// Ends a chain of slots.
    pub(crate) const NONE: Self = Self(u32::MAX);

    #[inline]
    pub(crate) const fn index(self) -> usize {
        self.0 as usize
    }
}

/// A function: the limits of the payload, or a `[[function]]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct FunctionIx(pub(crate) u16);

impl FunctionIx {
    /// The function `payload`: the limits that come with a reading.
    pub(crate) const PAYLOAD: Self = Self(0);
    pub(crate) const REMOVED: Self = Self(REMOVED_FUNCTION);

    /// The function of the nth rule.
    #[inline]
    pub(crate) const fn of_rule(nth: usize) -> Self {
        Self(nth as u16 + 1)
    }

    /// Which rule it is. Beyond all rules for the payload; for a removed function
    /// too, as long as the rules are fewer than 65,534.
    #[inline]
    pub(crate) const fn rule(self) -> usize {
        (self.0 as usize).wrapping_sub(1)
    }

    #[inline]
    pub(crate) const fn index(self) -> usize {
        self.0 as usize
    }
}
