//! An event of an IoT rule: `SELECT encode(*, 'base64') AS payload, topic() AS topic,
//! clientid() AS client, timestamp() AS received`. Only so the sender's bytes arrive
//! as they were.

use serde_json::Value;

use super::inner::{self, Opened};
use super::{Call, Event, Source};
use crate::message::{Incoming, MessageId};

pub(super) fn is_one(event: &Value) -> bool {
    inner::is_rule(event)
}

pub(super) fn open(event: &Value, call: &Call<'_>) -> Event {
    let opened = inner::of_rule(event);
    let Opened {
        topic,
        client,
        received,
        payload,
    } = opened;
    let message = Incoming {
        id: MessageId::Named(call.request_id.to_owned()),
        topic: topic.unwrap_or_default(),
        client: client.unwrap_or_default(),
        received: received.unwrap_or(call.now),
        payload,
        group: None,
        fault: None,
    };
    Event {
        source: Source::Iot,
        messages: vec![message],
    }
}
