//! The reference event itself, by `Invoke` or by a rule's `SELECT *`: `deviceId` and
//! `data`, or an array of such.

use serde_json::Value;

use super::inner::reference_topic;
use super::{Call, Event, Source};
use crate::message::{Incoming, MessageId};

pub(super) fn is_one(event: &Value) -> bool {
    let is_event = |event: &Value| event.get("deviceId").is_some() && event.get("data").is_some();
    match event {
        Value::Array(events) => !events.is_empty() && events.iter().all(is_event),
        other => is_event(other),
    }
}

/// `bytes`: the event as it came. A single one is passed on verbatim.
pub(super) fn open(event: &Value, bytes: &[u8], call: &Call<'_>) -> Event {
    let message = |id: String, event: &Value, payload: Vec<u8>| Incoming {
        id: MessageId::Named(id),
        topic: reference_topic(event).unwrap_or_default(),
        client: String::new(),
        received: call.now,
        payload,
        group: None,
        fault: None,
    };
    let id = call.request_id;
    let messages = match event {
        Value::Array(events) => (0..)
            .zip(events)
            .map(|(nth, event)| {
                let payload = event.to_string().into_bytes();
                message(format!("{id}/{nth}"), event, payload)
            })
            .collect(),
        one => vec![message(id.to_owned(), one, bytes.to_vec())],
    };
    Event {
        source: Source::Reference,
        messages,
    }
}
