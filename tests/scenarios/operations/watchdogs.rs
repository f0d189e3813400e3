//! A stalled consumer is reported while the others continue: here an InfluxDB
//! that accepts connections and does not answer. What `/readyz` reports is also
//! an alarm of Weir's own.

use serde_json::{Value, json};
use weir_tests::{
    Answer, DEADLINE, InfluxPeer, LoadSpec, Loader, Mosquitto, MosquittoSpec, Subscriber, Weir,
    WeirSpec, audit, wait_until,
};

#[test]
fn a_sink_that_hangs_is_reported_and_holds_nobody_up() {
    let peer = InfluxPeer::start(|_, _| Answer::Hang);
    let url = peer.url();
    let config = format!(
        "[watchdog]\nstalled_after = \"1s\"\n\n\
         [store.influxdb]\nurl = \"{url}\"\nbatch_interval = \"10ms\"\ntimeout = \"5s\"\n"
    );
    let spec = WeirSpec::embedded()
        .with(&config)
        .allow("InfluxDB does not take the batch")
        .allow("journal consumer stalled");
    let weir = Weir::start(spec);
    weir.ingest("pump", "", r#"{"flow": 1}"#).expect(202);

    let reasons = || -> Value { weir.http().get("/readyz").json()["reasons"].clone() };
    wait_until("the sink is reported as stalled", DEADLINE, || {
        reasons().get("consumer influxdb").is_some()
    });
    let stalled = |consumer: &str| {
        weir.metric(&format!(
            "weir_consumer_stalled_seconds{{consumer=\"{consumer}\"}}"
        ))
    };
    assert!(stalled("influxdb") >= 1.0);

    // The others go on.
    weir.ingest_and_wait("pump", r#"{"flow": 2}"#);
    weir.wait_count("SELECT count(*) FROM readings", 2);
    let reasons_now = reasons();
    assert!(
        reasons_now.get("consumer pipeline").is_none(),
        "{reasons_now}"
    );

    peer.script(|_, _| Answer::Take);
    weir.wait_recovered();
    assert!(stalled("influxdb") < 1.0);
}

/// The open alarms of Weir itself: (component, severity, id of the alarm).
fn own_alarms(weir: &Weir) -> Vec<(String, String, String)> {
    let path = "/api/v1/alarms?state=active&device=$weir";
    let listed = weir.http().get(path).expect(200).json();
    let text = |alarm: &Value, key: &str| alarm[key].as_str().expect("it is there").to_owned();
    let alarms = listed["alarms"].as_array().expect("a list");
    let mut alarms: Vec<_> = alarms
        .iter()
        .map(|alarm| {
            assert_eq!(
                (&alarm["function"], &alarm["unit"]),
                (&json!("watchdog"), &json!("s"))
            );
            (
                text(alarm, "sensor"),
                text(alarm, "severity"),
                text(alarm, "alarmId"),
            )
        })
        .collect();
    alarms.sort();
    alarms
}

/// Waits until exactly these components have an open alarm of this severity.
#[track_caller]
fn wait_own(weir: &Weir, expect: &[(&str, &str)]) -> Vec<(String, String, String)> {
    let mut found = Vec::new();
    wait_until(&format!("alarms of {expect:?}"), DEADLINE, || {
        found = own_alarms(weir);
        let found: Vec<_> = found.iter().map(|(c, s, _)| (&**c, &**s)).collect();
        found == expect
    });
    found
}

#[test]
fn a_dead_sink_and_a_full_journal_raise_alarms_that_outlive_a_crash_and_clear() {
    let peer = InfluxPeer::start(|_, _| Answer::Hang);
    let config = format!(
        "[watchdog]\nalert_after = \"1s\"\nstalled_after = \"0s\"\n\n\
         [journal]\nsegment_size = \"64KiB\"\nmax_size = \"1MiB\"\nmax_pending = \"2MiB\"\n\n\
         [store.embedded]\nflush_interval = \"100ms\"\n\n\
         [store.influxdb]\nurl = \"{}\"\nbatch_interval = \"10ms\"\ntimeout = \"500ms\"\n",
        peer.url()
    );
    let spec = WeirSpec::embedded()
        .with(&config)
        .allow("InfluxDB does not take the batch")
        .allow("journal");
    let mut weir = Weir::start(spec);
    let operations = Subscriber::new(weir.mqtt(), &["alerts/+/$weir"]);
    let first = Loader::start(weir.mqtt(), LoadSpec::new("first", 10)).finish();
    let dead_sink = wait_own(&weir, &[("influxdb", "WARNING")]);
    let raised = &operations.wait_json("alerts/warning/$weir", 1)[0];
    assert_eq!(
        (&raised["state"], &raised["deviceId"], &raised["alarmId"]),
        (&json!("raised"), &json!("$weir"), &json!(dead_sink[0].2))
    );
    let reason = raised["reason"].as_str().expect("a sentence");
    assert!(reason.contains("InfluxDB does not take data"), "{reason}");

    let load = Loader::start(weir.mqtt(), LoadSpec::new("full", 10_000));
    let both = wait_own(&weir, &[("influxdb", "WARNING"), ("journal", "CRITICAL")]);
    assert_eq!(both[0], dead_sink[0], "the same alarm");
    operations.wait_json("alerts/critical/$weir", 1);

    // It is the same alarm after a crash, raised once.
    weir.kill9();
    weir.restart_unready();
    assert_eq!(own_alarms(&weir), both);

    peer.script(|_, _| Answer::Take);
    let report = load.finish();
    wait_own(&weir, &[]);
    audit(&weir, &[&first, &report]);
    let states = "SELECT count(*) FROM alerts WHERE device = '$weir' AND state = ";
    weir.wait_count(&format!("{states}'raised'"), 2);
    weir.wait_count(&format!("{states}'cleared'"), 2);
}

#[test]
#[ignore = "needs Mosquitto"]
fn a_silent_source_raises_an_alarm_that_a_message_clears() {
    let mosquitto = Mosquitto::start(MosquittoSpec::default());
    let config =
        "silent_after = \"1s\"\n\n[watchdog]\nalert_after = \"1s\"\ncritical = [\"source *\"]\n";
    let weir = Weir::start(
        WeirSpec::source(&mosquitto)
            .with(config)
            .allow("silent")
            .allow("no message"),
    );
    let operations = Subscriber::new(mosquitto.address(), &["alerts/#"]);
    let raised = operations.wait_json("alerts/critical/$weir", 1)[0].clone();
    assert_eq!(raised["sensor"], "source weir");
    let mut cleared = Value::Null;
    wait_until("it is cleared while messages come", DEADLINE, || {
        operations.publish("devices/pump/telemetry", r#"{"flow": 1}"#);
        let alerts = operations.json_on("alerts/critical/$weir");
        let clear = alerts.into_iter().find(|alert| alert["state"] == "cleared");
        cleared = clear.unwrap_or_default();
        cleared.is_object()
    });
    assert_eq!(cleared["alarmId"], raised["alarmId"]);
    let _ = weir;
}
