//! `[watchdog]`: stalled consumers, and alarms about Weir itself.

use std::time::Duration;

use crate::file::reader::Reader;
use crate::file::values::{DAY, SECOND, duration};

/// `[watchdog]`
#[derive(Clone, Debug, PartialEq)]
pub struct Watchdog {
    /// How long a consumer of the journal may make no progress while records wait
    /// before `/readyz` reports it. Up to 1 day; zero turns it off.
    pub stalled_after: Duration,
    /// What `/readyz` reports is also an alarm of the device `$weir`.
    pub alerts: bool,
    /// Such an alarm is raised and cleared when the state has lasted this long. 1 s
    /// to 1 day.
    pub alert_after: Duration,
    /// Globs over the components of `/readyz` whose alarms are critical; alarms of
    /// other components are warnings.
    pub critical: Vec<String>,
}

impl Default for Watchdog {
    fn default() -> Self {
        Self {
            stalled_after: 30 * SECOND,
            alerts: true,
            alert_after: 10 * SECOND,
            critical: ["journal", "store", "alarms", "quarantine", "shadows"]
                .map(str::to_owned)
                .to_vec(),
        }
    }
}

pub(crate) fn watchdog(reader: &mut Reader<'_>) -> Watchdog {
    let mut section = reader.section("watchdog");
    let default = Watchdog::default();
    Watchdog {
        stalled_after: section.value(
            "stalled_after",
            default.stalled_after,
            duration(Duration::ZERO..=DAY),
        ),
        alerts: section.value("alerts", default.alerts, |raw| raw.boolean()),
        alert_after: section.value("alert_after", default.alert_after, duration(SECOND..=DAY)),
        critical: section.value("critical", default.critical, |raw| raw.texts()),
    }
}
