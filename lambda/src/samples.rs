//! Payloads in the envelope of each source, as AWS would deliver them: for trying a
//! function out, and for tests.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use weir_model::Timestamp;

/// The sources that a payload can be wrapped for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sample {
    Sqs,
    SqsFifo,
    Kinesis,
    Iot,
    Http,
    Tick,
}

/// The events that bring these payloads: one for a batch, else one for each payload.
/// `first` numbers them.
pub fn wrap(
    sample: Sample,
    payloads: &[(&str, &[u8])],
    received: Timestamp,
    first: u64,
) -> Vec<Value> {
    let numbered = || (first..).zip(payloads);
    match sample {
        Sample::Sqs | Sample::SqsFifo => {
            let records = numbered().map(|(nth, (topic, payload))| {
                sqs(nth, topic, payload, received, sample == Sample::SqsFifo)
            });
            vec![json!({"Records": records.collect::<Vec<_>>()})]
        }
        Sample::Kinesis => {
            let records =
                numbered().map(|(nth, (topic, payload))| kinesis(nth, topic, payload, received));
            vec![json!({"Records": records.collect::<Vec<_>>()})]
        }
        Sample::Iot => numbered()
            .map(|(_, (topic, payload))| rule(topic, payload, received))
            .collect(),
        Sample::Http => numbered()
            .map(|(nth, (topic, payload))| http(nth, topic, payload, received))
            .collect(),
        Sample::Tick => vec![json!({"weir": "tick", "time": received.to_rfc3339()})],
    }
}

/// What the SQL of the template's rule makes of a message.
fn rule(topic: &str, payload: &[u8], received: Timestamp) -> Value {
    json!({
        "topic": topic,
        "payload": STANDARD.encode(payload),
        "client": device_of(topic),
        "received": received.millis(),
    })
}

fn device_of(topic: &str) -> &str {
    topic.split('/').nth(1).unwrap_or_default()
}

fn sqs(nth: u64, topic: &str, payload: &[u8], received: Timestamp, is_fifo: bool) -> Value {
    let queue = if is_fifo {
        "telemetry.fifo"
    } else {
        "telemetry"
    };
    let mut attributes = json!({
        "ApproximateReceiveCount": "1",
        "SentTimestamp": received.millis().to_string(),
        "SenderId": "AIDAEXAMPLE",
        "ApproximateFirstReceiveTimestamp": received.millis().to_string(),
    });
    if is_fifo {
        attributes["MessageGroupId"] = json!(device_of(topic));
        attributes["SequenceNumber"] = json!(nth.to_string());
    }
    json!({
        "messageId": format!("00000000-0000-4000-8000-{nth:012}"),
        "receiptHandle": "AQEB",
        // SQS carries text only.
        "body": rule(topic, payload, received).to_string(),
        "attributes": attributes,
        "messageAttributes": {},
        "md5OfBody": "",
        "eventSource": "aws:sqs",
        "eventSourceARN": format!("arn:aws:sqs:eu-central-1:123456789012:{queue}"),
        "awsRegion": "eu-central-1",
    })
}

fn kinesis(nth: u64, topic: &str, payload: &[u8], received: Timestamp) -> Value {
    let number = format!("495903{nth:050}");
    json!({
        "kinesis": {
            "kinesisSchemaVersion": "1.0",
            "partitionKey": device_of(topic),
            "sequenceNumber": number,
            "data": STANDARD.encode(rule(topic, payload, received).to_string()),
            "approximateArrivalTimestamp": received.millis() as f64 / 1e3,
        },
        "eventSource": "aws:kinesis",
        "eventVersion": "1.0",
        "eventID": format!("shardId-000000000000:{number}"),
        "eventName": "aws:kinesis:record",
        "invokeIdentityArn": "arn:aws:iam::123456789012:role/weir",
        "awsRegion": "eu-central-1",
        "eventSourceARN": "arn:aws:kinesis:eu-central-1:123456789012:stream/telemetry",
    })
}

fn http(nth: u64, topic: &str, payload: &[u8], received: Timestamp) -> Value {
    let path = format!("/ingest/{topic}");
    json!({
        "version": "2.0",
        "routeKey": "POST /ingest/{topic+}",
        "rawPath": path,
        "rawQueryString": "",
        "headers": {"content-type": "application/json"},
        "requestContext": {
            "http": {"method": "POST", "path": path, "protocol": "HTTP/1.1"},
            "requestId": format!("request-{nth}"),
            "timeEpoch": received.millis(),
        },
        "body": STANDARD.encode(payload),
        "isBase64Encoded": true,
    })
}
