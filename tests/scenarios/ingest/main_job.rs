//! The reference job from end to end, once with each broker: telemetry in,
//! series out by SQL, alerts to operations, the device's shadow, what was
//! rejected, and the counters that account for all of it.

use serde_json::{Value, json};
use weir_tests::{Broker, MosquittoSub, Site, Subscriber, mosquitto_pub, now_ms};

const RULES: &str = r#"
[[function]]
name = "overheat"
kind = "threshold"
sensor = "temperature"
warning_high = 80.0
critical_high = 90.0
deadband = 2.0

[shadows]
interval = "100ms"
"#;

#[test]
#[ignore = "needs Mosquitto's clients"]
fn the_main_job_with_the_embedded_broker() {
    main_job(Broker::Embedded);
}

#[test]
#[ignore = "needs Mosquitto"]
fn the_main_job_with_an_external_broker() {
    main_job(Broker::External);
}

fn main_job(broker: Broker) {
    let site = Site::start(broker, |spec| spec.with(RULES));
    let operations = Subscriber::new(site.mqtt(), &["alerts/#"]);
    let on_call = MosquittoSub::start(site.mqtt(), "alerts/critical/pump-1");
    let start = now_ms() - 60_000;

    mosquitto_pub(site.mqtt(), "devices/pump-1/telemetry", &hot_event(start));
    check_raised(&operations.wait_json("alerts/", 2), start);
    assert!(
        on_call
            .wait("alerts/critical/pump-1")
            .contains("\"CRITICAL\"")
    );

    operations.publish("devices/pump-1/telemetry", &cool_event(start + 1_000));
    check_cleared(&operations.wait_json("alerts/", 4), start + 1_000);

    let flow = site.weir.wait_received(6);
    assert_eq!(flow.readings.stored, 5, "{flow:#?}");
    assert_eq!(flow.quarantined_for("missing_value"), 1, "{flow:#?}");
    check_rows(&site);
    check_shadow(&site, &operations, start + 1_000);
    check_quarantine(&site, &hot_event(start));
    check_alarms(&site);
    // The answers to shadow requests and alerts are no telemetry.
    assert_eq!(site.weir.wait_received(6).readings.received, 6);
}

/// One critical by a rule, one warning by its own limits, one good, one bad.
fn hot_event(time: i64) -> String {
    json!({"deviceId": "pump-1", "timestamp": time, "data": [
        {"sensorId": "temperature", "value": 93.5, "unit": "°C", "location": "hall-2"},
        {"sensorId": "vibration", "value": 6.5, "location": "hall-2",
         "warningThreshold": 5.0, "criticalThreshold": 8.0},
        {"sensorId": "state", "value": "running", "location": "hall-2"},
        {"sensorId": "pressure", "value": null, "location": "hall-2"},
    ]})
    .to_string()
}

fn cool_event(time: i64) -> String {
    json!({"deviceId": "pump-1", "timestamp": time, "data": [
        {"sensorId": "temperature", "value": 70.25, "unit": "°C", "location": "hall-2"},
        {"sensorId": "vibration", "value": 1.5, "location": "hall-2",
         "warningThreshold": 5.0, "criticalThreshold": 8.0},
    ]})
    .to_string()
}

#[track_caller]
fn check_raised(alerts: &[Value], time: i64) {
    let critical = by_sensor(alerts, "temperature", "raised");
    assert_eq!(critical["type"], "ALERT");
    assert_eq!(critical["severity"], "CRITICAL");
    assert_eq!(critical["deviceId"], "pump-1");
    assert_eq!(critical["value"], 93.5);
    assert_eq!(critical["threshold"], 90.0);
    assert_eq!(critical["function"], "overheat");
    assert_eq!(critical["location"], "hall-2");
    assert_eq!(critical["timestamp"], time);
    assert!(
        critical["reason"]
            .as_str()
            .is_some_and(|reason| reason.len() > 10),
        "{critical}"
    );
    let warning = by_sensor(alerts, "vibration", "raised");
    assert_eq!(warning["severity"], "WARNING");
    assert_eq!(warning["threshold"], 5.0);
    assert_eq!(warning["function"], "payload");
    assert_ne!(critical["alarmId"], warning["alarmId"]);
}

