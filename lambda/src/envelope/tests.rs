//! Events as AWS documents them, and ones that are wrong.

use serde_json::json;

use super::*;
use crate::message::MessageId;

const NOW: Timestamp = Timestamp(1_790_000_000_000_000_000);

fn call() -> Call<'static> {
    Call {
        request_id: "req-1",
        now: NOW,
        deadline: Timestamp(NOW.0 + 10_000_000_000),
        max_payload: 64,
    }
}

fn opened(event: &Value) -> Event {
    open(event.to_string().as_bytes(), &call()).unwrap()
}

fn one(event: &Value) -> Incoming {
    let mut messages = opened(event).messages;
    assert_eq!(messages.len(), 1);
    messages.remove(0)
}

fn refusal(event: &Value) -> Refusal {
    open(event.to_string().as_bytes(), &call()).unwrap_err()
}

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis).unwrap()
}

#[test]
fn the_wrapper_of_a_rule_brings_the_bytes_of_the_sender() {
    let wrapped = json!({"topic": "devices/p1/telemetry", "payload": "/wAB", "client": "p1",
        "received": 1_700_000_000_123_i64});
    let message = one(&wrapped);
    assert_eq!(message.topic, "devices/p1/telemetry");
    assert_eq!(
        (message.payload, message.client),
        (vec![0xff, 0, 1], "p1".to_owned())
    );
    assert_eq!(message.received, at(1_700_000_000_123));
    assert_eq!(message.id, MessageId::Named("req-1".to_owned()));
    assert_eq!(opened(&wrapped).source, Source::Iot);
    // What a rule adds to `SELECT *` is not a wrapper.
    let added = json!({"topic": "a", "payload": "/wAB", "temperature": 1});
    assert!(
        matches!(refusal(&added), Refusal::Unknown { keys } if keys == "payload, temperature, topic")
    );
    let over_http = json!({"topic": "a", "payload": "/wAB", "client": "N/A"});
    assert_eq!(
        (one(&over_http).client, one(&over_http).received),
        (String::new(), NOW)
    );
}

#[test]
fn the_reference_event_is_taken_as_it_is_and_as_an_array() {
    let event = json!({"deviceId": "p1", "data": []});
    let message = one(&event);
    assert_eq!(message.topic, "devices/p1/telemetry");
    assert_eq!(message.payload, event.to_string().as_bytes());
    let two = opened(&json!([event, {"deviceId": "p2", "data": [1]}]));
    let ids: Vec<&str> = two
        .messages
        .iter()
        .map(|message| message.id.text())
        .collect();
    assert_eq!(
        (two.source, ids),
        (Source::Reference, vec!["req-1/0", "req-1/1"])
    );
    assert_eq!(two.messages[1].topic, "devices/p2/telemetry");
}

fn sqs(body: &str, queue: &str) -> Value {
    json!({"Records": [{
        "messageId": "m-1", "body": body, "eventSource": "aws:sqs",
        "eventSourceARN": format!("arn:aws:sqs:eu-central-1:1:{queue}"),
        "attributes": {"SentTimestamp": "1700000000000", "MessageGroupId": "p1"},
        "messageAttributes": {},
    }]})
}

#[test]
fn a_record_of_a_queue_has_its_topic_from_the_attribute_or_from_inside() {
    let reference = r#"{"deviceId":"p1","data":[]}"#;
    let message = one(&sqs(reference, "q"));
    assert_eq!(
        (&*message.topic, message.received),
        ("devices/p1/telemetry", at(1_700_000_000_000))
    );
    assert_eq!((message.id.text(), message.group), ("m-1", None));
    assert_eq!(message.payload, reference.as_bytes());
    assert_eq!(one(&sqs(reference, "q.fifo")).group.as_deref(), Some("p1"));
    assert_eq!(
        opened(&sqs(reference, "q.fifo")).source,
        Source::Sqs { fifo: true }
    );
    let mut named = sqs("cpu,host=a usage=1", "q");
    named["Records"][0]["messageAttributes"] =
        json!({"topic": {"stringValue": "lines/a", "dataType": "String"}});
    assert_eq!(one(&named).topic, "lines/a");
    assert_eq!(one(&named).payload, b"cpu,host=a usage=1");
    let notice = json!({"Type": "Notification", "Message": reference}).to_string();
    assert_eq!(one(&sqs(&notice, "q")).topic, "devices/p1/telemetry");
    assert_eq!(one(&sqs(&notice, "q")).payload, reference.as_bytes());
    let rule = json!({"topic": "t/1", "payload": "eA==", "received": 5}).to_string();
    assert_eq!(
        (
            one(&sqs(&rule, "q")).payload,
            one(&sqs(&rule, "q")).received
        ),
        (b"x".to_vec(), at(5))
    );
}

