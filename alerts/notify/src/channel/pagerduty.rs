//! PagerDuty Events API v2: the alarm's id is the `dedup_key`, so an alarm is one
//! incident however often an event is sent.
//! See <https://developer.pagerduty.com/docs/events-api-v2/overview>.

use serde_json::{Value, json};
use weir_alarms::{Cause, Links, Notification, NotifiedAlert, rfc3339};
use weir_http_client::HttpClient;
use weir_model::AlertState;

use super::error::DeliveryError;
use super::post::post_json;
use super::text::{cut, json_value};

/// PagerDuty's limit for a summary is 1,024 characters.
const MAX_SUMMARY_BYTES: usize = 1_024;

#[derive(Debug)]
pub(super) struct PagerDuty {
    http: HttpClient,
    url: String,
    routing_key: RoutingKey,
}

/// `Debug` does not print it.
struct RoutingKey(String);

impl std::fmt::Debug for RoutingKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RoutingKey")
    }
}

impl PagerDuty {
    pub(super) fn new(http: HttpClient, url: String, routing_key: String) -> Self {
        Self {
            http,
            url,
            routing_key: RoutingKey(routing_key),
        }
    }

    pub(super) fn send(
        &self,
        notification: &Notification,
        links: &Links,
    ) -> Result<(), DeliveryError> {
        for mut event in events(notification, links) {
            event["routing_key"] = json!(self.routing_key.0);
            post_json(&self.http, &self.url, event.to_string().as_bytes())?;
        }
        Ok(())
    }
}

/// The events, without the routing key.
fn events(notification: &Notification, links: &Links) -> Vec<Value> {
    if notification.cause == Cause::Storm {
        let mut event = json!({
            "event_action": if notification.alerts.is_empty() { "resolve" } else { "trigger" },
            "dedup_key": format!("weir-storm-{}", notification.channel),
        });
        if !notification.alerts.is_empty() {
            event["client"] = json!("Weir");
            event["client_url"] = json!(links.alarms());
            event["payload"] = json!({
                "summary": notification.title(),
                "source": "weir",
                "severity": notification.severity.as_str(),
                "custom_details": {"alarms": notification.text(links)},
            });
        }
        return vec![event];
    }
    notification
        .alerts
        .iter()
        .map(|notified| event(notified, notification.cause, links))
        .collect()
}

fn event(notified: &NotifiedAlert, cause: Cause, links: &Links) -> Value {
    let alert = &notified.alert;
    let action = match (cause, alert.state) {
        (Cause::Acknowledged, _) => "acknowledge",
        (_, AlertState::Cleared) => "resolve",
        _ => "trigger",
    };
    let mut event = json!({
        "event_action": action,
        "dedup_key": alert.alarm_id,
    });
    if action == "trigger" {
        event["client"] = json!("Weir");
        event["client_url"] = json!(links.alarm(&alert.alarm_id));
        event["links"] = json!([
            {"href": links.alarm(&alert.alarm_id), "text": "alarm"},
            {"href": links.device(&alert.device_id), "text": "device"},
            {"href": links.shadow(&alert.device_id), "text": "shadow"},
        ]);
        let summary = format!("{}: {}", alert.device_id, alert.reason);
        event["payload"] = json!({
            "summary": cut(&summary, MAX_SUMMARY_BYTES),
            "source": alert.device_id,
            "severity": alert.severity.as_str(),
            "timestamp": rfc3339(alert.timestamp),
            "component": alert.sensor,
            "group": alert.location.as_deref().unwrap_or_default(),
            "class": alert.function,
            "custom_details": {
                "value": json_value(alert),
                "unit": alert.unit,
                "limit": alert.threshold,
                "since": rfc3339(alert.raised_at),
                "priority": notified.priority,
                "action": notified.action,
                "alarm_id": alert.alarm_id,
                "state": alert.state,
            },
        });
    }
    event
}

#[cfg(test)]
mod tests {
    use weir_model::Timestamp;

    use super::*;

    #[test]
    fn an_alarm_is_one_incident_from_trigger_to_resolve() {
        let mut notification = Notification::test("pager", Timestamp(0));
        notification.cause = Cause::Alerts;
        notification.alerts[0].alert.alarm_id = "a1".to_owned();
        let mut check = |cause, state, action: &str, payload: bool| {
            notification.cause = cause;
            notification.alerts[0].alert.state = state;
            let [event] = events(&notification, &Links::new("http://weir", true))
                .try_into()
                .unwrap();
            assert_eq!(event["event_action"], action);
            assert_eq!(event["dedup_key"], "a1");
            assert_eq!(event.get("payload").is_some(), payload, "{event}");
        };
        check(Cause::Alerts, AlertState::Raised, "trigger", true);
        check(Cause::Repeat, AlertState::Escalated, "trigger", true);
        check(
            Cause::Acknowledged,
            AlertState::Escalated,
            "acknowledge",
            false,
        );
        check(Cause::Alerts, AlertState::Cleared, "resolve", false);
    }
}
