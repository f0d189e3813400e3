//! Gaps and repeats in the sequence numbers of devices are counted, per device
//! and in total, also across a crash.

use serde_json::json;
use weir_tests::{Weir, WeirSpec, now_ms};

#[test]
fn gaps_and_repeats_are_reported_and_survive_a_crash() {
    let mut weir = Weir::start(WeirSpec::embedded());
    let start = now_ms() - 60_000;
    let send = |weir: &Weir, number: i64| {
        let event = json!({"deviceId": "pump", "timestamp": start + number, "sequence": number,
            "data": [{"sensorId": "flow", "value": number}]});
        weir.ingest_and_wait("pump", event.to_string());
    };
    for number in [1, 2, 2, 6] {
        send(&weir, number);
    }
    weir.ingest_and_wait("mute", r#"{"flow": 1}"#);

    weir.kill9();
    weir.restart();
    // The device restarts too.
    for number in [0, 1, 3] {
        send(&weir, number);
    }

    let device = |id: &str| {
        let path = format!("/api/v1/devices/{id}");
        weir.http().get(&path).expect(200).json()
    };
    assert_eq!(
        device("pump")["sequence"],
        json!({"seen": 7, "gaps": 2, "missing": 4, "repeats": 1, "restarts": 1})
    );
    assert!(device("mute").get("sequence").is_none());
    let metrics = weir.http().get("/metrics").expect(200).text();
    for line in [
        "weir_sequence_gaps_total 2",
        "weir_sequence_missing_total 4",
        "weir_sequence_repeats_total 1",
        "weir_sequence_restarts_total 1",
    ] {
        assert!(metrics.lines().any(|found| found == line), "{line}");
    }
}
