//! `[[alarm]]`: what alarms of a kind mean.

use super::notify_rules::selector::{AlarmSelector, Priority, priority, selector};
use crate::file::reader::{Reader, Section};
use crate::file::values::label;

/// `[[alarm]]`. The first that selects an alarm decides.
#[derive(Clone, Debug, PartialEq)]
pub struct AlarmMeaning {
    pub select: AlarmSelector,
    pub priority: Option<Priority>,
    /// The alarm stays open after its condition has ended, until it is acknowledged.
    pub latch: bool,
    /// What to do about it; up to 1,000 bytes.
    pub action: Option<String>,
    /// No notifications: the device is out of service.
    pub out_of_service: bool,
}

pub(crate) fn alarm_meanings(reader: &mut Reader<'_>) -> Vec<AlarmMeaning> {
    reader.each("alarm", alarm_meaning)
}

fn alarm_meaning(section: &mut Section<'_, '_>) -> AlarmMeaning {
    AlarmMeaning {
        select: selector(section),
        priority: section.optional("priority", priority),
        latch: section.value("latch", false, |raw| raw.boolean()),
        action: section.optional("action", label(1_000)),
        out_of_service: section.value("out_of_service", false, |raw| raw.boolean()),
    }
}
