//! What a channel is asked to deliver: one or more alerts that are told
//! together, and the sentences for people.
//!
//! The `id` comes from what is told (channel, cause, transitions), so a
//! notification that is sent again after a crash or a lost answer carries the
//! id it had.

use serde::{Deserialize, Serialize};
use weir_model::{Alert, AlertState, Severity, Timestamp, percent_encoded};

use crate::alarm_id::hash;
use crate::reason::Quantity;
use crate::stored_alert;

/// Alerts that one notification tells in full; of more it gives the number.
pub(crate) const MAX_ALERTS: usize = 100;

/// Why a channel is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Cause {
    /// Transitions of alarms.
    Alerts,
    /// Still open, and nobody has acknowledged it.
    Repeat,
    /// Nobody has acknowledged it in time: the next one is told.
    Escalation,
    /// Somebody has acknowledged it.
    Acknowledged,
    /// Too many to be told one by one.
    Storm,
    /// Somebody presses the test button.
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

/// An alert with what is known about its kind of alarm.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Told {
    #[serde(with = "stored_alert")]
    pub alert: Alert,
    /// `low`, `medium`, `high` or `urgent`.
    pub priority: String,
    /// What to do.
    pub action: Option<String>,
}

/// One thing to deliver over one channel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Notification {
    /// The same however often it is sent.
    pub id: String,
    pub channel: String,
    pub cause: Cause,
    /// The worst of its alerts.
    pub severity: Severity,
    /// 1 to 100; of a storm none to a few examples.
    pub alerts: Vec<Told>,
    /// How many more alerts it stands for.
    pub more: u64,
    /// Who acknowledged.
    pub by: Option<String>,
    /// By Weir's clock, milliseconds.
    pub created_at: i64,
}

