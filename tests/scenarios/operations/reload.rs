//! A changed configuration is taken up while Weir runs: whole or not at all, and
//! without losing a message, a series' memory or an alarm.

use serde_json::{Value, json};
use weir_tests::{
    DEADLINE, Exit, LoadSpec, Loader, Mosquitto, MosquittoSpec, Subscriber, Weir, WeirSpec, audit,
    mosquitto_pub, now_ms, wait_until,
};

const QUICK: &str = "[shadows]\ninterval = \"20ms\"\n";
/// Only SIGHUP reloads, so that a scenario decides when.
const BY_SIGNAL: &str = "[reload]\nwatch = false\n";

fn rule(name: &str, limit: f64) -> String {
    format!(
        "[[function]]\nname = \"{name}\"\nkind = \"threshold\"\nsensor = \"temperature\"\n\
         critical_high = {limit:?}\n"
    )
}

fn embedded(rules: &[String]) -> WeirSpec {
    WeirSpec::embedded()
        .with(QUICK)
        .with(BY_SIGNAL)
        .with(&rules.join("\n"))
}

/// Sends readings one second apart, each once it was processed.
struct Boiler<'a> {
    weir: &'a Weir,
    time: i64,
}

impl Boiler<'_> {
    #[track_caller]
    fn temperature(&mut self, value: f64) {
        self.time += 1_000;
        let event = json!({"timestamp": self.time, "data": [
            {"sensorId": "temperature", "value": value}]});
        self.weir.ingest_and_wait("boiler", event.to_string());
    }
}

fn boiler(weir: &Weir, seconds: i64) -> Boiler<'_> {
    let time = now_ms() - 3_600_000 + seconds * 1_000;
    Boiler { weir, time }
}

/// Function and state of every transition, in their order.
#[track_caller]
fn transitions(weir: &Weir) -> Vec<(String, String)> {
    let rows = weir.sql("SELECT function, state FROM alerts");
    let text = |row: &Value, name: &str| row[name].as_str().unwrap_or_default().to_owned();
    rows.iter()
        .map(|row| (text(row, "function"), text(row, "state")))
        .collect()
}

#[track_caller]
fn wait_transitions(weir: &Weir, expect: &[(&str, &str)]) {
    let mut found = Vec::new();
    wait_until(&format!("{expect:?}"), DEADLINE, || {
        found = transitions(weir);
        found.len() >= expect.len()
    });
    let found: Vec<_> = found
        .iter()
        .map(|(f, s)| (f.as_str(), s.as_str()))
        .collect();
    assert_eq!(found, expect);
}

#[track_caller]
fn degraded(weir: &Weir) -> Value {
    let ready = weir.http().get("/readyz").expect(200).json();
    assert_eq!(ready["ready"], true, "{ready}");
    ready["degraded"]["config"].clone()
}

#[test]
fn rules_are_added_changed_and_removed_while_their_alarms_are_open() {
    let mut weir = Weir::start(embedded(&[rule("hot", 90.0)]));
    let operations = Subscriber::new(weir.mqtt(), &["alerts/#"]);
    boiler(&weir, 0).temperature(95.0);
    wait_transitions(&weir, &[("hot", "raised")]);

    // The alarm that is open is judged by the new limit, by the next reading.
    weir.reload(&embedded(&[rule("hot", 97.0), rule("warm", 50.0)]));
    weir.wait_alarms("state=active", 1);
    boiler(&weir, 10).temperature(96.0);
    let changed = [("hot", "raised"), ("hot", "cleared"), ("warm", "raised")];
    wait_transitions(&weir, &changed);

    // A rule that is gone leaves no alarm, and its device's shadow shows none.
    weir.reload(&embedded(&[rule("hot", 97.0)]));
    let removed = [&changed[..], &[("warm", "cleared")]].concat();
    wait_transitions(&weir, &removed);
    weir.wait_alarms("state=active", 0);
    wait_until("the shadow reports no alert", DEADLINE, || {
        let shadow = weir.http().get("/things/boiler/shadow").json();
        shadow["state"]["reported"]["alerts"] == json!([])
    });
    boiler(&weir, 20).temperature(96.0);
    wait_transitions(&weir, &removed);

    let alerts = operations.wait_json("alerts/", 4);
    let warm: Vec<_> = alerts.iter().filter(|a| a["function"] == "warm").collect();
    assert_eq!(warm[0]["alarmId"], warm[1]["alarmId"]);
    assert_eq!(degraded(&weir), Value::Null);
    weir.wait_received(3);
}

