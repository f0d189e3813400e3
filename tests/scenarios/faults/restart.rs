//! What an orderly restart and a crash keep: series, open alarms, shadows.

use serde_json::{Value, json};
use weir_tests::{Exit, Subscriber, Weir, WeirSpec, now_ms};

const RULES: &str = "[shadows]\ninterval = \"50ms\"\n";

#[test]
fn an_orderly_restart_keeps_series_alarms_and_shadows() {
    restart_keeps_everything(|weir| assert_eq!(weir.sigterm(), Exit::Code(0)));
}

#[test]
fn a_crash_keeps_series_alarms_and_shadows() {
    restart_keeps_everything(Weir::kill9);
}

fn restart_keeps_everything(end: impl Fn(&mut Weir)) {
    let mut weir = Weir::start(WeirSpec::embedded().with(RULES));
    let start = now_ms() - 60_000;
    weir.ingest_and_wait("boiler", event(start, 95.0));
    update_shadow(&weir);
    wait_reported(&weir, start);
    let before = snapshot(&weir);
    let flow = weir.wait_received(1);

    end(&mut weir);
    weir.restart();

    // After a crash the journal's rows come back while it already answers.
    let after = weir.wait_received(1);
    assert_eq!(snapshot(&weir), before);
    assert_eq!(after.readings.stored, flow.readings.stored);

    // The episode goes on: no second raise, and one clear under the same id.
    let operations = Subscriber::new(weir.mqtt(), &["alerts/#"]);
    weir.ingest_and_wait("boiler", event(start + 1_000, 96.0));
    weir.ingest_and_wait("boiler", event(start + 2_000, 20.0));
    let is_clear = |alert: &Value| alert["state"] == "cleared";
    weir_tests::wait_until("the alarm is cleared", weir_tests::DEADLINE, || {
        operations.json_on("alerts/").iter().any(is_clear)
    });
    let alerts = operations.json_on("alerts/");
    assert!(
        alerts
            .iter()
            .all(|alert| alert["alarmId"] == before["alarms"][0]["alarmId"]),
        "{alerts:#?}"
    );
    let raised: Vec<_> = alerts
        .iter()
        .filter(|alert| alert["timestamp"] == start + 1_000)
        .collect();
    assert!(raised.is_empty(), "raised again: {raised:#?}");
    weir.wait_received(3);
}

fn event(time: i64, value: f64) -> String {
    json!({"deviceId": "boiler", "timestamp": time, "data": [
        {"sensorId": "temperature", "value": value, "criticalThreshold": 90.0}]})
    .to_string()
}

#[track_caller]
fn update_shadow(weir: &Weir) {
    let desired = json!({"state": {"desired": {"setpoint": 60}}}).to_string();
    weir.http()
        .post("/things/boiler/shadow", desired)
        .expect(200);
}

#[track_caller]
fn wait_reported(weir: &Weir, time: i64) {
    weir_tests::wait_until(
        "the shadow reports the reading",
        weir_tests::DEADLINE,
        || {
            let shadow = weir.http().get("/things/boiler/shadow").json();
            shadow["state"]["reported"]["lastUpdate"] == time
        },
    );
}

/// What must be the same before and after.
#[track_caller]
fn snapshot(weir: &Weir) -> Value {
    let open = &weir.wait_alarms("state=open", 1)[0];
    // What was notified when is not part of it.
    let open = json!([{"alarmId": open["alarmId"], "severity": open["severity"]}]);
    let shadow = weir.http().get("/things/boiler/shadow").expect(200).json();
    json!({
        "rows": weir.sql("SELECT * FROM readings ORDER BY time, device, sensor"),
        "alarms": open,
        "state": shadow["state"],
        "version": shadow["version"],
    })
}
