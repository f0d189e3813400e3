//! Prometheus Alertmanager, API v2: it mirrors the set of open alarms instead of
//! getting each transition.
//!
//! New and changed alarms are posted at once, all alarms again every `resend`, each
//! with an end three resends ahead. So an Alertmanager that was unreachable catches
//! up soon, and one that loses the connection to Weir resolves the alarms. Cleared
//! alarms are posted with their end until a post succeeds. Nothing is stored beyond
//! the open alarms.
//!
//! Times are by the Alertmanager's clock, taken from its responses: it decides by
//! them which alerts have ended, and a jump of Weir's clock must not end them.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};
use weir_alarms::{Links, Notification, NotifiedAlert, Quantity, rfc3339};
use weir_http_client::HttpClient;
use weir_model::{Alert, Timestamp, printable};

use super::error::DeliveryError;
use super::post::{post_json, server_clock};

/// Alerts in one request.
const BATCH: usize = 500;

/// One Alertmanager and the alerts that it has.
#[derive(Debug)]
pub struct AlertmanagerMirror {
    http: HttpClient,
    url: String,
    resend: Duration,
    links: Links,
    /// The alerts that were posted last, by labels.
    posted: BTreeMap<Labels, Posted>,
    /// Steady clock, milliseconds.
    resent_at: Option<i64>,
    /// How far its clock is ahead of the steady clock, in milliseconds.
    ahead: Option<i64>,
}

type Labels = BTreeMap<&'static str, String>;

#[derive(Clone, Debug, PartialEq)]
struct Posted {
    alert_id: String,
    starts_at: i64,
}

impl AlertmanagerMirror {
    pub(super) fn new(http: HttpClient, url: &str, resend: Duration, links: &Links) -> Self {
        Self {
            http,
            url: format!("{url}/api/v2"),
            resend,
            links: links.clone(),
            posted: BTreeMap::new(),
            resent_at: None,
            ahead: None,
        }
    }

    /// How often all alarms are posted.
    pub fn resend(&self) -> Duration {
        self.resend
    }

    /// Registers cleared alarms that an earlier process may have posted.
    pub fn was_shown(&mut self, alerts: &[Alert]) {
        for alert in alerts {
            let posted = Posted {
                alert_id: String::new(),
                starts_at: alert.raised_at,
            };
            self.posted.insert(labels(alert), posted);
        }
    }

    /// Whether all alarms must be posted again, by the steady clock.
    pub fn is_due(&self, steady_ms: i64) -> bool {
        let resend = i64::try_from(self.resend.as_millis()).unwrap_or(i64::MAX);
        self.resent_at
            .is_none_or(|last| steady_ms.saturating_sub(last) >= resend)
    }

    /// Posts the differences to what was posted, or all alarms if that is due. After
    /// an error the caller tries again.
    pub fn show(
        &mut self,
        shown: &[NotifiedAlert],
        steady_ms: i64,
        now: Timestamp,
    ) -> Result<(), DeliveryError> {
        let due = self.is_due(steady_ms);
        if due || self.ahead.is_none() {
            let server_ms = self.server_clock()?.unwrap_or(now.millis());
            self.ahead = Some(server_ms.saturating_sub(steady_ms));
        }
        let server_ms = steady_ms.saturating_add(self.ahead.unwrap_or(0));
        let (body, posted) = self.plan(shown, due, server_ms);
        for part in body.chunks(BATCH) {
            let body = serde_json::to_vec(part).expect("JSON values are JSON");
            self.post(&body)?;
        }
        self.posted = posted;
        if due {
            self.resent_at = Some(steady_ms);
        }
        Ok(())
    }

    /// The test of the channel: an alert that ends at once.
    pub(super) fn send(
        &self,
        notification: &Notification,
        now: Timestamp,
    ) -> Result<(), DeliveryError> {
        let now = self.server_clock()?.unwrap_or(now.millis());
        let alerts = notification.alerts.iter().map(|notified| {
            let labels = labels(&notified.alert);
            self.alert(&labels, notified, now, now + 1_000)
        });
        let body = serde_json::to_vec(&alerts.collect::<Vec<_>>()).expect("JSON values are JSON");
        self.post(&body)
    }

    /// Its clock, in milliseconds since the epoch.
    fn server_clock(&self) -> Result<Option<i64>, DeliveryError> {
        server_clock(&self.http, &format!("{}/status", self.url))
    }

    fn post(&self, body: &[u8]) -> Result<(), DeliveryError> {
        let response = post_json(&self.http, &format!("{}/alerts", self.url), body);
        // The set is posted again, so a refused part of it is not given up.
        response.map_err(|error| match error {
            DeliveryError::Refused { reason } => DeliveryError::temporary(reason),
            temporary @ DeliveryError::Temporary { .. } => temporary,
        })
    }

