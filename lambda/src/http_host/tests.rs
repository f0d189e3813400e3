//! Requests of each platform, over a real connection.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use serde_json::json;
use weir_config::LineMapping;

use super::*;
use crate::recorded::Recorded;
use crate::settings;

/// Serves until the test ends: the thread ends with the process.
fn host() -> (SocketAddr, Arc<Recorded>) {
    let host = HttpHost::bind(([127, 0, 0, 1], 0).into()).unwrap();
    let address = host.address();
    let recorded = Arc::new(Recorded::new(LineMapping::default()));
    let settings = settings::from_text("", "weir").unwrap();
    let handler = Handler::new(settings, recorded.clone(), None);
    std::thread::spawn(move || serve(&host, &handler, &|_| {}));
    (address, recorded)
}

/// Sends a request; the status and the body of the answer.
fn send(address: SocketAddr, path: &str, headers: &str, body: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    let length = body.len();
    write!(
        stream,
        "POST {path} HTTP/1.1\r\n{headers}connection: close\r\ncontent-length: {length}\r\n\r\n{body}"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    (status, body.to_owned())
}

const DATA: &str =
    r#"{"deviceId":"p1","data":[{"sensorId":"t","value":1,"timestamp":1700000000000}]}"#;
const LINE: &str = "readings,device=p1,sensor=t value=1.0 1700000000000000000";

#[track_caller]
fn check(path: &str, headers: &str, body: &str) -> String {
    let (address, recorded) = host();
    let (status, answer) = send(address, path, headers, body);
    assert_eq!(status, 200, "{answer}");
    assert_eq!(recorded.take().lines, [LINE], "{answer}");
    answer
}

#[test]
fn a_cloud_event_is_taken_in_binary_and_in_structured_mode() {
    let headers = "ce-id: 1\r\nce-source: /s\r\nce-subject: devices/p1/telemetry\r\n";
    check("/", headers, DATA);
    check("/", "ce-id: 1\r\nce-source: /s\r\n", DATA);
    let structured = "content-type: application/cloudevents+json; charset=utf-8\r\n";
    let data: Value = serde_json::from_str(DATA).unwrap();
    let event = json!({"specversion": "1.0", "id": "1", "source": "/s", "data": data,
        "subject": "devices/p1/telemetry", "time": "2026-01-01T00:00:00Z"});
    check("/", structured, &event.to_string());
}

#[test]
fn a_push_of_pub_sub_is_taken() {
    use base64::Engine as _;
    let data = base64::engine::general_purpose::STANDARD.encode(DATA);
    let push = json!({"subscription": "s", "message": {"data": data, "messageId": "7",
        "publishTime": "2026-01-01T00:00:00Z", "attributes": {}}});
    check("/", "content-type: application/json\r\n", &push.to_string());
}

#[test]
fn a_call_of_azure_is_taken_and_answered_in_its_form() {
    let call = json!({"Data": {"events": [DATA]},
        "Metadata": {"SequenceNumberArray": [5], "EnqueuedTimeUtcArray": ["2026-01-01T00:00:00Z"]}});
    let answer = check(
        "/telemetry",
        "content-type: application/json\r\n",
        &call.to_string(),
    );
    let answer: Value = serde_json::from_str(&answer).unwrap();
    assert_eq!(answer["Outputs"], json!({}));
    assert!(
        answer["ReturnValue"]
            .as_str()
            .unwrap()
            .contains("\"processed\":1")
    );
}

#[test]
fn a_plain_message_is_answered_as_by_the_server() {
    let answer = check("/ingest/devices/p1/telemetry", "", DATA);
    assert_eq!(
        answer,
        r#"{"alerts":0,"processed":1,"timestamp":1700000000000}"#
    );
    let (address, recorded) = host();
    assert_eq!(send(address, "/ingest/other", "", DATA).0, 404);
    assert_eq!(send(address, "/what", "", "x").0, 404);
    // Bad data is acknowledged and kept.
    let (status, answer) = send(address, "/ingest/devices/p1/telemetry", "", "{");
    assert_eq!(status, 200, "{answer}");
    assert_eq!(recorded.take().rejected.len(), 1);
}
