//! A batch of a Kinesis stream: the records of one shard.

use serde_json::Value;

use super::inner::{self, Opened};
use super::{Call, Event, Refusal, Source, decode_base64, text};
use crate::message::{Incoming, MessageId};
use weir_model::Timestamp;

/// How an aggregate of the Kinesis Producer Library begins.
const KPL_MAGIC: [u8; 4] = [0xf3, 0x89, 0x9a, 0xc2];
const KPL: &str = "an aggregate of the Kinesis Producer Library, which is not read: turn \
                   aggregation off";
const NOT_BASE64: &str = "the data of the record is not base64";

pub(super) fn open(event: &Value, call: &Call<'_>) -> Result<Event, Refusal> {
    let records = event["Records"].as_array().into_iter().flatten();
    let messages = records.map(|record| message(record, call));
    Ok(Event {
        source: Source::Kinesis,
        messages: messages.collect::<Result<_, _>>()?,
    })
}

fn message(record: &Value, call: &Call<'_>) -> Result<Incoming, Refusal> {
    let missing = |member| Refusal::Incomplete {
        source_name: "Kinesis",
        member,
    };
    let inside = &record["kinesis"];
    let number = text(inside, &["sequenceNumber"]).ok_or(missing("sequenceNumber"))?;
    let data = text(inside, &["data"]).ok_or(missing("data"))?;
    // `shardId-000000000000:4959…`
    let event_id = text(record, &["eventID"]).unwrap_or_default();
    let shard = event_id.split(':').next().unwrap_or_default();
    let key = text(inside, &["partitionKey"]).unwrap_or_default();
    let arrived = inside["approximateArrivalTimestamp"].as_f64();
    let arrived =
        arrived.and_then(|seconds| Timestamp::from_millis((seconds * 1e3).round() as i64));
    let (data, fault) = match decode_base64(data) {
        Some(data) if data.starts_with(&KPL_MAGIC) => (data, Some(KPL)),
        Some(data) => (data, None),
        None => (data.as_bytes().to_vec(), Some(NOT_BASE64)),
    };
    let Opened {
        topic,
        client,
        received,
        payload,
    } = inner::open(&data);
    Ok(Incoming {
        id: MessageId::Sequence {
            shard: shard.to_owned(),
            number: number.to_owned(),
        },
        topic: topic.unwrap_or_else(|| format!("devices/{key}/telemetry")),
        client: client.unwrap_or_default(),
        received: received.or(arrived).unwrap_or(call.now),
        payload,
        group: None,
        fault,
    })
}
