//! Slack's incoming webhooks, and receivers of the same body (Mattermost, Rocket
//! Chat, Discord's `/slack`): one line, with the details below it.

use serde_json::json;
use weir_alarms::{Links, Notification};
use weir_http_client::HttpClient;
use weir_model::{AlertState, Severity};

use super::error::DeliveryError;
use super::post::post_json;
use super::text::cut;

/// Slack cuts longer texts in the middle of a word.
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
        links: &Links,
    ) -> Result<(), DeliveryError> {
        let body = document(notification, links).to_string();
        post_json(&self.http, &self.url, body.as_bytes())
    }
}

fn document(notification: &Notification, links: &Links) -> serde_json::Value {
    let over = notification
        .alerts
        .iter()
        .all(|notified| notified.alert.state == AlertState::Cleared);
    let color = match notification.severity {
        _ if over => "good",
        Severity::Warning => "warning",
        Severity::Critical => "danger",
    };
    let title = escaped(&notification.title());
    let text = notification.text(links);
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

/// Devices choose names: no name may mention a channel or become a link.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('`', "'")
}

#[cfg(test)]
mod tests {
    use weir_alarms::Cause;
    use weir_model::Timestamp;

    use super::*;

    #[test]
    fn names_of_devices_are_only_text() {
        let mut notification = Notification::test("chat", Timestamp(0));
        notification.cause = Cause::Alerts;
        notification.alerts[0].alert.device_id = "<!channel> `&`".to_owned();
        let document = document(&notification, &Links::new("http://weir", true));
        let text = document.to_string();
        assert!(
            !text.contains("<!") && text.contains("&lt;!channel&gt; '&amp;'"),
            "{text}"
        );
        assert_eq!(document["attachments"][0]["color"], "warning");
    }
}