#[test]
fn a_file_with_a_mistake_changes_nothing_and_says_where() {
    let mut weir = Weir::start(embedded(&[rule("hot", 90.0)]).allow("configuration"));
    let bad = embedded(&[rule("hot", 10.0), "[limits]\nmax_devces = 3\n".to_owned()]);
    let line = 1 + std::fs::read_to_string({
        weir.overwrite_config(&bad);
        weir.config_file()
    })
    .expect("it was just written")
    .lines()
    .position(|line| line.contains("max_devces"))
    .expect("the mistake is in it");
    weir.process().hang_up();
    weir.wait_reloads("invalid", 1);
    let reason = degraded(&weir);
    let reason = reason.as_str().unwrap_or_default();
    let mistake = format!("weir.toml:{line}: limits.max_devces: unknown key");
    assert!(reason.contains(&mistake), "{reason}");
    assert!(reason.contains("keeping current configuration"), "{reason}");
    let log = weir.log();
    let logged = format!("line={line} key=\"limits.max_devces\"");
    assert!(log.contains(&logged), "no {logged} in {log}");
    boiler(&weir, 0).temperature(50.0);
    assert_eq!(transitions(&weir), []);

    // Put right, it applies.
    weir.reload(&embedded(&[rule("hot", 10.0)]));
    assert_eq!(degraded(&weir), Value::Null);
    boiler(&weir, 10).temperature(50.0);
    wait_transitions(&weir, &[("hot", "raised")]);
    let metrics = weir.http().get("/metrics").expect(200).text();
    assert!(metrics.contains("\nweir_config_in_force 1"), "{metrics}");
    weir.wait_received(2);
}

#[test]
fn what_needs_a_restart_is_named_and_nothing_else_is_applied() {
    let mut weir = Weir::start(embedded(&[rule("hot", 90.0)]).allow("configuration"));
    let more = "[journal]\nmax_size = \"4GiB\"\n\n[store.embedded]\nretention = \"7d\"\n";
    let spec = embedded(&[rule("hot", 10.0)]).with(more);
    weir.overwrite_config(&spec);
    weir.process().hang_up();
    weir.wait_reloads("needs_restart", 1);
    let reason = degraded(&weir);
    let reason = reason.as_str().unwrap_or_default();
    assert!(
        reason.ends_with("needs a restart: journal.max_size, store.embedded.retention"),
        "{reason}"
    );
    boiler(&weir, 0).temperature(50.0);
    assert_eq!(transitions(&weir), []);
    // The restart takes it up.
    assert_eq!(weir.sigterm(), Exit::Code(0));
    weir.restart_with(spec.allow("configuration"));
    boiler(&weir, 10).temperature(50.0);
    wait_transitions(&weir, &[("hot", "raised")]);
    weir.wait_received(2);
}

#[test]
fn the_file_is_watched_whether_it_is_overwritten_or_replaced() {
    let spec = |limit| WeirSpec::embedded().with(QUICK).with(&rule("hot", limit));
    let mut weir = Weir::start(spec(90.0));
    boiler(&weir, 0).temperature(80.0);
    weir.overwrite_config(&spec(70.0));
    weir.wait_reloads("applied", 1);
    boiler(&weir, 10).temperature(80.0);
    wait_transitions(&weir, &[("hot", "raised")]);

    weir.replace_config(&spec(95.0));
    weir.wait_reloads("applied", 2);
    boiler(&weir, 20).temperature(80.0);
    wait_transitions(&weir, &[("hot", "raised"), ("hot", "cleared")]);

    // And again, as the file is now another one.
    weir.replace_config(&spec(60.0).with(BY_SIGNAL));
    weir.wait_reloads("applied", 3);
    // From now on it is not watched.
    weir.overwrite_config(&spec(99.0).with(BY_SIGNAL));
    weir.process().hang_up();
    weir.wait_reloads("applied", 4);
    weir.wait_received(3);
}

