//! On-delay and off-delay of a function's alarms, and which gaps they bridge.
//!
//! An on-delay counts data, not silence. After a longer gap than it may bridge, it
//! starts again. Without a configured limit the longest gap is the delay itself, or three usual intervals of the series if that is more: a sensor that
//! sends every ten minutes has no gap, also with a delay of five minutes.

/// Usual intervals that a delay bridges by default.
const INTERVALS: i64 = 3;

/// How long a condition must hold before it counts: event time, nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Delays {
    pub on_delay_ns: i64,
    pub off_delay_ns: i64,
    /// The longest gap between readings that an on-delay bridges; `None`: the default.
    pub longest_gap_ns: Option<i64>,
}

impl Delays {
    /// Whether the usual interval of a series matters.
    pub(crate) fn need_interval(self) -> bool {
        self.on_delay_ns > 0
    }

    /// The longest gap that the on-delay bridges in a series of this usual interval.
    pub(crate) fn longest_gap(self, interval: Interval) -> i64 {
        let usual = || usual_gap(self.on_delay_ns, interval);
        self.longest_gap_ns.unwrap_or_else(usual)
    }
}

/// A longer gap than this one is no usual interval.
pub(crate) fn usual_gap(delay: i64, interval: Interval) -> i64 {
    delay.max(interval.0.saturating_mul(INTERVALS))
}

/// The usual time between readings of a series, nanoseconds; 0: not known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Interval(pub(crate) i64);

impl Interval {
    /// After another reading, `gap` later than the last. One unusual gap changes
    /// it by a factor of two at most.
    pub(crate) fn after(self, gap: i64) -> Self {
        let usual = self.0;
        if gap <= 0 {
            return self;
        }
        Self(match usual {
            0 => gap,
            _ if gap / INTERVALS > usual => gap.min(usual.saturating_mul(2)),
            _ if gap < usual / INTERVALS => gap.max(usual / 2),
            _ => usual + (gap - usual) / 4,
        })
    }
}
