//! What operations get when Weir dies in the middle of it: every raise and
//! every clear at least once, under one stable id, and never a second episode.

use std::collections::{BTreeMap, BTreeSet};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};
use weir_tests::mqtt::Connection;
use weir_tests::{Broker, DEADLINE, Site, Subscriber, now_ms, wait_until};

const DEVICES: usize = 5;
const EVENTS: usize = 200;

#[test]
#[ignore = "needs Mosquitto"]
fn every_raise_and_clear_is_delivered_under_one_id_although_weir_is_killed() {
    let mut site = Site::start(Broker::External, |spec| {
        spec.with("[store.embedded]\nflush_interval = \"150ms\"\n")
    });
    let operations = Subscriber::new(site.mqtt(), &["alerts/#"]);
    let mut device = Connection::connect(site.mqtt().get(), "plant").expect("it accepts");
    let start = now_ms() - 600_000;
    let mut random = StdRng::seed_from_u64(1);
    for event in 0..EVENTS {
        let (topic, payload) = toggling(event, start);
        device
            .publish(topic.as_bytes(), payload.as_bytes(), 1)
            .expect("the broker is up");
        if event % 50 == 25 {
            let seen = operations.received().len();
            let more = random.random_range(0..10);
            wait_until("some alerts are out", DEADLINE, || {
                operations.received().len() >= (seen + more).min(event)
            });
            site.weir.kill9();
            site.weir.restart();
        }
    }
    site.weir.wait_received(EVENTS as u64);
    wait_until("every transition is delivered", DEADLINE, || {
        transitions(&operations.json_on("alerts/")).len() >= EVENTS
    });
    check(&operations.json_on("alerts/"), start);
    site.weir.wait_alarms("state=open", 0);
}

/// Each device in turn above its limit, then each below it, and so on.
fn toggling(event: usize, start: i64) -> (String, String) {
    let (device, round) = (event % DEVICES, event / DEVICES);
    let value = if round.is_multiple_of(2) { 95.0 } else { 20.0 };
    let payload = json!({"timestamp": start + round as i64 * 1_000, "data": [
        {"sensorId": "temperature", "value": value, "criticalThreshold": 90.0}]});
    (
        format!("devices/press-{device}/telemetry"),
        payload.to_string(),
    )
}

/// The alerts by id; one that came twice must be the same.
#[track_caller]
fn transitions(alerts: &[Value]) -> BTreeMap<String, Value> {
    let mut by_id = BTreeMap::new();
    for alert in alerts {
        let id = alert["id"].as_str().expect("an alert has an id").to_owned();
        if let Some(first) = by_id.insert(id, alert.clone()) {
            assert_eq!(first, *alert, "two alerts under one id");
        }
    }
    by_id
}

#[track_caller]
fn check(alerts: &[Value], start: i64) {
    let transitions = transitions(alerts);
    assert_eq!(
        transitions.len(),
        EVENTS,
        "each event raises or clears once"
    );
    let of = |device: usize, round: usize| {
        let time = start + round as i64 * 1_000;
        let device = format!("press-{device}");
        let mut found = transitions
            .values()
            .filter(|alert| alert["deviceId"] == device && alert["timestamp"] == time);
        let alert = found
            .next()
            .unwrap_or_else(|| panic!("nothing of {device} in round {round}"));
        assert!(found.next().is_none(), "two of {device} in round {round}");
        alert
    };
    let mut episodes = BTreeSet::new();
    for device in 0..DEVICES {
        for round in (0..EVENTS / DEVICES).step_by(2) {
            let (raised, cleared) = (of(device, round), of(device, round + 1));
            assert_eq!(
                (&raised["state"], &cleared["state"]),
                (&json!("raised"), &json!("cleared"))
            );
            assert_eq!(raised["alarmId"], cleared["alarmId"]);
            assert!(
                episodes.insert(raised["alarmId"].to_string()),
                "an episode's id is used twice"
            );
        }
    }
}
