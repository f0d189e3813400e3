//! `[shadows]`: device shadows.

use std::time::Duration;

use crate::file::raw::{Raw, Refused};
use crate::file::reader::Reader;
use crate::file::values::{HOUR, MIB, MILLISECOND, count, duration, label, size};

/// `[shadows]`
#[derive(Clone, Debug, PartialEq)]
pub struct Shadows {
    /// Topic prefix; no wildcard.
    pub prefix: String,
    /// Weir updates a device's shadow at most once per interval. 10 ms to 1 h.
    pub interval: Duration,
    /// Bytes of desired and reported together. 256 B to 1 MiB.
    pub max_document: usize,
    /// Levels of nesting. 1 to 64.
    pub max_depth: usize,
    /// Requests in flight for one thing. 1 to 1,000.
    pub max_inflight: usize,
}

impl Default for Shadows {
    fn default() -> Self {
        Self {
            prefix: "$aws/things".to_owned(),
            interval: Duration::from_secs(1),
            max_document: 8 * 1024,
            max_depth: 6,
            max_inflight: 10,
        }
    }
}

pub(crate) fn shadows(reader: &mut Reader<'_>) -> Shadows {
    let mut section = reader.section("shadows");
    let default = Shadows::default();
    Shadows {
        prefix: section.value("prefix", default.prefix, prefix),
        interval: section.value(
            "interval",
            default.interval,
            duration(10 * MILLISECOND..=HOUR),
        ),
        max_document: section
            .value("max_document", default.max_document as u64, size(256..=MIB))
            .try_into()
            .unwrap_or(default.max_document),
        max_depth: section.value("max_depth", default.max_depth, count(1..=64)),
        max_inflight: section.value("max_inflight", default.max_inflight, count(1..=1_000)),
    }
}

fn prefix(raw: Raw<'_>) -> Result<String, Refused> {
    let prefix = label(256)(raw)?;
    if prefix.contains(['+', '#']) || prefix.split('/').any(str::is_empty) {
        return Err("must be topic levels without + and #, like \"$aws/things\"".into());
    }
    Ok(prefix)
}
