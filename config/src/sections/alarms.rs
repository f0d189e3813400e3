//! `[alarms]`: what all alarms have in common.

use std::time::Duration;

use crate::file::address::parse_http_url;
use crate::file::raw::{Raw, Refused};
use crate::file::reader::Reader;
use crate::file::values::{DAY, HOUR, LONGEST, count, duration};

/// `[alarms]`
#[derive(Clone, Debug, PartialEq)]
pub struct Alarms {
    /// How long transitions, cleared alarms and the audit are kept. 1 h to 36,500
    /// days.
    pub history: Duration,
    /// People who work on alarms at a time; the KPIs are per operator. 1 to 10,000.
    pub operators: u32,
    /// The base of links in notifications; `http.listen` when absent.
    pub link: Option<String>,
    /// Ahead of UTC, for `hours` and `days`; minutes, -14 h to 14 h.
    pub utc_offset_minutes: i32,
    /// A critical alarm suppresses the warnings of the same device and sensor.
    pub critical_hides_warning: bool,
}

impl Default for Alarms {
    fn default() -> Self {
        Self {
            history: 400 * DAY,
            operators: 1,
            link: None,
            utc_offset_minutes: 0,
            critical_hides_warning: true,
        }
    }
}

pub(crate) fn alarms(reader: &mut Reader<'_>) -> Alarms {
    let mut section = reader.section("alarms");
    let default = Alarms::default();
    Alarms {
        history: section.value("history", default.history, duration(HOUR..=LONGEST)),
        operators: section.value("operators", default.operators, count(1..=10_000)),
        link: section.optional("link", |raw| parse_http_url(raw.text()?)),
        utc_offset_minutes: section.value("utc_offset", default.utc_offset_minutes, utc_offset),
        critical_hides_warning: section.value(
            "critical_hides_warning",
            default.critical_hides_warning,
            |raw| raw.boolean(),
        ),
    }
}

/// `+02:00`, in minutes.
fn utc_offset(raw: Raw<'_>) -> Result<i32, Refused> {
    let text = raw.text()?;
    let read = || {
        let (sign, rest) = match text.split_at_checked(1)? {
            ("+", rest) => (1, rest),
            ("-", rest) => (-1, rest),
            _ => return None,
        };
        let (hours, minutes) = rest.split_once(':')?;
        let (hours, minutes): (i32, i32) = (hours.parse().ok()?, minutes.parse().ok()?);
        ((0..=14).contains(&hours) && (0..60).contains(&minutes))
            .then_some(sign * (hours * 60 + minutes))
    };
    read().ok_or_else(|| format!("must be an offset such as \"+02:00\", not {text:?}").into())
}
