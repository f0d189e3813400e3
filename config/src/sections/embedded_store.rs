//! `[store.embedded]`: the embedded store of readings.

use std::time::Duration;

use crate::file::reader::Reader;
use crate::file::values::{DAY, LONGEST, MILLISECOND, SECOND, count, duration};

/// `[store.embedded]`
#[derive(Clone, Debug, PartialEq)]
pub struct EmbeddedStore {
    /// Readings older than this are removed. 1 s to 36,500 days.
    pub retention: Duration,
    /// Hourly roll-ups are kept this long. 1 s to 36,500 days.
    pub retention_1h: Duration,
    /// Roll-ups by minute are written, and kept this long; without it they are
    /// computed from the readings by a query. 1 s to 36,500 days.
    pub retention_1m: Option<Duration>,
    /// Rows are written to Parquet, and the journal is trimmed, this often (10 ms
    /// to 1 day), ...
    pub flush_interval: Duration,
    /// ... or as soon as so many readings wait in memory: 1 to 100,000,000.
    pub flush_readings: usize,
}

impl Default for EmbeddedStore {
    fn default() -> Self {
        Self {
            retention: 90 * DAY,
            retention_1h: 1_825 * DAY,
            retention_1m: None,
            flush_interval: 60 * SECOND,
            flush_readings: 1_000_000,
        }
    }
}

pub(crate) fn embedded_store(reader: &mut Reader<'_>) -> EmbeddedStore {
    let mut section = reader.section("store.embedded");
    let default = EmbeddedStore::default();
    EmbeddedStore {
        retention: section.value("retention", default.retention, duration(SECOND..=LONGEST)),
        retention_1h: section.value(
            "retention_1h",
            default.retention_1h,
            duration(SECOND..=LONGEST),
        ),
        retention_1m: section
            .optional("retention_1m", duration(SECOND..=LONGEST))
            .or(default.retention_1m),
        flush_interval: section.value(
            "flush_interval",
            default.flush_interval,
            duration(10 * MILLISECOND..=DAY),
        ),
        flush_readings: section.value(
            "flush_readings",
            default.flush_readings,
            count(1..=100_000_000),
        ),
    }
}
