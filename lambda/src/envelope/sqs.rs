//! A batch of SQS, standard or FIFO.

use serde_json::Value;

use super::inner::{self, Opened};
use super::{Call, Event, Refusal, Source, millis, text};
use crate::message::{Incoming, MessageId};

pub(super) fn open(event: &Value, call: &Call<'_>) -> Result<Event, Refusal> {
    let records = event["Records"].as_array().into_iter().flatten();
    let messages = records.map(|record| message(record, call));
    let messages: Vec<Incoming> = messages.collect::<Result<_, _>>()?;
    let fifo = messages.iter().any(|message| message.group.is_some());
    Ok(Event {
        source: Source::Sqs { fifo },
        messages,
    })
}

fn message(record: &Value, call: &Call<'_>) -> Result<Incoming, Refusal> {
    let missing = |member| Refusal::Incomplete {
        source_name: "SQS",
        member,
    };
    let id = text(record, &["messageId"]).ok_or(missing("messageId"))?;
    let body = text(record, &["body"]).ok_or(missing("body"))?;
    let Opened {
        topic,
        client,
        received,
        payload,
    } = inner::open(body.as_bytes());
    let attribute = |name| text(record, &["messageAttributes", name, "stringValue"]);
    let sent = millis(&record["attributes"]["SentTimestamp"]);
    let group = text(record, &["attributes", "MessageGroupId"]);
    let is_fifo = text(record, &["eventSourceARN"]).is_some_and(|queue| queue.ends_with(".fifo"));
    Ok(Incoming {
        id: MessageId::Named(id.to_owned()),
        topic: attribute("topic")
            .map(str::to_owned)
            .or(topic)
            .unwrap_or_default(),
        client: client.unwrap_or_default(),
        // Of the rule before the queue: when the sender's message came.
        received: received.or(sent).unwrap_or(call.now),
        payload,
        group: group.filter(|_| is_fifo).map(str::to_owned),
        fault: None,
    })
}
