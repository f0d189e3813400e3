//! Slack's incoming webhooks, and what takes the same body (Mattermost, Rocket
//! Chat, Discord's `/slack`): a line for the channel, the details below it.

use serde_json::json;
use weir_model::{AlertState, Severity};

use super::http::HttpClient;
use super::{DeliveryError, cut};
use crate::notification::Notification;

/// Slack cuts texts beyond this itself, in the middle of a word.
const MAX_TEXT_BYTES: usize = 8_000;

#[derive(Debug)]
pub(super) struct Slack {
    http: HttpClient,
    url: String,
}

impl Slack {
    pub(super) fn new(http: HttpClient, url: String) -> Self {
        Self { http, url }
    }

    pub(super) fn send(
        &self,
        notification: &Notification,
        link: &str,
    ) -> Result<(), DeliveryError> {
        let body = document(notification, link).to_string();
        let headers = [("content-type", "application/json")];
        self.http.post(&self.url, &headers, body.as_bytes())
    }
}

fn document(notification: &Notification, link: &str) -> serde_json::Value {
    let over = notification
        .alerts
        .iter()
        .all(|told| told.alert.state == AlertState::Cleared);
    let color = match notification.severity {
        _ if over => "good",
        Severity::Warning => "warning",
        Severity::Critical => "danger",
    };
    let title = escaped(&notification.title());
    let text = notification.text(link);
    let text = escaped(cut(&text, MAX_TEXT_BYTES));
    json!({
        "text": title,
        "attachments": [{
            "color": color,
            "fallback": title,
            "text": format!("```{text}```"),
            "mrkdwn_in": ["text"],
        }],
    })
}

/// Names come from devices: none of them mentions a channel or opens a link.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('`', "'")
}

#[cfg(test)]
mod tests {
    use weir_model::Timestamp;

    use super::*;

    #[test]
    fn names_of_devices_are_only_text() {
        let mut notification = Notification::test("chat", Timestamp(0));
        notification.cause = crate::Cause::Alerts;
        notification.alerts[0].alert.device_id = "<!channel> `&`".to_owned();
        let document = document(&notification, "http://weir");
        let text = document.to_string();
        assert!(
            !text.contains("<!") && text.contains("&lt;!channel&gt; '&amp;'"),
            "{text}"
        );
        assert_eq!(document["attachments"][0]["color"], "warning");
    }
}
