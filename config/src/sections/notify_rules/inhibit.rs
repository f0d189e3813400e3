//! `[[inhibit]]`: alarms that hide others.

use super::selector::{AlarmSelector, GroupKey, group_keys, selector};
use crate::file::reader::{Reader, Section};
use crate::file::values::{label, severity};

/// `[[inhibit]]`: while an alarm of `by` is open, alarms of `hides` cause no
/// notification.
#[derive(Clone, Debug, PartialEq)]
pub struct Inhibit {
    pub by: AlarmSelector,
    pub hides: AlarmSelector,
    /// Only alarms that agree in these.
    pub same: Vec<GroupKey>,
}

pub(crate) fn inhibit(reader: &mut Reader<'_>) -> Vec<Inhibit> {
    reader.each("inhibit", rule)
}

fn rule(section: &mut Section<'_, '_>) -> Inhibit {
    let by = AlarmSelector {
        function: section.optional("by_function", label(256)),
        device: section.optional("by_device", label(256)),
        sensor: section.optional("by_sensor", label(256)),
        location: section.optional("by_location", label(256)),
        severity: section.optional("by_severity", severity),
    };
    if by == AlarmSelector::default() {
        section.note_table("needs one of by_function, by_device, by_sensor, by_severity");
    }
    Inhibit {
        by,
        hides: selector(section),
        same: section.optional("same", group_keys).unwrap_or_default(),
    }
}