#[track_caller]
fn check_cleared(alerts: &[Value], time: i64) {
    for (sensor, severity) in [("temperature", "CRITICAL"), ("vibration", "WARNING")] {
        let (raised, cleared) = (
            by_sensor(alerts, sensor, "raised"),
            by_sensor(alerts, sensor, "cleared"),
        );
        assert_eq!(
            cleared["severity"], severity,
            "the one it last had: {cleared}"
        );
        assert_eq!(cleared["alarmId"], raised["alarmId"]);
        assert_ne!(cleared["id"], raised["id"]);
        assert_eq!(cleared["timestamp"], time);
    }
}

#[track_caller]
fn by_sensor<'a>(alerts: &'a [Value], sensor: &str, state: &str) -> &'a Value {
    let of = |alert: &&Value| alert["sensor"] == sensor && alert["state"] == state;
    let mut found = alerts.iter().filter(of);
    let alert = found
        .next()
        .unwrap_or_else(|| panic!("no {state} {sensor} in {alerts:#?}"));
    assert!(
        found.all(|other| other["id"] == alert["id"]),
        "two {state} {sensor} in {alerts:#?}"
    );
    alert
}

#[track_caller]
fn check_rows(site: &Site) {
    let rows = site.weir.sql(
        "SELECT sensor, value, text, unit, location, quality FROM readings \
         WHERE device = 'pump-1' ORDER BY time, sensor",
    );
    let row = |sensor: &str, value: Value, text: Value, unit: Value| {
        json!({"sensor": sensor, "value": value, "text": text, "unit": unit,
               "location": "hall-2", "quality": "good"})
    };
    let null = Value::Null;
    let expect = [
        row("state", null.clone(), json!("running"), null.clone()),
        row("temperature", json!(93.5), null.clone(), json!("°C")),
        row("vibration", json!(6.5), null.clone(), null.clone()),
        row("temperature", json!(70.25), null.clone(), json!("°C")),
        row("vibration", json!(1.5), null.clone(), null),
    ];
    assert_eq!(with_nulls(rows), expect);
}

/// A column without a value may be left out of a JSON row.
fn with_nulls(mut rows: Vec<Value>) -> Vec<Value> {
    for row in &mut rows {
        for column in ["value", "text", "unit"] {
            if row.get(column).is_none() {
                row[column] = Value::Null;
            }
        }
    }
    rows
}

#[track_caller]
fn check_shadow(site: &Site, operations: &Subscriber, time: i64) {
    let http = || site.weir.http().get("/things/pump-1/shadow").json();
    weir_tests::wait_until("the shadow has the latest", weir_tests::DEADLINE, || {
        http()["state"]["reported"]["lastUpdate"] == time
    });
    let over_http = http();
    let reported = &over_http["state"]["reported"];
    assert_eq!(
        reported["alerts"],
        json!([]),
        "all alerts are cleared: {over_http}"
    );
    assert_eq!(
        reported["readings"]["temperature"],
        json!({"value": 70.25, "timestamp": time})
    );

    let answers = Subscriber::new(site.mqtt(), &["$aws/things/pump-1/shadow/get/accepted"]);
    operations.publish("$aws/things/pump-1/shadow/get", r#"{"clientToken": "t-1"}"#);
    let over_mqtt = &answers.wait_json("$aws/things/pump-1/shadow/get/accepted", 1)[0];
    assert_eq!(over_mqtt["clientToken"], "t-1");
    assert_eq!(over_mqtt["state"], over_http["state"]);
}

#[track_caller]
fn check_quarantine(site: &Site, payload: &str) {
    site.weir.wait_count("SELECT count(*) FROM quarantine", 1);
    let answer = site
        .weir
        .http()
        .get("/api/v1/quarantine?reason=missing_value")
        .expect(200)
        .json();
    let entry = &answer["entries"][0];
    assert_eq!(entry["payload"], payload, "verbatim");
    assert_eq!(entry["topic"], "devices/pump-1/telemetry");
    assert!(
        entry["detail"]
            .as_str()
            .is_some_and(|detail| !detail.is_empty()),
        "{entry}"
    );
    assert_eq!(site.weir.count("SELECT count(*) FROM quarantine"), 1);
}

#[track_caller]
fn check_alarms(site: &Site) {
    site.weir.wait_alarms("state=cleared&device=pump-1", 2);
    site.weir.wait_alarms("state=open", 0);
}
