//! A notification: one or more alerts for one channel, and their text for people.
//!
//! The `id` is derived from the content (channel, cause, transitions), so a
//! notification that is sent again after a crash or a lost response has the same
//! id.

use serde::{Deserialize, Serialize};
use weir_model::{Alert, AlertState, Severity, Timestamp, printable};

use crate::alarm_id::hash;
use crate::links::Links;
use crate::quantity::Quantity;
use crate::stored_alert;

/// Alerts that one notification contains in full; the rest is a number.
pub(crate) const MAX_ALERTS: usize = 100;

/// Why a notification is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Cause {
    /// Transitions of alarms.
    Alerts,
    /// The alarm is still open and nobody has acknowledged it.
    Repeat,
    /// Nobody has acknowledged the alarm in time: the next channel is notified.
    Escalation,
    /// Somebody has acknowledged the alarm.
    Acknowledged,
    /// The summary of more alarms than the channel's limit.
    Storm,
    /// A test of the channel.
    Test,
}

impl Cause {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Alerts => "alerts",
            Self::Repeat => "repeat",
            Self::Escalation => "escalation",
            Self::Acknowledged => "acknowledged",
            Self::Storm => "storm",
            Self::Test => "test",
        }
    }
}

/// An alert with its priority and the action to take.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NotifiedAlert {
    #[serde(with = "stored_alert")]
    pub alert: Alert,
    /// `low`, `medium`, `high` or `urgent`.
    pub priority: String,
    /// The action to take, as configured.
    pub action: Option<String>,
}

/// One delivery over one channel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Notification {
    /// The same for every attempt.
    pub id: String,
    pub channel: String,
    pub cause: Cause,
    /// The highest severity of its alerts.
    pub severity: Severity,
    /// 1 to 100; for a storm 0 to a few examples.
    pub alerts: Vec<NotifiedAlert>,
    /// Further alerts, by number only.
    pub more: u64,
    /// Who acknowledged.
    pub by: Option<String>,
    /// By Weir's clock, milliseconds.
    pub created_at: i64,
}

impl Notification {
    /// `salt` distinguishes repeats of the same alerts. `now` is in milliseconds.
    pub fn new(
        channel: &str,
        cause: Cause,
        alerts: Vec<NotifiedAlert>,
        salt: i64,
        now: i64,
    ) -> Self {
        let salt = salt.to_le_bytes();
        let mut parts: Vec<&[u8]> = vec![
            b"notification",
            channel.as_bytes(),
            cause.as_str().as_bytes(),
            &salt,
        ];
        parts.extend(alerts.iter().map(|notified| notified.alert.id.as_bytes()));
        let id = hash(&parts);
        let worst = alerts.iter().map(|notified| notified.alert.severity).max();
        let more = alerts.len().saturating_sub(MAX_ALERTS) as u64;
        let mut alerts = alerts;
        alerts.truncate(MAX_ALERTS);
        Self {
            id,
            channel: channel.to_owned(),
            cause,
            severity: worst.unwrap_or(Severity::Warning),
            alerts,
            more,
            by: None,
            created_at: now,
        }
    }

    /// Whether it overtakes others: it has an alarm that is not cleared and is
    /// critical or has priority `high` or `urgent`. An acknowledgement never does.
    pub fn is_high_priority(&self) -> bool {
        let is_high = |notified: &NotifiedAlert| {
            notified.alert.state != AlertState::Cleared
                && (notified.alert.severity == Severity::Critical
                    || matches!(notified.priority.as_str(), "high" | "urgent"))
        };
        self.cause != Cause::Acknowledged && self.alerts.iter().any(is_high)
    }

    /// The notification of `weir alarms test-channel`.
    pub fn test(channel: &str, now: Timestamp) -> Self {
        let alert = Alert {
            id: hash(&[b"test", &now.0.to_le_bytes()]),
            alarm_id: hash(&[b"test alarm", channel.as_bytes()]),
            kind: weir_model::AlertKind::Alert,
            severity: Severity::Warning,
            state: AlertState::Raised,
            device_id: "weir".to_owned(),
            sensor: "test".to_owned(),
            value: 1.0,
            text: None,
            threshold: Some(0.0),
            function: "test".to_owned(),
            location: None,
            unit: None,
            timestamp: now.millis(),
            raised_at: now.millis(),
            recorded_at: Some(now.millis()),
            reason: "This is a test of the channel. Nothing is wrong.".to_owned(),
        };
        let notified = NotifiedAlert {
            alert,
            priority: "low".to_owned(),
            action: Some("Nothing.".to_owned()),
        };
        Self::new(channel, Cause::Test, vec![notified], now.0, now.millis())
    }

    /// The subject of an email, the first line of a message.
    pub fn title(&self) -> String {
        let severity = self.severity.as_str().to_uppercase();
        let count = self.alerts.len() as u64 + self.more;
        match (self.cause, self.alerts.as_slice()) {
            (Cause::Test, _) => "[TEST] Weir can reach this channel".to_owned(),
            (Cause::Storm, []) => "[STORM] alarms come one by one again".to_owned(),
            (Cause::Storm, _) => format!("[STORM] {count} alarms, the worst {severity}"),
            (cause, [notified]) if self.more == 0 => {
                let alert = &notified.alert;
                let what = match cause {
                    Cause::Repeat => "still open",
                    Cause::Escalation => "not acknowledged",
                    Cause::Acknowledged => "acknowledged",
                    Cause::Alerts | Cause::Storm | Cause::Test => alert.state.as_str(),
                };
                let what = what.to_uppercase();
                format!("[{severity} {what}] {} {}", alert.device_id, alert.sensor)
            }
            (cause, alerts) => {
                let open = alerts
                    .iter()
                    .filter(|notified| notified.alert.state != AlertState::Cleared);
                let cleared = alerts.len() - open.count();
                let what = match cause {
                    Cause::Repeat => "still open",
                    Cause::Escalation => "not acknowledged",
                    Cause::Acknowledged => "acknowledged",
                    _ if cleared == alerts.len() => "cleared",
                    _ => "raised",
                };
                let places = alerts.iter().map(|notified| &notified.alert.location);
                let place = common(places.map(Option::as_deref))
                    .map(|place| format!(" in {place}"))
                    .unwrap_or_default();
                format!("[{severity}] {count} alarms {what}{place}")
            }
        }
    }

