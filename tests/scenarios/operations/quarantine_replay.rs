//! What was rejected goes through the pipeline again after a fix, from the
//! shell: once, verbatim, at the time it was first received.

use serde_json::{Value, json};
use weir_tests::{DEADLINE, Weir, WeirSpec, wait_until};

fn replay(weir: &Weir, args: &[&str]) -> Value {
    let args = [&["replay", "--quarantine", "--json"], args].concat();
    let output = weir.command(&args);
    assert!(output.status.success(), "{args:?}: {output:?}");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

fn entries(weir: &Weir) -> Vec<Value> {
    let listed = weir.http().get("/api/v1/quarantine").expect(200).json();
    listed["entries"].as_array().expect("a list").clone()
}

/// Readings as they are stored: device, sensor, time, value.
fn readings(weir: &Weir) -> Vec<Value> {
    weir.sql("SELECT device, sensor, time, value FROM readings ORDER BY device, sensor, time")
}

#[test]
fn a_replay_after_a_fix_stores_what_was_rejected_once() {
    // Two readings per message at most: the fix is a higher limit.
    let limited = WeirSpec::embedded().with("[limits]\nmax_readings_per_message = 2\n");
    let mut weir = Weir::start(limited);
    let three = |device: &str| {
        let reading = |n: i32| json!({"sensorId": format!("s{n}"), "value": n});
        json!({"deviceId": device, "data": [reading(1), reading(2), reading(3)]}).to_string()
    };
    weir.ingest("a", "", three("a")).expect(202);
    weir.ingest("b", "", three("b")).expect(202);
    weir.ingest("c", "", "not json").expect(202);
    // One of its two readings is good, and stored at once.
    let half = json!({"deviceId": "d", "data": [{"sensorId": "x", "value": 1}, {"sensorId": "y"}]});
    weir.ingest("d", "", half.to_string()).expect(202);
    // Larger than what the quarantine keeps of a payload.
    weir.ingest("e", "", "x".repeat(70_000)).expect(202);
    wait_until("all are in the quarantine", DEADLINE, || {
        entries(&weir).len() == 5
    });
    let before = entries(&weir);
    assert!(
        before.iter().all(|entry| entry["replayed"].is_null()),
        "{before:#?}"
    );
    let reason = before[4]["reason"].as_str().expect("a reason").to_owned();

    assert_eq!(weir.sigterm(), weir_tests::Exit::Code(0));
    weir.restart_with(WeirSpec::embedded());

    let dry = replay(&weir, &["--reason", &reason, "--dry-run"]);
    assert_eq!((&dry["matched"], &dry["replayed"]), (&json!(2), &json!(2)));
    assert!(
        entries(&weir)
            .iter()
            .all(|entry| entry["replayed"].is_null())
    );

    let one = replay(&weir, &["--device", "a"]);
    assert_eq!((&one["matched"], &one["replayed"]), (&json!(1), &json!(1)));
    weir.wait_count("SELECT count(*) FROM readings WHERE device = 'a'", 3);
    // A missing timestamp keeps the time at which the message first came.
    let received = before[4]["received"].as_str().expect("a time");
    for row in readings(&weir).iter().filter(|row| row["device"] == "a") {
        assert_eq!(time(&row["time"]), time(&json!(received)), "{row}");
    }

    let rest = replay(&weir, &[]);
    assert_eq!(rest["matched"], 5);
    // b, and c and d, which are rejected again; e was not kept whole.
    assert_eq!(
        (&rest["replayed"], &rest["alreadyReplayed"]),
        (&json!(3), &json!(1))
    );
    assert_eq!(rest["skipped"]["truncated"], 1);
    weir.wait_count("SELECT count(*) FROM readings", 7);
    wait_until("what is still wrong has new entries", DEADLINE, || {
        entries(&weir).len() == 7
    });
    let marked = entries(&weir)
        .iter()
        .filter(|entry| entry["replayed"].is_string())
        .count();
    assert_eq!(marked, 4);

    // A message that is replayed counts as received again.
    let flow = weir.wait_received(6 + 9);
    assert_eq!(flow.readings.stored, 7);
    assert_eq!(flow.readings.deduplicated, 1, "the half that was stored");
    let stored = readings(&weir);

    // What is still wrong is sent again, what went through is not.
    replay(&weir, &["--reason", &reason]);
    assert_eq!(replay(&weir, &["--reason", &reason])["replayed"], 0);
    assert_eq!(readings(&weir), stored);

    let unknown = weir.command(&["replay", "--quarantine", "--reason", "no-such-reason"]);
    assert_eq!(unknown.status.code(), Some(1));
}

fn time(text: &Value) -> i64 {
    let text = text.as_str().expect("a time");
    weir_model::Timestamp::parse_rfc3339(text)
        .expect("RFC 3339")
        .0
}