#[test]
fn a_record_of_a_stream_has_its_place_and_an_aggregate_goes_to_the_quarantine() {
    let record = |data: &str| {
        json!({"Records": [{"eventSource": "aws:kinesis", "eventID": "shardId-000000000007:495",
            "kinesis": {"partitionKey": "p1", "sequenceNumber": "495", "data": data,
                "approximateArrivalTimestamp": 1_700_000_000.123}}]})
    };
    let message = one(&record("eyJ4IjogMX0="));
    let id = MessageId::Sequence {
        shard: "shardId-000000000007".to_owned(),
        number: "495".to_owned(),
    };
    assert_eq!((message.id, message.fault), (id, None));
    assert_eq!(
        (&*message.topic, &*message.payload),
        ("devices/p1/telemetry", &br#"{"x": 1}"#[..])
    );
    assert_eq!(message.received, at(1_700_000_000_123));
    assert!(
        one(&record("84mawgAA"))
            .fault
            .unwrap()
            .contains("Producer Library")
    );
    assert!(one(&record("?")).fault.is_some());
}

#[test]
fn a_request_comes_from_either_gateway() {
    let second = json!({"rawPath": "/prod/ingest/devices/a%20b/telemetry", "body": "e30=",
        "isBase64Encoded": true, "headers": {"Idempotency-Key": "k-1"},
        "requestContext": {"http": {"method": "POST"}, "timeEpoch": 1_700_000_000_000_i64,
            "requestId": "r", "authorizer": {"iam": {"userArn": "arn:me"}}}});
    let message = one(&second);
    assert_eq!(
        (&*message.topic, &*message.payload),
        ("devices/a b/telemetry", &b"{}"[..])
    );
    assert_eq!((message.id.text(), &*message.client), ("k-1", "arn:me"));
    assert_eq!(message.received, at(1_700_000_000_000));
    let first = json!({"httpMethod": "POST", "path": "/ingest/x", "body": "1",
        "pathParameters": {"topic": "devices/p1/telemetry"}, "headers": null,
        "requestContext": {"requestTimeEpoch": 7, "requestId": "r",
            "authorizer": {"principalId": "u"}}});
    let message = one(&first);
    assert_eq!(
        (&*message.topic, message.id.text(), &*message.client),
        ("devices/p1/telemetry", "r", "u")
    );
    assert_eq!(message.received, at(7));
}

#[test]
fn a_request_that_is_wrong_has_its_status() {
    let request = |change: &dyn Fn(&mut Value)| {
        let mut event = json!({"rawPath": "/ingest/a", "body": "1", "headers": {},
            "requestContext": {"http": {"method": "POST"}}});
        change(&mut event);
        match refusal(&event) {
            Refusal::Http { status, .. } => status,
            other => panic!("{other}"),
        }
    };
    assert_eq!(
        request(&|e| e["requestContext"]["http"]["method"] = json!("GET")),
        405
    );
    assert_eq!(request(&|e| e["rawPath"] = json!("/other")), 404);
    assert_eq!(request(&|e| e["body"] = json!("x".repeat(65))), 413);
    assert_eq!(request(&|e| e["isBase64Encoded"] = json!(true)), 400);
    assert_eq!(
        request(&|e| e["headers"]["Content-Encoding"] = json!("gzip")),
        400
    );
    assert_eq!(
        request(&|e| e["headers"]["content-encoding"] = json!("br")),
        415
    );
}

#[test]
fn a_compressed_body_is_unpacked_up_to_the_limit() {
    use base64::Engine as _;
    use std::io::Write;
    let request = |bytes: usize| {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(&vec![b'x'; bytes]).unwrap();
        let body = base64::engine::general_purpose::STANDARD.encode(gzip.finish().unwrap());
        json!({"rawPath": "/ingest/a", "body": body, "isBase64Encoded": true,
            "headers": {"content-encoding": "gzip"},
            "requestContext": {"http": {"method": "POST"}}})
    };
    assert_eq!(one(&request(64)).payload, vec![b'x'; 64]);
    assert!(matches!(
        refusal(&request(1 << 20)),
        Refusal::Http { status: 413, .. }
    ));
}

#[test]
fn a_schedule_brings_the_time() {
    let planned = opened(&json!({"weir": "tick", "time": "2026-01-01T00:00:00Z"})).source;
    let time = Timestamp::parse_rfc3339("2026-01-01T00:00:00Z").unwrap();
    assert_eq!(planned, Source::Tick { time });
    assert_eq!(
        opened(&json!({"weir": "tick"})).source,
        Source::Tick { time: NOW }
    );
}

#[test]
fn an_unknown_event_is_refused_with_the_names_that_it_has() {
    let keys = |event: Value| match refusal(&event) {
        Refusal::Unknown { keys } => keys,
        other => panic!("{other}"),
    };
    assert_eq!(keys(json!({"a": 1, "b": 2})), "a, b");
    assert_eq!(keys(json!({})), "none");
    assert_eq!(keys(json!([])), "none (an array of 0)");
    assert_eq!(keys(json!(5)), "none (not an object)");
    let s3 = json!({"Records": [{"eventSource": "aws:s3"}]});
    assert_eq!(keys(s3), "Records (eventSource aws:s3)");
    assert!(matches!(open(b"no", &call()), Err(Refusal::NotJson(_))));
    let bare = json!({"Records": [{"eventSource": "aws:sqs"}]});
    assert!(refusal(&bare).to_string().contains("messageId"));
}
