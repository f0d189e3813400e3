//! On-delay and off-delay of a function's alarms.

/// How long a condition must hold before it counts: event time, nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Delays {
    pub on_delay_ns: i64,
    pub off_delay_ns: i64,
}
