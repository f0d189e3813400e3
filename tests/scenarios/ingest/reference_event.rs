//! The reference event by HTTP: `{processed, alerts, timestamp}` for each of
//! its cases, and the answer that the journal alone gives.

use serde_json::{Value, json};
use weir_tests::{Weir, WeirSpec, now_ms};

/// Posts an event of these readings and compares the answer. `quarantined` is in it
/// if a reading was rejected.
#[track_caller]
fn check(weir: &Weir, device: &str, data: Value, processed: u64, alerts: u64) {
    let time = now_ms() - 1_000;
    let event = json!({"deviceId": device, "timestamp": time, "data": data});
    let answer = weir.ingest_and_wait(device, event.to_string()).json();
    let mut expect = json!({"processed": processed, "alerts": alerts, "timestamp": time});
    let sent = event["data"].as_array().map_or(0, Vec::len) as u64;
    if sent > processed {
        expect["quarantined"] = json!(sent - processed);
    }
    assert_eq!(answer, expect, "{event}");
    let stored = format!("SELECT count(*) FROM readings WHERE device = '{device}'");
    weir.wait_count(&stored, processed);
    let open = format!("state=active&device={device}");
    weir.wait_alarms(&open, usize::try_from(alerts).expect("it is small"));
}

fn reading(sensor: &str, value: f64) -> Value {
    json!({"sensorId": sensor, "value": value, "location": "plant-1",
           "warningThreshold": 80.0, "criticalThreshold": 90.0})
}

#[test]
fn every_case_of_the_reference_event() {
    let weir = Weir::start(WeirSpec::embedded());
    check(
        &weir,
        "none",
        json!([reading("a", 79.0), reading("b", 80.0)]),
        2,
        0,
    );
    check(
        &weir,
        "warning",
        json!([reading("a", 80.5), reading("b", 1.0)]),
        2,
        1,
    );
    check(&weir, "critical", json!([reading("a", 90.5)]), 1, 1);
    check(
        &weir,
        "both",
        json!([reading("a", 95.0), reading("b", 85.0), reading("c", 1.0)]),
        3,
        2,
    );
    let bad = json!({"sensorId": "b", "value": {"nested": true}});
    check(
        &weir,
        "bad",
        json!([reading("a", 95.0), bad, reading("c", 1.0)]),
        2,
        1,
    );
    let flow = weir.wait_received(11);
    assert_eq!(flow.readings.stored, 10, "{flow:#?}");
    assert_eq!(flow.quarantined(), 1, "{flow:#?}");
}

#[test]
fn an_event_without_a_time_takes_the_time_of_receipt() {
    let weir = Weir::start(WeirSpec::embedded());
    let before = now_ms();
    let event = json!({"deviceId": "clockless", "data": [{"sensorId": "a", "value": 1.5}]});
    let answer = weir.ingest_and_wait("clockless", event.to_string()).json();
    let time = answer["timestamp"]
        .as_i64()
        .expect("a number of milliseconds");
    assert!((before..=now_ms()).contains(&time), "{answer}");
    assert_eq!(
        (&answer["processed"], &answer["alerts"]),
        (&json!(1), &json!(0))
    );
    let rows = weir.sql("SELECT flags, quality FROM readings");
    assert_eq!(rows, [json!({"flags": "time_received", "quality": "good"})]);
}

#[test]
fn without_waiting_the_answer_is_202_and_a_topic_without_a_route_is_404() {
    let weir = Weir::start(WeirSpec::embedded());
    weir.ingest("d", "", r#"{"temperature": 21.5, "door": true}"#)
        .expect(202);
    assert_eq!(weir.wait_received(2).readings.stored, 2);
    let problem = weir.http().post("/api/v1/ingest/nowhere", "{}").expect(404);
    assert!(
        problem.content_type.starts_with("application/problem+json"),
        "{problem:?}"
    );
}