impl Notification {
    /// `salt` tells repeats of the same alerts apart.
    pub fn new(channel: &str, cause: Cause, alerts: Vec<Told>, salt: i64, now: i64) -> Self {
        let salt = salt.to_le_bytes();
        let mut parts: Vec<&[u8]> = vec![
            b"notification",
            channel.as_bytes(),
            cause.as_str().as_bytes(),
            &salt,
        ];
        parts.extend(alerts.iter().map(|told| told.alert.id.as_bytes()));
        let id = hash(&parts);
        let worst = alerts.iter().map(|told| told.alert.severity).max();
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

    /// Whether it goes before others: it tells of something that is not over, and
    /// is critical or of high priority. Who hears of an acknowledgement has time.
    pub fn presses(&self) -> bool {
        let presses = |told: &Told| {
            told.alert.state != AlertState::Cleared
                && (told.alert.severity == Severity::Critical
                    || matches!(told.priority.as_str(), "high" | "urgent"))
        };
        self.cause != Cause::Acknowledged && self.alerts.iter().any(presses)
    }

    /// The one that `weir alarms test-channel` sends.
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
            threshold: Some(0.0),
            function: "test".to_owned(),
            location: None,
            unit: None,
            timestamp: now.millis(),
            raised_at: now.millis(),
            reason: "This is a test of the channel. Nothing is wrong.".to_owned(),
        };
        let told = Told {
            alert,
            priority: "low".to_owned(),
            action: Some("Nothing.".to_owned()),
        };
        Self::new(channel, Cause::Test, vec![told], now.0, now.millis())
    }

    /// The subject of a mail, the first line of a message.
    pub fn title(&self) -> String {
        let severity = self.severity.as_str().to_uppercase();
        let count = self.alerts.len() as u64 + self.more;
        match (self.cause, self.alerts.as_slice()) {
            (Cause::Test, _) => "[TEST] Weir can reach this channel".to_owned(),
            (Cause::Storm, []) => "[STORM] alarms come one by one again".to_owned(),
            (Cause::Storm, _) => format!("[STORM] {count} alarms, the worst {severity}"),
            (cause, [told]) if self.more == 0 => {
                let alert = &told.alert;
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
                    .filter(|told| told.alert.state != AlertState::Cleared);
                let cleared = alerts.len() - open.count();
                let what = match cause {
                    Cause::Repeat => "still open",
                    Cause::Escalation => "not acknowledged",
                    Cause::Acknowledged => "acknowledged",
                    _ if cleared == alerts.len() => "cleared",
                    _ => "raised",
                };
                let place = common(alerts.iter().map(|told| told.alert.location.as_deref()));
                let place = place
                    .map(|place| format!(" in {place}"))
                    .unwrap_or_default();
                format!("[{severity}] {count} alarms {what}{place}")
            }
        }
    }

    /// A few lines per alert, for people: what, the limit, where, since when,
    /// why, what to do, and links below `base`.
    pub fn text(&self, base: &str) -> String {
        let mut text = String::new();
        for told in &self.alerts {
            text.push_str(&lines(told, base));
            text.push('\n');
        }
        if self.cause == Cause::Storm {
            text.push_str(&format!("All alarms: {base}/api/v1/alarms?state=open\n"));
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

/// One alert in lines for a person.
fn lines(told: &Told, base: &str) -> String {
    let alert = &told.alert;
    let unit = alert.unit.as_deref();
    let mut text = format!("{}\n", alert.reason);
    let mut line = |name: &str, value: String| text.push_str(&format!("  {name:<9} {value}\n"));
    line(
        "alarm",
        format!(
            "{} ({}), {} priority",
            alert.state.as_str(),
            alert.severity,
            told.priority
        ),
    );
    line("sensor", format!("{} of {}", alert.sensor, alert.device_id));
    line("value", Quantity(alert.value, unit).to_string());
    if let Some(limit) = alert.threshold {
        line(
            "limit",
            format!("{} ({})", Quantity(limit, unit), alert.function),
        );
    }
    if let Some(place) = &alert.location {
        line("place", place.clone());
    }
    line("since", rfc3339(alert.raised_at));
    if alert.state != AlertState::Raised {
        line(alert.state.as_str(), rfc3339(alert.timestamp));
    }
    if let Some(action) = &told.action {
        line("do", action.clone());
    }
    let device = percent_encoded(&alert.device_id);
    line("device", format!("{base}/api/v1/devices/{device}"));
    line("shadow", format!("{base}/things/{device}/shadow"));
    line("ack", format!("weir alarms ack {}", alert.alarm_id));
    text
}

/// The value that all of them have.
fn common<'a>(mut values: impl Iterator<Item = Option<&'a str>>) -> Option<&'a str> {
    let first = values.next()??;
    values.all(|value| value == Some(first)).then_some(first)
}

pub(crate) fn rfc3339(millis: i64) -> String {
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
        let told = &mut notification.alerts[0];
        told.alert.device_id = "pump 1".to_owned();
        told.alert.unit = Some("°C".to_owned());
        told.alert.location = Some("hall-2".to_owned());
        told.alert.alarm_id = "a1".to_owned();
        told.alert.reason = "temperature 1 °C is above the warning limit 0 °C".to_owned();
        assert_eq!(notification.title(), "[WARNING RAISED] pump 1 test");
        insta::assert_snapshot!(notification.text("http://weir"), @r"
        temperature 1 °C is above the warning limit 0 °C
          alarm     raised (warning), low priority
          sensor    test of pump 1
          value     1 °C
          limit     0 °C (test)
          place     hall-2
          since     2026-09-21T14:13:20Z
          do        Nothing.
          device    http://weir/api/v1/devices/pump%201
          shadow    http://weir/things/pump%201/shadow
          ack       weir alarms ack a1
        ");
    }

    #[test]
    fn the_id_is_the_same_for_the_same_and_another_for_a_repeat() {
        let now = Timestamp(5);
        let told = Notification::test("a", now).alerts;
        let id =
            |channel, cause, salt, at| Notification::new(channel, cause, told.clone(), salt, at).id;
        let base = id("a", Cause::Alerts, 0, 1);
        assert_eq!(base, id("a", Cause::Alerts, 0, 2), "whenever it is made");
        assert_ne!(base, id("b", Cause::Alerts, 0, 1));
        assert_ne!(base, id("a", Cause::Repeat, 0, 1));
        assert_ne!(id("a", Cause::Repeat, 1, 1), id("a", Cause::Repeat, 2, 1));
    }
}
