//! Standard Webhooks 1.0: a JSON body of `type`, `timestamp` and `data`, with
//! `webhook-id` (the same for every attempt), `webhook-timestamp` and, with a
//! secret, `webhook-signature: v1,<base64 of HMAC-SHA256 of id.timestamp.body>`.
//! See <https://www.standardwebhooks.com>.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use weir_alarms::{Cause, Links, Notification, NotifiedAlert, rfc3339};
use weir_http_client::HttpClient;
use weir_model::Timestamp;

use super::error::{DeliveryError, SetupError};
use super::post::post;

#[derive(Debug)]
pub(super) struct Webhook {
    http: HttpClient,
    url: String,
    key: Option<Key>,
}

/// `Debug` does not print it.
struct Key(Vec<u8>);

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key")
    }
}

impl Webhook {
    /// `secret` as in the standard: `whsec_` and base64.
    pub(super) fn new(
        http: HttpClient,
        url: String,
        secret: Option<String>,
    ) -> Result<Self, SetupError> {
        let key = secret.map(|secret| {
            let text = secret.strip_prefix("whsec_").unwrap_or(&secret);
            let key = STANDARD.decode(text).ok().filter(|key| key.len() >= 24);
            key.map(Key).ok_or(SetupError::WebhookSecret)
        });
        Ok(Self {
            http,
            url,
            key: key.transpose()?,
        })
    }

    pub(super) fn send(
        &self,
        notification: &Notification,
        links: &Links,
        now: Timestamp,
    ) -> Result<(), DeliveryError> {
        let body = document(notification, links).to_string();
        let id = format!("msg_{}", notification.id);
        let timestamp = now.seconds().to_string();
        let signature = self
            .key
            .as_ref()
            .map(|key| sign(key, &id, &timestamp, &body));
        let mut headers = vec![
            ("content-type", "application/json"),
            ("webhook-id", id.as_str()),
            ("webhook-timestamp", timestamp.as_str()),
        ];
        headers.extend(signature.as_deref().map(|s| ("webhook-signature", s)));
        post(&self.http, &self.url, &headers, body.as_bytes())
    }
}

fn sign(key: &Key, id: &str, timestamp: &str, body: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(&key.0).expect("HMAC takes keys of any length");
    mac.update(format!("{id}.{timestamp}.{body}").as_bytes());
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}

/// The body. Its `type` is `alarm.raised` and so on for one transition, and
/// `alarm.group`, `alarm.repeat`, `alarm.escalation`, `alarm.acknowledged`,
/// `alarm.storm` or `alarm.test`.
fn document(notification: &Notification, links: &Links) -> Value {
    let kind = match (notification.cause, notification.alerts.as_slice()) {
        (Cause::Alerts, [notified]) => notified.alert.state.as_str(),
        (Cause::Alerts, _) => "group",
        (cause, _) => cause.as_str(),
    };
    let alerts = notification.alerts.iter();
    let mut data = json!({
        "id": notification.id,
        "cause": notification.cause,
        "title": notification.title(),
        "severity": notification.severity,
        "alerts": alerts.map(|notified| entry(notified, links)).collect::<Vec<_>>(),
        "more": notification.more,
    });
    if let Some(by) = &notification.by {
        data["acknowledgedBy"] = json!(by);
    }
    json!({
        "type": format!("alarm.{kind}"),
        "timestamp": rfc3339(notification.created_at),
        "data": data,
    })
}

/// The alert as published by MQTT, with its priority, action and links.
fn entry(notified: &NotifiedAlert, links: &Links) -> Value {
    let alert = &notified.alert;
    let mut entry = serde_json::to_value(alert).expect("an alert is plain data");
    entry["priority"] = json!(notified.priority);
    if let Some(action) = &notified.action {
        entry["action"] = json!(action);
    }
    entry["links"] = json!({
        "alarm": links.alarm(&alert.alarm_id),
        "device": links.device(&alert.device_id),
        "shadow": links.shadow(&alert.device_id),
    });
    entry
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use weir_http_client::{Options, Trust};

    use super::*;

    /// The example of the standard's reference implementations.
    #[test]
    fn the_signature_is_the_standards() {
        let key = Key(STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap());
        let signature = sign(
            &key,
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            "1614265330",
            r#"{"test": 2432232314}"#,
        );
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn a_secret_that_is_none_is_refused_without_being_shown() {
        let options = Options {
            timeout: Duration::from_secs(1),
            allow_private: false,
        };
        let http = || HttpClient::new(options, &Trust::System);
        for secret in ["hunter2", "whsec_aGk=", ""] {
            let refused = Webhook::new(http(), String::new(), Some(secret.to_owned()));
            let reason = refused.unwrap_err().to_string();
            assert!(secret.is_empty() || !reason.contains(secret), "{reason}");
        }
    }

    #[test]
    fn the_body_says_what_happened() {
        let now = Timestamp::from_millis(1_790_000_000_000).unwrap();
        let document = document(
            &Notification::test("hook", now),
            &Links::new("http://weir", false),
        );
        assert_eq!(document["type"], "alarm.test");
        assert_eq!(document["timestamp"], "2026-09-21T14:13:20Z");
        let alert = &document["data"]["alerts"][0];
        assert_eq!(alert["links"]["shadow"], "http://weir/things/weir/shadow");
        assert_eq!(
            (&alert["type"], &alert["state"]),
            (&json!("ALERT"), &json!("raised"))
        );
    }
}
