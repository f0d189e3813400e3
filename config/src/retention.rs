//! `[[retain]]`: how long the readings of some devices, sensors or places are
//! kept, where that is not `store.embedded.retention`.

use std::time::Duration;

use crate::range::{duration, label};
use crate::reader::{Reader, Section};

/// `[[retain]]`. The first rule that matches a reading decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Globs: `*` is any text, `?` any one character. Absent: everything.
    pub device: Option<String>,
    pub sensor: Option<String>,
    pub location: Option<String>,
    /// 1 s to 36,500 days.
    pub keep: Duration,
}

const LONGEST: Duration = Duration::from_secs(36_500 * 24 * 3_600);

pub(crate) fn retention(reader: &mut Reader<'_>) -> Vec<Retention> {
    let tables = reader.repeated("retain");
    tables
        .into_iter()
        .map(|table| rule(&mut reader.section_of("retain", table)))
        .collect()
}

fn rule(section: &mut Section<'_, '_>) -> Retention {
    let rule = Retention {
        device: section.optional("device", label(256)),
        sensor: section.optional("sensor", label(256)),
        location: section.optional("location", label(256)),
        keep: section
            .required("keep", duration(Duration::from_secs(1)..=LONGEST))
            .unwrap_or(LONGEST),
    };
    if rule.device.is_none() && rule.sensor.is_none() && rule.location.is_none() {
        section.note(
            "keep",
            "the rule needs device, sensor or location; what all readings have is \
             store.embedded.retention"
                .to_owned(),
        );
    }
    rule
}