    /// The alerts to post, critical ones first, and what is posted after that. `now`
    /// is by the Alertmanager's clock, in milliseconds.
    fn plan(
        &self,
        shown: &[NotifiedAlert],
        everything: bool,
        now: i64,
    ) -> (Vec<Value>, BTreeMap<Labels, Posted>) {
        let resend = i64::try_from(self.resend.as_millis()).unwrap_or(i64::MAX / 8);
        let ends_at = now.saturating_add(3 * resend);
        let mut body = Vec::new();
        let mut posted = BTreeMap::new();
        let mut shown: Vec<&NotifiedAlert> = shown.iter().collect();
        shown.sort_by_key(|notified| std::cmp::Reverse(notified.alert.severity));
        for notified in shown {
            let labels = labels(&notified.alert);
            let entry = Posted {
                alert_id: notified.alert.id.clone(),
                // The clock of a device may be ahead.
                starts_at: notified.alert.raised_at.min(now),
            };
            if everything || self.posted.get(&labels) != Some(&entry) {
                body.push(self.alert(&labels, notified, entry.starts_at, ends_at));
            }
            posted.insert(labels, entry);
        }
        for (labels, ended) in &self.posted {
            if !posted.contains_key(labels) {
                body.push(json!({
                    "labels": labels,
                    "startsAt": rfc3339(ended.starts_at.min(now)),
                    "endsAt": rfc3339(now),
                }));
            }
        }
        (body, posted)
    }

    fn alert(
        &self,
        labels: &Labels,
        notified: &NotifiedAlert,
        starts_at: i64,
        ends_at: i64,
    ) -> Value {
        let alert = &notified.alert;
        let unit = alert.unit.as_deref();
        let mut annotations = json!({
            "summary": format!("{}: {}", alert.device_id, alert.reason),
            "since": rfc3339(alert.raised_at),
            "alarm_id": alert.alarm_id,
            "priority": notified.priority,
        });
        if let Some(text) = &alert.text {
            annotations["value"] = json!(printable(text));
        } else if alert.value.is_finite() {
            annotations["value"] = json!(Quantity::new(alert.value, unit).to_string());
        }
        if let Some(limit) = alert.threshold {
            annotations["value"] = json!(Quantity::beside(alert.value, limit, unit).to_string());
            annotations["limit"] = json!(Quantity::beside(limit, alert.value, unit).to_string());
        }
        if let Some(action) = &notified.action {
            annotations["action"] = json!(action);
        }
        json!({
            "labels": labels,
            "annotations": annotations,
            "startsAt": rfc3339(starts_at),
            "endsAt": rfc3339(ends_at),
            "generatorURL": self.links.alarm(&alert.alarm_id),
        })
    }
}

/// Alertmanager treats an empty label as a missing one.
fn labels(alert: &Alert) -> Labels {
    let labels = [
        ("alertname", alert.function.as_str()),
        ("device", &alert.device_id),
        ("sensor", &alert.sensor),
        ("unit", alert.unit.as_deref().unwrap_or_default()),
        ("location", alert.location.as_deref().unwrap_or_default()),
        ("severity", alert.severity.as_str()),
    ];
    labels
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| (name, value.to_owned()))
        .collect()
}

#[cfg(test)]
mod tests {
    use weir_http_client::{Options, Trust};
    use weir_model::Severity;

    use super::*;

    #[test]
    fn what_is_new_is_posted_once_and_what_is_gone_is_ended() {
        let options = Options {
            timeout: Duration::from_secs(1),
            allow_private: true,
        };
        let http = HttpClient::new(options, &Trust::System);
        let mut mirror = AlertmanagerMirror::new(
            http,
            "http://am",
            Duration::from_secs(30),
            &Links::new("http://weir", true),
        );
        let now = 1_790_000_000_000;
        let alerts = Notification::test("am", Timestamp::from_millis(now).unwrap()).alerts;
        let (body, posted) = mirror.plan(&alerts, false, now);
        assert_eq!(body[0]["endsAt"], "2026-09-21T14:14:50Z");
        assert_eq!(body[0]["labels"]["severity"], "warning");
        mirror.posted = posted;
        assert_eq!(mirror.plan(&alerts, false, now).0, [Value::Null; 0]);
        assert_eq!(mirror.plan(&alerts, true, now).0, body, "kept alive");

        // Another severity is another alert: the one before it ends.
        let mut escalated = alerts.clone();
        escalated[0].alert.severity = Severity::Critical;
        escalated[0].alert.id = "another".to_owned();
        let (body, posted) = mirror.plan(&escalated, false, now);
        assert_eq!(body.len(), 2);
        assert_eq!(
            (
                &body[0]["labels"]["severity"],
                &body[1]["labels"]["severity"]
            ),
            (&json!("critical"), &json!("warning"))
        );
        assert_eq!(body[1]["endsAt"], "2026-09-21T14:13:20Z");
        mirror.posted = posted;
        let (body, posted) = mirror.plan(&[], false, now);
        assert_eq!((body.len(), posted.len()), (1, 0));
    }
}