    /// A few lines per alert for people: sensor, value, limit, place, time, action,
    /// and links.
    pub fn text(&self, links: &Links) -> String {
        let mut text = String::new();
        for notified in &self.alerts {
            text.push_str(&lines(notified, links));
            text.push('\n');
        }
        if self.cause == Cause::Storm {
            text.push_str(&format!("All alarms: {}\n", links.alarms()));
        }
        if self.more > 0 {
            text.push_str(&format!("and {} more.\n", self.more));
        }
        if let Some(by) = &self.by {
            text.push_str(&format!("Acknowledged by {by}.\n"));
        }
        text
    }
}

/// The lines of one alert.
fn lines(notified: &NotifiedAlert, links: &Links) -> String {
    let alert = &notified.alert;
    let unit = alert.unit.as_deref();
    let mut text = format!("{}\n", alert.reason);
    let mut line = |name: &str, value: String| text.push_str(&format!("  {name:<9} {value}\n"));
    line(
        "alarm",
        format!(
            "{} ({}), {} priority",
            alert.state.as_str(),
            alert.severity,
            notified.priority
        ),
    );
    line("sensor", format!("{} of {}", alert.sensor, alert.device_id));
    if let Some(text) = &alert.text {
        line("value", printable(text));
    } else if let Some(limit) = alert.threshold {
        let (value, limit) = (
            Quantity::beside(alert.value, limit, unit),
            Quantity::beside(limit, alert.value, unit),
        );
        line("value", value.to_string());
        line("limit", format!("{limit} ({})", alert.function));
    } else if alert.value.is_finite() {
        line("value", Quantity::new(alert.value, unit).to_string());
    }
    if let Some(place) = &alert.location {
        line("place", place.clone());
    }
    line("since", rfc3339(alert.raised_at));
    if alert.state != AlertState::Raised {
        line(alert.state.as_str(), rfc3339(alert.timestamp));
    }
    if let Some(action) = &notified.action {
        line("do", action.clone());
    }
    line("details", links.alarm(&alert.alarm_id));
    line("device", links.device(&alert.device_id));
    line("shadow", links.shadow(&alert.device_id));
    line("ack", format!("weir alarms ack {}", alert.alarm_id));
    text
}

/// The value that is the same for all.
fn common<'a>(mut values: impl Iterator<Item = Option<&'a str>>) -> Option<&'a str> {
    let first = values.next()??;
    values.all(|value| value == Some(first)).then_some(first)
}

/// RFC 3339 in UTC; milliseconds since the epoch are printed if they are not 0.
pub fn rfc3339(millis: i64) -> String {
    let text = Timestamp::from_millis(millis)
        .unwrap_or_default()
        .to_rfc3339();
    match text.split_once('.') {
        Some((seconds, _)) if millis % 1_000 == 0 => format!("{seconds}Z"),
        Some((seconds, fraction)) => format!("{seconds}.{}Z", &fraction[..3]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_reads_what_where_since_when_why_and_what_to_do() {
        let now = Timestamp::from_millis(1_790_000_000_000).unwrap();
        let mut notification = Notification::test("mail", now);
        notification.cause = Cause::Alerts;
        let alert = &mut notification.alerts[0].alert;
        alert.device_id = "pump 1".to_owned();
        alert.unit = Some("°C".to_owned());
        alert.location = Some("hall-2".to_owned());
        alert.alarm_id = "a1".to_owned();
        alert.reason = "temperature 1 °C is above the warning limit 0 °C".to_owned();
        assert_eq!(notification.title(), "[WARNING RAISED] pump 1 test");
        insta::assert_snapshot!(notification.text(&Links::new("http://weir", true)), @r"
        temperature 1 °C is above the warning limit 0 °C
          alarm     raised (warning), low priority
          sensor    test of pump 1
          value     1 °C
          limit     0 °C (test)
          place     hall-2
          since     2026-09-21T14:13:20Z
          do        Nothing.
          details   http://weir/ui/alarms/a1
          device    http://weir/ui/devices/pump%201
          shadow    http://weir/ui/devices/pump%201?tab=shadow
          ack       weir alarms ack a1
        ");
    }

    #[test]
    fn the_id_is_the_same_for_the_same_and_another_for_a_repeat() {
        let now = Timestamp(5);
        let alerts = Notification::test("a", now).alerts;
        let id = |channel, cause, salt, at| {
            Notification::new(channel, cause, alerts.clone(), salt, at).id
        };
        let base = id("a", Cause::Alerts, 0, 1);
        assert_eq!(base, id("a", Cause::Alerts, 0, 2), "whenever it is made");
        assert_ne!(base, id("b", Cause::Alerts, 0, 1));
        assert_ne!(base, id("a", Cause::Repeat, 0, 1));
        assert_ne!(id("a", Cause::Repeat, 1, 1), id("a", Cause::Repeat, 2, 1));
    }
}
