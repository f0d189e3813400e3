//! Prometheus Alertmanager, API v2: it is shown the set of open alarms rather
//! than told of each transition.
//!
//! What is new or changed is posted at once, everything again every `resend`,
//! each with an end three resends ahead: so an Alertmanager that was away has
//! all of it soon, and one that hears no more of Weir lets go by itself. What is
//! over is posted with its end until that has worked. Nothing has to be stored:
//! the open alarms are.
//!
//! Times are by the Alertmanager's clock, which its answers tell: it decides by
//! them what is over, and must not be misled by a clock of Weir's that jumped.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};
use weir_model::{Alert, Timestamp, percent_encoded};

use super::DeliveryError;
use super::http::HttpClient;
use crate::notification::{Notification, Told, rfc3339};
use crate::reason::Quantity;

/// Alerts in one request.
const BATCH: usize = 500;

/// One Alertmanager and what it was shown.
#[derive(Debug)]
pub struct AlertmanagerMirror {
    http: HttpClient,
    url: String,
    resend: Duration,
    link: String,
    /// By labels: the alert that was posted last.
    posted: BTreeMap<Labels, Posted>,
    /// Steady clock, milliseconds.
    resent_at: Option<i64>,
    /// How far its clock is ahead of the steady one, in milliseconds.
    ahead: Option<i64>,
}

type Labels = BTreeMap<&'static str, String>;

#[derive(Clone, Debug, PartialEq)]
struct Posted {
    alert_id: String,
    starts_at: i64,
}

impl AlertmanagerMirror {
    pub(super) fn new(http: HttpClient, url: &str, resend: Duration, link: &str) -> Self {
        Self {
            http,
            url: format!("{url}/api/v2"),
            resend,
            link: link.to_owned(),
            posted: BTreeMap::new(),
            resent_at: None,
            ahead: None,
        }
    }

    /// How often everything is posted.
    pub fn resend(&self) -> Duration {
        self.resend
    }

    /// Alerts that an earlier process may have posted, and that are over.
    pub fn was_shown(&mut self, alerts: &[Alert]) {
        for alert in alerts {
            let posted = Posted {
                alert_id: String::new(),
                starts_at: alert.raised_at,
            };
            self.posted.insert(labels(alert), posted);
        }
    }

    /// Whether something has to be posted again, by the steady clock.
    pub fn is_due(&self, steady_ms: i64) -> bool {
        let resend = i64::try_from(self.resend.as_millis()).unwrap_or(i64::MAX);
        self.resent_at
            .is_none_or(|last| steady_ms.saturating_sub(last) >= resend)
    }

