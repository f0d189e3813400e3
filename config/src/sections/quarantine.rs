//! `[quarantine]`: how many rejected messages are kept, and how long.

use std::time::Duration;

use crate::file::reader::Reader;
use crate::file::values::{DAY, GIB, KIB, LONGEST, SECOND, count, duration, size};

/// `[quarantine]`. When one of these is reached the oldest entries are removed and
/// counted.
#[derive(Clone, Debug, PartialEq)]
pub struct Quarantine {
    /// 1 to 100,000,000.
    pub max_entries: u64,
    /// Bytes of all entries together. 64 KiB to 1 TiB.
    pub max_size: u64,
    /// Since the message was received. 1 s to 36,500 days.
    pub max_age: Duration,
}

impl Default for Quarantine {
    fn default() -> Self {
        Self {
            max_entries: 1_000_000,
            max_size: GIB,
            max_age: 90 * DAY,
        }
    }
}

pub(crate) fn quarantine(reader: &mut Reader<'_>) -> Quarantine {
    let mut section = reader.section("quarantine");
    let default = Quarantine::default();
    Quarantine {
        max_entries: section.value("max_entries", default.max_entries, count(1..=100_000_000)),
        max_size: section.value("max_size", default.max_size, size(64 * KIB..=1024 * GIB)),
        max_age: section.value("max_age", default.max_age, duration(SECOND..=LONGEST)),
    }
}
