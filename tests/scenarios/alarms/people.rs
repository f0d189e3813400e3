//! What people do to alarms, from the shell and by HTTP: it is kept with their
//! names, can be taken back, and survives a restart.

use serde_json::{Value, json};
use weir_tests::{DEADLINE, Hook, Weir, WeirSpec, now_ms, wait_until};

const SECTIONS: &str = r#"
[[function]]
name = "hot"
kind = "threshold"
sensor = "temperature"
critical_high = 90.0

[[function]]
name = "leak"
kind = "threshold"
sensor = "leak"
critical_high = 0.5

[[alarm]]
function = "leak"
priority = "urgent"
latch = true
action = "Close the valve by hand."
"#;

#[track_caller]
fn read(weir: &Weir, device: &str, sensor: &str, value: f64) {
    let payload = json!({"timestamp": now_ms(), "data": [{"sensorId": sensor, "value": value}]});
    weir.ingest_and_wait(device, payload.to_string());
}

/// `weir alarms …`, which must work; its output as JSON.
#[track_caller]
fn weir_alarms(weir: &Weir, args: &[&str]) -> Value {
    let output = weir.command(&[&["alarms"], args].concat());
    assert!(output.status.success(), "{args:?}: {output:?}");
    serde_json::from_slice(&output.stdout).unwrap_or_default()
}

#[test]
fn who_did_what_is_kept_and_can_be_taken_back() {
    let mut weir = Weir::start(WeirSpec::embedded().with(SECTIONS));
    read(&weir, "pump-1", "temperature", 95.0);
    let alarm = weir.wait_alarms("state=open", 1).remove(0);
    assert_eq!(alarm["lifecycle"], "unacknowledged");
    assert_eq!(alarm["priority"], "high");
    let id = alarm["alarmId"].as_str().expect("it has an id");

    let acked = weir_alarms(&weir, &["ack", id, "--by", "ann", "--note", "on it"]);
    assert_eq!(acked["lifecycle"], "acknowledged");
    let assigned = weir_alarms(&weir, &["assign", id, "--to", "bob", "--by", "ann"]);
    assert_eq!(assigned["assignedTo"], "bob");
    weir_alarms(&weir, &["comment", id, "fan ordered", "--by", "bob"]);
    assert_eq!(
        weir_alarms(&weir, &["unack", id, "--by", "bob"])["lifecycle"],
        "unacknowledged"
    );
    assert_eq!(
        weir_alarms(&weir, &["shelve", id, "--by", "bob"])["lifecycle"],
        "shelved"
    );
    assert_eq!(
        weir_alarms(&weir, &["unshelve", id, "--by", "bob"])["lifecycle"],
        "unacknowledged"
    );
    let out = weir_alarms(&weir, &["out-of-service", id, "--by", "bob"]);
    assert_eq!(out["lifecycle"], "out-of-service");

    weir.kill9();
    weir.restart();
    let shown = weir_alarms(&weir, &["show", id, "--json"]);
    assert_eq!(shown["comments"][0]["text"], "fan ordered");
    assert_eq!(
        (&shown["assignedTo"], &shown["lifecycle"]),
        (&json!("bob"), &json!("out-of-service"))
    );
    let audit = shown["audit"].as_array().expect("it has an audit");
    let actions: Vec<String> = audit
        .iter()
        .rev()
        .map(|entry| {
            format!(
                "{} {}",
                entry["by"].as_str().unwrap_or("?"),
                entry["action"].as_str().unwrap_or("?")
            )
        })
        .collect();
    let expect = [
        "ann acknowledge",
        "ann assign",
        "bob comment",
        "bob unacknowledge",
        "bob shelve",
        "bob unshelve",
        "bob out-of-service",
    ];
    assert_eq!(actions, expect);
    let table = weir.command(&["alarms", "audit"]);
    assert!(
        String::from_utf8_lossy(&table.stdout).contains("on it"),
        "{table:?}"
    );
    let unknown = weir
        .http()
        .post(&format!("/api/v1/alarms/{id}/bless"), "{}");
    assert_eq!(unknown.status, 404, "{}", unknown.text());
}

#[test]
fn a_latched_alarm_stays_until_it_is_acknowledged_and_is_cleared_once() {
    let hook = Hook::start();
    let spec = WeirSpec::embedded().with(SECTIONS);
    let mut weir = Weir::start(spec.with(&hook.channel("hook")));
    read(&weir, "tank-1", "leak", 1.0);
    let notification = hook.wait_taken(1)[0].json();
    assert_eq!(
        notification["data"]["alerts"][0]["action"],
        "Close the valve by hand."
    );
    assert_eq!(notification["data"]["alerts"][0]["priority"], "urgent");
    read(&weir, "tank-1", "leak", 0.0);
    let mut alarm = Value::Null;
    wait_until("it is latched", DEADLINE, || {
        alarm = weir.wait_alarms("state=open", 1).remove(0);
        alarm["lifecycle"] == "latched"
    });
    weir.kill9();
    weir.restart();
    let id = alarm["alarmId"].as_str().expect("it has an id");
    assert_eq!(
        weir_alarms(&weir, &["show", id, "--json"])["lifecycle"],
        "latched"
    );
    let acked = weir_alarms(&weir, &["ack", id, "--by", "ann"]);
    assert_eq!(
        (&acked["lifecycle"], &acked["state"]),
        (&json!("normal"), &json!("cleared"))
    );
    // The acknowledgement clears it, and is notified as the clear.
    let taken = hook.wait_taken(2);
    let kinds: Vec<Value> = taken.iter().map(|one| one.json()["type"].clone()).collect();
    assert_eq!(kinds, ["alarm.raised", "alarm.cleared"]);
    weir.wait_count("SELECT count(*) FROM alerts WHERE state = 'cleared'", 1);
}
