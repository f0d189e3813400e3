//! `[journal]`: the size of the durable log.

use crate::file::reader::Reader;
use crate::file::units::show_size;
use crate::file::values::{GIB, KIB, MIB, size};

/// `[journal]`
#[derive(Clone, Debug, PartialEq)]
pub struct JournalSection {
    /// Bytes of all segments together; when it is reached, acknowledging stops.
    /// 1 MiB to 1 TiB.
    pub max_size: u64,
    /// Bytes of one segment file. 64 KiB to 4 GiB, at most half of `max_size`.
    pub segment_size: u64,
    /// Bytes that may wait in memory for their commit. 64 KiB to 4 GiB.
    pub max_pending: u64,
}

impl Default for JournalSection {
    fn default() -> Self {
        Self {
            max_size: 8 * GIB,
            segment_size: 64 * MIB,
            max_pending: 32 * MIB,
        }
    }
}

pub(crate) fn journal(reader: &mut Reader<'_>) -> JournalSection {
    let mut section = reader.section("journal");
    let default = JournalSection::default();
    let journal = JournalSection {
        max_size: section.value("max_size", default.max_size, size(MIB..=1024 * GIB)),
        segment_size: section.value(
            "segment_size",
            default.segment_size,
            size(64 * KIB..=4 * GIB),
        ),
        max_pending: section.value("max_pending", default.max_pending, size(64 * KIB..=4 * GIB)),
    };
    if journal.segment_size > journal.max_size / 2 {
        let key = if section.has("segment_size") {
            "segment_size"
        } else {
            "max_size"
        };
        let segment = show_size(journal.segment_size);
        let all = show_size(journal.max_size);
        let reason = format!(
            "segments of {segment} are more than half of max_size, {all}: space is freed by segment"
        );
        section.note(key, reason);
    }
    journal
}
