//! `[limits]`: what a message may be.

use std::time::Duration;

use crate::file::reader::Reader;
use crate::file::values::{
    DAY, LONGEST, MAX_PACKET, MIB, SECOND, count, duration, instant_ns, size,
};

/// `[limits]`
#[derive(Clone, Debug, PartialEq)]
pub struct Limits {
    /// Bytes of one payload; a larger one is quarantined. 1 B to 128 MiB.
    pub max_payload: u64,
    /// 1 to 1,000,000.
    pub max_readings_per_message: usize,
    /// 1 to 100,000.
    pub max_series_per_device: usize,
    /// Devices in all. 1 to 10,000,000.
    pub max_devices: usize,
    /// Readings before this instant (nanoseconds since the epoch) are quarantined:
    /// their seconds or microseconds were read as milliseconds.
    pub min_time_ns: i64,
    /// How far ahead of the received time a reading may be. 1 s to 36,500 days.
    pub max_ahead: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_payload: MIB,
            max_readings_per_message: 10_000,
            max_series_per_device: 1_000,
            max_devices: 1_000_000,
            // 2001-09-09T01:46:40Z: the first ten-digit number of seconds. Seconds
            // and early milliseconds that are read as milliseconds are before it.
            min_time_ns: 1_000_000_000_000_000_000,
            max_ahead: DAY,
        }
    }
}

pub(crate) fn limits(reader: &mut Reader<'_>) -> Limits {
    let mut section = reader.section("limits");
    let default = Limits::default();
    Limits {
        max_payload: section.value("max_payload", default.max_payload, size(1..=MAX_PACKET)),
        max_readings_per_message: section.value(
            "max_readings_per_message",
            default.max_readings_per_message,
            count(1..=1_000_000),
        ),
        max_series_per_device: section.value(
            "max_series_per_device",
            default.max_series_per_device,
            count(1..=100_000),
        ),
        max_devices: section.value("max_devices", default.max_devices, count(1..=10_000_000)),
        min_time_ns: section.value("min_time", default.min_time_ns, instant_ns),
        max_ahead: section.value("max_ahead", default.max_ahead, duration(SECOND..=LONGEST)),
    }
}
