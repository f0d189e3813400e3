//! What may be inside of a record: the wrapper of an IoT rule, a notification of SNS,
//! the reference event, or anything else, which is the payload as it is.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use weir_model::Timestamp;

use super::{millis, text};

/// The inside of a record, as far as it says so itself.
#[derive(Debug, Default)]
pub(super) struct Opened {
    pub(super) topic: Option<String>,
    pub(super) client: Option<String>,
    pub(super) received: Option<Timestamp>,
    pub(super) payload: Vec<u8>,
}

/// `None` if it is not base64.
pub(crate) fn decode_base64(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text.trim()).ok()
}

/// The members of a rule's wrapper, and nothing else.
pub(super) fn is_rule(event: &Value) -> bool {
    let Some(members) = event.as_object() else {
        return false;
    };
    let known = |name: &String| ["topic", "payload", "client", "received"].contains(&name.as_str());
    let has = |name: &str| members.get(name).is_some_and(Value::is_string);
    has("topic") && has("payload") && members.keys().all(known)
}

pub(super) fn of_rule(event: &Value) -> Opened {
    let encoded = text(event, &["payload"]).unwrap_or_default();
    // A rule that does not encode hands over text: the codec reads it or says why not.
    let payload = decode_base64(encoded).unwrap_or_else(|| encoded.as_bytes().to_vec());
    // AWS writes N/A for what did not come over MQTT.
    let client = text(event, &["client"]).filter(|client| *client != "N/A");
    Opened {
        topic: text(event, &["topic"]).map(str::to_owned),
        client: client.map(str::to_owned),
        received: millis(&event["received"]),
        payload,
    }
}

/// Opens a record's body once.
pub(super) fn open(body: &[u8]) -> Opened {
    let plain = |topic| Opened {
        topic,
        payload: body.to_vec(),
        ..Opened::default()
    };
    if !body.trim_ascii_start().starts_with(b"{") && !body.trim_ascii_start().starts_with(b"[") {
        return plain(None);
    }
    let Ok(value) = serde_json::from_slice::<Value>(body) else {
        return plain(None);
    };
    if is_rule(&value) {
        return of_rule(&value);
    }
    if text(&value, &["Type"]) == Some("Notification")
        && let Some(message) = text(&value, &["Message"])
    {
        let attribute = text(&value, &["MessageAttributes", "topic", "Value"]).map(str::to_owned);
        let topic = attribute.or_else(|| {
            let inside: Value = serde_json::from_str(message).unwrap_or_default();
            reference_topic(&inside)
        });
        return Opened {
            topic,
            payload: message.as_bytes().to_vec(),
            ..Opened::default()
        };
    }
    plain(reference_topic(&value))
}

/// `devices/{deviceId}/telemetry` for the reference event. The topic of an array is
/// that of its first event.
pub(crate) fn reference_topic(value: &Value) -> Option<String> {
    let first = match value {
        Value::Array(events) => events.first()?,
        other => other,
    };
    let device = text(first, &["deviceId"])?;
    Some(format!("devices/{device}/telemetry"))
}