#[test]
fn routes_and_limits_of_the_own_broker_and_http_follow() {
    let mut weir = Weir::start(embedded(&[]));
    let reading = |value: f64| json!({ "temperature": value }).to_string();
    let plant = "[[route]]\ntopic = \"plant/{device}\"\n[limits]\nmax_payload = \"64B\"\n";
    let ingest = |weir: &Weir, topic: &str, payload: String| {
        let path = format!("/api/v1/ingest/{topic}?wait=processed");
        weir.http().post(&path, payload).status
    };
    assert_eq!(ingest(&weir, "plant/p1", reading(1.0)), 404);
    assert_eq!(ingest(&weir, "devices/p1/telemetry", reading(1.0)), 200);
    // Who reads along on a topic that becomes telemetry goes on to do so.
    let reader = Subscriber::new(weir.mqtt(), &["plant/+"]);
    weir.reload(&embedded(&[plant.to_owned()]));
    assert_eq!(ingest(&weir, "plant/p1", reading(2.0)), 200);
    assert_eq!(ingest(&weir, "devices/p1/telemetry", reading(2.0)), 404);
    let long = json!({"temperature": 1.0, "text": "x".repeat(64)}).to_string();
    assert_eq!(ingest(&weir, "plant/p1", long), 413);
    reader.publish("plant/p2", &reading(3.0));
    reader.publish("devices/p2/telemetry", &reading(3.0));
    reader.publish("plant/p3", &reading(4.0));
    let flow = weir.wait_received(4);
    assert_eq!((flow.readings.stored, flow.quarantined()), (4, 0));
    reader.wait_json("plant/", 2);
}

#[test]
#[ignore = "needs Mosquitto"]
fn removed_topics_are_unsubscribed_at_the_broker_and_new_ones_subscribed() {
    let broker = Mosquitto::start(MosquittoSpec::default());
    let spec = |topics: &[&str]| {
        let route = |topic: &&str| format!("[[route]]\ntopic = \"{topic}\"\n");
        let routes: Vec<String> = topics.iter().map(route).collect();
        let spec = WeirSpec::source(&broker).with(BY_SIGNAL);
        spec.with(&routes.join("\n"))
    };
    let mut weir = Weir::start(spec(&["a/{device}", "b/{device}"]));
    let publish = |topic: &str, value: f64| {
        let payload = json!({ "temperature": value }).to_string();
        mosquitto_pub(broker.address(), topic, &payload);
    };
    publish("a/pa", 1.0);
    publish("b/pb", 1.0);
    publish("c/pc", 1.0);
    weir.wait_received(2);

    weir.reload(&spec(&["b/{device}", "c/{device}"]));
    // The broker delivers in order: once the last has come, the first will not.
    publish("a/pa", 2.0);
    publish("b/pb", 2.0);
    publish("c/pc", 2.0);
    let flow = weir.wait_received(4);
    assert_eq!((flow.readings.stored, flow.quarantined()), (4, 0));

    // Also what was subscribed in an earlier life is left, by a restart. A kill could
    // leave PUBACKs unsent, and Mosquitto would send those messages again.
    assert_eq!(weir.sigterm(), Exit::Code(0));
    weir.restart_with(spec(&["c/{device}"]));
    publish("b/pb", 3.0);
    publish("c/pc", 3.0);
    let flow = weir.wait_received(5);
    assert_eq!((flow.readings.stored, flow.quarantined()), (5, 0));
}

#[test]
fn a_reload_under_load_loses_nothing() {
    const MESSAGES: usize = 6_000;
    const RELOADS: usize = 5;
    let spec = |nth: usize| embedded(&[rule("hot", 40.0 + nth as f64), rule("steady", 70.0)]);
    let mut weir = Weir::start(spec(0));
    let load = Loader::start(weir.mqtt(), LoadSpec::new("reload", MESSAGES));
    for nth in 1..=RELOADS {
        load.wait_acknowledged(MESSAGES * nth / (RELOADS + 1));
        weir.reload(&spec(nth));
    }
    let report = load.finish();
    assert_eq!(report.acknowledged_count(), MESSAGES);
    audit(&weir, &[&report]);
}
