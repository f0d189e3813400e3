//! `[[maintenance]]`: windows without notifications.

use super::selector::{AlarmSelector, selector};
use crate::file::reader::{Reader, Section};
use crate::file::values::instant_ns;

/// `[[maintenance]]`: the selected alarms cause no notification in this window.
#[derive(Clone, Debug, PartialEq)]
pub struct Maintenance {
    pub select: AlarmSelector,
    /// Milliseconds since the epoch, by Weir's clock.
    pub from_ms: i64,
    pub to_ms: i64,
}

pub(crate) fn maintenance(reader: &mut Reader<'_>) -> Vec<Maintenance> {
    reader.each("maintenance", window)
}

fn window(section: &mut Section<'_, '_>) -> Maintenance {
    let select = selector(section);
    let mut instant = |key| {
        section
            .required(key, instant_ns)
            .map_or(0, |ns| ns / 1_000_000)
    };
    let (from_ms, to_ms) = (instant("from"), instant("to"));
    if to_ms < from_ms {
        section.note("to", "is before from");
    }
    Maintenance {
        select,
        from_ms,
        to_ms,
    }
}
