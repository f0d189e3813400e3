//! Which alarms: the keys that `[[alarm]]`, `[[notify]]`, `[[maintenance]]` and
//! `[[inhibit]]` have in common.

use weir_model::Severity;

use crate::file::raw::{Raw, Refused};
use crate::file::reader::Section;
use crate::file::values::{label, severity, texts};

/// Which alarms: globs, all of which must match. Absent: everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AlarmSelector {
    pub function: Option<String>,
    pub device: Option<String>,
    pub sensor: Option<String>,
    pub location: Option<String>,
    /// This severity or a worse one.
    pub severity: Option<Severity>,
}

impl AlarmSelector {
    /// Whether it selects an alarm of these names and this severity.
    pub fn selects(
        &self,
        function: &str,
        device: &str,
        sensor: &str,
        location: Option<&str>,
        severity: Severity,
    ) -> bool {
        let matches = |glob: &Option<String>, name: &str| {
            glob.as_deref()
                .is_none_or(|glob| weir_model::glob_matches(glob, name))
        };
        self.severity.is_none_or(|least| severity >= least)
            && matches(&self.function, function)
            && matches(&self.device, device)
            && matches(&self.sensor, sensor)
            && matches(&self.location, location.unwrap_or_default())
    }
}

/// What alarms of one notification have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum GroupKey {
    Device,
    Sensor,
    Location,
    Function,
}

/// How soon somebody has to act, after IEC 62682. Ordered: `Low < Urgent`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Priority {
    Low,
    Medium,
    High,
    Urgent,
}

impl Priority {
    pub const ALL: [Self; 4] = [Self::Low, Self::Medium, Self::High, Self::Urgent];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Urgent => "urgent",
        }
    }
}

pub(crate) fn selector(section: &mut Section<'_, '_>) -> AlarmSelector {
    AlarmSelector {
        function: section.optional("function", label(256)),
        device: section.optional("device", label(256)),
        sensor: section.optional("sensor", label(256)),
        location: section.optional("location", label(256)),
        severity: section.optional("severity", severity),
    }
}

pub(crate) fn priority(raw: Raw<'_>) -> Result<Priority, Refused> {
    let text = raw.text()?;
    let found = Priority::ALL.into_iter().find(|p| p.as_str() == text);
    found.ok_or_else(|| {
        format!("must be \"low\", \"medium\", \"high\" or \"urgent\", not {text:?}").into()
    })
}

pub(crate) fn group_keys(raw: Raw<'_>) -> Result<Vec<GroupKey>, Refused> {
    let key = |text: String| match text.as_str() {
        "device" => Ok(GroupKey::Device),
        "sensor" => Ok(GroupKey::Sensor),
        "location" => Ok(GroupKey::Location),
        "function" => Ok(GroupKey::Function),
        other => Err(Refused::from(format!(
            "may name \"device\", \"sensor\", \"location\" and \"function\", not {other:?}"
        ))),
    };
    texts(raw)?.into_iter().map(key).collect()
}
