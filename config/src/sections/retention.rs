//! `[[retain]]`: a retention of its own for some devices, sensors or locations.
//! All other readings have `store.embedded.retention`.

use std::time::Duration;

use crate::file::reader::{Reader, Section};
use crate::file::values::{LONGEST, SECOND, duration, label};

/// `[[retain]]`. The first rule that matches a reading applies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Globs: `*` is any text, `?` any one character. Absent: everything.
    pub device: Option<String>,
    pub sensor: Option<String>,
    pub location: Option<String>,
    /// 1 s to 36,500 days.
    pub keep: Duration,
}

pub(crate) fn retention(reader: &mut Reader<'_>) -> Vec<Retention> {
    reader.each("retain", rule)
}

fn rule(section: &mut Section<'_, '_>) -> Retention {
    let rule = Retention {
        device: section.optional("device", label(256)),
        sensor: section.optional("sensor", label(256)),
        location: section.optional("location", label(256)),
        keep: section
            .required("keep", duration(SECOND..=LONGEST))
            .unwrap_or(LONGEST),
    };
    if rule.device.is_none() && rule.sensor.is_none() && rule.location.is_none() {
        section.note(
            "keep",
            "the rule needs device, sensor or location; the retention of all other readings is \
             store.embedded.retention",
        );
    }
    rule
}
