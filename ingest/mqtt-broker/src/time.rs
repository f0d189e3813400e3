//! Time as a value: milliseconds of one clock, passed in by the caller.

use std::time::Duration;

/// Milliseconds since the Unix epoch, by a clock that never goes back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Time(pub u64);

impl Time {
    /// A time that never comes.
    pub(crate) const NEVER: Self = Self(u64::MAX);

    pub(crate) fn plus_seconds(self, seconds: u32) -> Self {
        self.plus_ms(u64::from(seconds) * 1_000)
    }

    pub(crate) fn plus_ms(self, ms: u64) -> Self {
        Self(self.0.saturating_add(ms))
    }

    pub(crate) fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}