    /// Posts what differs from what it was shown, and everything when that is
    /// due. After an error it is to be called again.
    pub fn show(
        &mut self,
        shown: &[Told],
        steady_ms: i64,
        now: Timestamp,
    ) -> Result<(), DeliveryError> {
        let due = self.is_due(steady_ms);
        if due || self.ahead.is_none() {
            let theirs = self.their_clock()?.unwrap_or(now.millis());
            self.ahead = Some(theirs.saturating_sub(steady_ms));
        }
        let theirs = steady_ms.saturating_add(self.ahead.unwrap_or(0));
        let (body, posted) = self.plan(shown, due, theirs);
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

    /// The test: an alert that ends at once.
    pub(super) fn send(
        &self,
        notification: &Notification,
        now: Timestamp,
    ) -> Result<(), DeliveryError> {
        let now = self.their_clock()?.unwrap_or(now.millis());
        let alerts = notification.alerts.iter().map(|told| {
            let labels = labels(&told.alert);
            self.alert(&labels, told, now, now + 1_000)
        });
        let body = serde_json::to_vec(&alerts.collect::<Vec<_>>()).expect("JSON values are JSON");
        self.post(&body)
    }

    /// Milliseconds since the epoch.
    fn their_clock(&self) -> Result<Option<i64>, DeliveryError> {
        self.http.their_clock(&format!("{}/status", self.url))
    }

    fn post(&self, body: &[u8]) -> Result<(), DeliveryError> {
        let headers = [("content-type", "application/json")];
        let url = format!("{}/alerts", self.url);
        let answer = self.http.post(&url, &headers, body);
        // The set is posted again anyhow, so nothing of it is given up.
        answer.map_err(|error| match error {
            DeliveryError::Refused { reason } => DeliveryError::temporary(reason),
            temporary @ DeliveryError::Temporary { .. } => temporary,
        })
    }

    /// What to post, critical ones first, and what has been posted then. `now` is
    /// by the Alertmanager's clock, in milliseconds.
    fn plan(
        &self,
        shown: &[Told],
        everything: bool,
        now: i64,
    ) -> (Vec<Value>, BTreeMap<Labels, Posted>) {
        let resend = i64::try_from(self.resend.as_millis()).unwrap_or(i64::MAX / 8);
        let ends_at = now.saturating_add(3 * resend);
        let mut body = Vec::new();
        let mut posted = BTreeMap::new();
        let mut shown: Vec<&Told> = shown.iter().collect();
        shown.sort_by_key(|told| std::cmp::Reverse(told.alert.severity));
        for told in shown {
            let labels = labels(&told.alert);
            let entry = Posted {
                alert_id: told.alert.id.clone(),
                // A device's clock may be ahead.
                starts_at: told.alert.raised_at.min(now),
            };
            if everything || self.posted.get(&labels) != Some(&entry) {
                body.push(self.alert(&labels, told, entry.starts_at, ends_at));
            }
            posted.insert(labels, entry);
        }
        for (labels, gone) in &self.posted {
            if !posted.contains_key(labels) {
                body.push(json!({
                    "labels": labels,
                    "startsAt": rfc3339(gone.starts_at.min(now)),
                    "endsAt": rfc3339(now),
                }));
            }
        }
        (body, posted)
    }

    fn alert(&self, labels: &Labels, told: &Told, starts_at: i64, ends_at: i64) -> Value {
        let alert = &told.alert;
        let unit = alert.unit.as_deref();
        let mut annotations = json!({
            "summary": format!("{}: {}", alert.device_id, alert.reason),
            "value": Quantity(alert.value, unit).to_string(),
            "since": rfc3339(alert.raised_at),
            "alarm_id": alert.alarm_id,
            "priority": told.priority,
        });
        if let Some(limit) = alert.threshold {
            annotations["limit"] = json!(Quantity(limit, unit).to_string());
        }
        if let Some(action) = &told.action {
            annotations["action"] = json!(action);
        }
        let device = percent_encoded(&alert.device_id);
        json!({
            "labels": labels,
            "annotations": annotations,
            "startsAt": rfc3339(starts_at),
            "endsAt": rfc3339(ends_at),
            "generatorURL": format!("{}/api/v1/devices/{device}", self.link),
        })
    }
}

/// Empty labels are none to Alertmanager.
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
    use weir_model::Severity;

    use super::super::trust::Trust;
    use super::*;

    #[test]
    fn what_is_new_is_posted_once_and_what_is_gone_is_ended() {
        let http = HttpClient::new(Duration::from_secs(1), true, &Trust::System);
        let mut mirror =
            AlertmanagerMirror::new(http, "http://am", Duration::from_secs(30), "http://weir");
        let now = 1_790_000_000_000;
        let told = Notification::test("am", Timestamp::from_millis(now).unwrap()).alerts;
        let (body, posted) = mirror.plan(&told, false, now);
        assert_eq!(body[0]["endsAt"], "2026-09-21T14:14:50Z");
        assert_eq!(body[0]["labels"]["severity"], "warning");
        mirror.posted = posted;
        assert_eq!(mirror.plan(&told, false, now).0, [Value::Null; 0]);
        assert_eq!(mirror.plan(&told, true, now).0, body, "kept alive");

        // Another severity is another alert: the one before it ends.
        let mut escalated = told.clone();
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
