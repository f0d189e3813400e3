use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use serde_json::Value;

use super::*;

/// 2026-11-02T00:00:00Z, a Monday.
const START_MS: i64 = 1_793_577_600_000;

fn fleet(devices: usize, scenario: Scenario, anomaly: Option<Anomaly>) -> Fleet {
    Fleet::new(FleetSpec {
        devices,
        seed: 1,
        scenario,
        anomaly,
    })
}

fn at(elapsed_ms: i64) -> Timestamp {
    Timestamp::from_millis(START_MS + elapsed_ms).unwrap()
}

fn payload(fleet: &mut Fleet, device: usize, elapsed_ms: i64) -> (Emit, String) {
    let mut payload = String::new();
    let emit = fleet.next(device, at(elapsed_ms), &mut payload);
    (emit, payload)
}

/// How far the first sensor is beyond its limits: 0, 1 (warning) or 2 (critical);
/// no other sensor is ever beyond one.
fn level(fleet: &Fleet, device: usize, elapsed_ms: i64) -> usize {
    let state = fleet.state(device, START_MS + elapsed_ms, elapsed_ms);
    if state.silent {
        return 0;
    }
    let sensors = fleet.devices[device].kind.sensors();
    for (sensor, value) in sensors.iter().zip(state.values) {
        assert!(value.is_finite(), "{} {}", fleet.id(device), sensor.name);
    }
    for (at, (sensor, value)) in sensors.iter().zip(state.values).enumerate().skip(1) {
        let same_unit = state.other_unit.is_none_or(|other| other.sensor != at);
        if let (Some((warning, _)), true) = (sensor.limits, same_unit) {
            assert!(
                value < warning,
                "{} {} is {value}",
                fleet.id(device),
                sensor.name
            );
        }
    }
    let (warning, critical) = sensors[0].limits.unwrap();
    usize::from(state.values[0] > warning) + usize::from(state.values[0] > critical)
}

fn is_reading(kind: FaultKind) -> bool {
    matches!(
        kind,
        FaultKind::Overheat | FaultKind::Spike | FaultKind::Drift
    )
}

#[test]
fn an_event_is_the_reference_event() {
    let mut fleet = fleet(12, Scenario::Steady, None);
    for device in 0..12 {
        let (emit, payload) = payload(&mut fleet, device, 5_000);
        assert_eq!(emit, Emit::Publish);
        let event: Value = serde_json::from_str(&payload).unwrap();
        assert_eq!(event["deviceId"], fleet.id(device));
        assert_eq!(event["timestamp"], START_MS + 5_000);
        let readings = event["data"].as_array().unwrap();
        assert_eq!(readings.len(), fleet.devices[device].kind.sensors().len());
        for reading in readings {
            assert!(reading["sensorId"].is_string() && reading["location"].is_string());
            assert!(reading["value"].is_number() || reading["value"].is_boolean());
        }
        assert!(
            readings[0]["criticalThreshold"].as_f64() > readings[0]["warningThreshold"].as_f64()
        );
    }
    let (_, payload) = payload(&mut fleet, 0, 5_000);
    let tail = r#","unit":"bar","location":"hall-1","warningThreshold":8,"criticalThreshold":10},"#;
    assert!(payload.contains(tail), "{payload}");
}

#[test]
fn ids_are_unique_and_fit_for_topics() {
    let fleet = fleet(2_000, Scenario::Demo, None);
    let ids: BTreeSet<&str> = (0..fleet.len()).map(|device| fleet.id(device)).collect();
    assert_eq!(ids.len(), 2_000);
    for device in 0..fleet.len() {
        weir_model::check_device(fleet.id(device)).unwrap();
        assert_eq!(
            fleet.topic(device),
            format!("devices/{}/telemetry", fleet.id(device))
        );
    }
}

#[test]
fn what_a_device_says_depends_on_seed_and_time_only() {
    let mut forward = fleet(60, Scenario::Demo, Some(Anomaly::Drift));
    let mut backward = fleet(60, Scenario::Demo, Some(Anomaly::Drift));
    let mut said = BTreeMap::new();
    for elapsed_ms in (0..60_000).step_by(700) {
        for device in 0..60 {
            said.insert(
                (elapsed_ms, device),
                payload(&mut forward, device, elapsed_ms),
            );
        }
    }
    let _ = payload(&mut backward, 0, 0);
    for ((elapsed_ms, device), expect) in said.iter().rev() {
        assert_eq!(&payload(&mut backward, *device, *elapsed_ms), expect);
    }
    let mut other = Fleet::new(FleetSpec {
        devices: 60,
        seed: 2,
        scenario: Scenario::Demo,
        anomaly: Some(Anomaly::Drift),
    });
    assert_ne!(payload(&mut other, 0, 0), said[&(0, 0)]);
}

#[test]
fn steady_devices_never_alarm() {
    let fleet = fleet(120, Scenario::Steady, None);
    for elapsed_ms in (0..48 * 3_600_000).step_by(10_000) {
        for device in 0..fleet.len() {
            let level = level(&fleet, device, elapsed_ms);
            assert_eq!(level, 0, "{} after {elapsed_ms} ms", fleet.id(device));
        }
    }
}

#[test]
fn only_planned_faults_are_beyond_a_limit() {
    for (scenario, anomaly) in [
        (Scenario::Demo, Some(Anomaly::Overheat)),
        (Scenario::Flaky, Some(Anomaly::Spike)),
    ] {
        let fleet = fleet(60, scenario, anomaly);
        let hour_s = 3_600.0;
        let plans: Vec<_> = (0..60)
            .flat_map(|minute| fleet.plans(f64::from(minute) * 60.0, f64::from(minute + 1) * 60.0))
            .filter(|plan| is_reading(plan.kind) && plan.from_s < hour_s)
            .collect();
        for elapsed_ms in (0..3_600_000).step_by(1_000) {
            for device in 0..fleet.len() {
                if level(&fleet, device, elapsed_ms) == 0 {
                    continue;
                }
                // A late message has a fault that may be over.
                let times = [elapsed_ms, elapsed_ms - LATE_MS].map(|ms| ms as f64 / 1_000.0);
                let planned = plans.iter().any(|plan| {
                    plan.device == fleet.id(device)
                        && times.iter().any(|t| (plan.from_s..plan.to_s).contains(t))
                });
                let state = fleet.state(device, START_MS + elapsed_ms, elapsed_ms);
                assert!(
                    planned,
                    "{} after {elapsed_ms} ms: {state:?}",
                    fleet.id(device)
                );
            }
        }
    }
}

#[test]
fn overheats_warn_turn_critical_and_clear() {
    let fleet = fleet(120, Scenario::Demo, None);
    let mut pumps = BTreeSet::new();
    let overheats = fleet.plans(0.0, 1_800.0);
    let overheats = overheats
        .iter()
        .filter(|plan| plan.kind == FaultKind::Overheat);
    for plan in overheats.clone() {
        let device = (0..120)
            .find(|device| fleet.id(*device) == plan.device)
            .unwrap();
        let level_at = |s: f64| level(&fleet, device, ((plan.from_s + s) * 1_000.0) as i64);
        assert_eq!(level_at(0.0), 0, "{plan:?}");
        assert_eq!(level_at(3.0), 1, "{plan:?}");
        assert_eq!(level_at(7.0), 2, "{plan:?}");
        assert_eq!(level_at(13.0), 2, "{plan:?}");
        assert_eq!(level_at(19.0), 1, "{plan:?}");
        assert_eq!(level_at(24.0), 0, "{plan:?}");
        pumps.insert(device);
    }
    assert_eq!(overheats.count(), 15);
    assert_eq!(pumps.len(), 15);
}

#[test]
fn half_of_the_kinds_of_faults_show_within_ten_seconds_and_all_within_five_minutes() {
    let plans = fleet(120, Scenario::Demo, None).describe();
    let first = |kind: FaultKind| plans.iter().find(|plan| plan.kind == kind).unwrap();
    for kind in FaultKind::ALL {
        let first = first(*kind);
        assert!(first.from_s < 300.0, "{first:?}");
        assert!(first.text.starts_with(&first.device), "{first:?}");
    }
    let soon = FaultKind::ALL
        .iter()
        .filter(|kind| first(**kind).from_s <= 10.0);
    assert!(soon.count() * 2 > FaultKind::ALL.len());
    assert!(plans.is_sorted_by(|a, b| a.from_s <= b.from_s));
}

/// What the demo's first plan of a kind makes of its device's messages.
fn during(kind: FaultKind, offset_ms: &[i64]) -> Vec<(Emit, String)> {
    let mut fleet = fleet(120, Scenario::Demo, None);
    let plan = fleet
        .describe()
        .into_iter()
        .find(|plan| plan.kind == kind)
        .unwrap();
    let device = (0..120)
        .find(|device| fleet.id(*device) == plan.device)
        .unwrap();
    let _ = payload(&mut fleet, 0, 0);
    let begin_ms = (plan.from_s * 1_000.0) as i64;
    offset_ms
        .iter()
        .map(|offset| payload(&mut fleet, device, begin_ms + offset))
        .collect()
}

fn json(payload: &str) -> Value {
    serde_json::from_str(payload).unwrap()
}

#[test]
fn faults_of_the_link_and_the_clock() {
    let silence = during(FaultKind::Silence, &[-1_000, 0, 59_999, 60_000]);
    let emits: Vec<_> = silence.iter().map(|(emit, _)| *emit).collect();
    assert_eq!(
        emits,
        [Emit::Publish, Emit::Silent, Emit::Silent, Emit::Publish]
    );
    assert!(silence[1].1.is_empty());

    let twice = during(FaultKind::Duplicate, &[0, 2_000]);
    assert_eq!(
        [twice[0].0, twice[1].0],
        [Emit::PublishTwice, Emit::Publish]
    );

    let late = json(&during(FaultKind::Late, &[1_000])[0].1);
    assert_eq!(late["timestamp"], START_MS + 7_000 - LATE_MS);
    let ahead = json(&during(FaultKind::ClockAhead, &[1_000])[0].1);
    assert_eq!(ahead["timestamp"], START_MS + 1_000 + AHEAD_MS);
}

#[test]
fn a_stuck_sensor_repeats_itself_and_the_others_continue() {
    let said = during(FaultKind::Stuck, &[0, 30_000, 60_000, 119_000, 121_000]);
    let values = |sensor: usize| -> BTreeSet<String> {
        let during = said.iter().take(4);
        during
            .map(|(_, payload)| json(payload)["data"][sensor]["value"].to_string())
            .collect()
    };
    assert_eq!(values(0).len(), 1);
    let after = json(&said[4].1)["data"][0]["value"].to_string();
    assert!(!values(0).contains(&after));
    let times: BTreeSet<_> = said
        .iter()
        .map(|(_, payload)| json(payload)["timestamp"].to_string())
        .collect();
    assert_eq!(times.len(), 5);
}

#[test]
fn faults_of_units_states_and_copies() {
    let pressure = |payload: &str| json(payload)["data"][2].clone();
    let wrong = during(FaultKind::WrongUnit, &[-1_000, 1_000]);
    assert_eq!(pressure(&wrong[0].1)["unit"], "bar");
    assert_eq!(pressure(&wrong[1].1)["unit"], "V");
    assert!(pressure(&wrong[1].1)["warningThreshold"].is_null());
    let other = pressure(&during(FaultKind::OtherUnit, &[1_000])[0].1);
    assert_eq!(other["unit"], "psi");
    assert!(other["value"].as_f64() > Some(14.0), "{other}");

    let door =
        |offset| json(&during(FaultKind::BadState, &[offset])[0].1)["data"][1]["value"].clone();
    assert!(door(-1).is_boolean());
    assert_eq!(door(0), 7);

    let events = json(&during(FaultKind::Restamp, &[0])[0].1);
    let time = |at: usize| events[at]["timestamp"].as_i64().unwrap();
    assert_eq!(events[0]["data"], events[1]["data"]);
    assert_eq!(time(1), time(0) + AGAIN_MS);
}

#[test]
fn a_boiler_begins_with_the_log_of_its_last_days() {
    let mut fleet = fleet(120, Scenario::Demo, None);
    let boiler = (0..120)
        .find(|device| fleet.id(*device) == "boiler-01")
        .unwrap();
    // Not at a full half hour, as in life.
    let begin_ms = 1_234_567;
    let _ = payload(&mut fleet, 0, begin_ms);
    let mut times = Vec::new();
    for message in 0..LOG_DAYS {
        let said = json(&payload(&mut fleet, boiler, begin_ms + 100 + message * LOG_STEP_MS).1);
        let events = said.as_array().unwrap();
        assert_eq!(events.len(), 48);
        times.extend(
            events
                .iter()
                .map(|event| event["timestamp"].as_i64().unwrap()),
        );
    }
    assert!(times.is_sorted_by(|a, b| a + LOG_EVERY_MS == *b));
    assert!(*times.last().unwrap() < START_MS + begin_ms);
    let live = json(&payload(&mut fleet, boiler, begin_ms + 100 + LOG_DAYS * LOG_STEP_MS).1);
    assert_eq!(live["data"].as_array().unwrap().len(), 2);
}

#[test]
fn broken_payloads_are_broken_each_in_its_own_way() {
    let mut fleet = fleet(120, Scenario::Demo, None);
    let plans = fleet.plans(0.0, 160.0);
    let broken: Vec<_> = plans
        .iter()
        .filter(|plan| plan.kind == FaultKind::Broken)
        .collect();
    assert_eq!(broken.len(), 8);
    let device = (0..120)
        .find(|device| fleet.id(*device) == broken[0].device)
        .unwrap();
    let _ = payload(&mut fleet, 0, 0);
    let said: Vec<_> = broken
        .iter()
        .map(|plan| payload(&mut fleet, device, (plan.from_s * 1_000.0) as i64).1)
        .collect();
    let parsed: Vec<Option<Value>> = said
        .iter()
        .map(|payload| serde_json::from_str(payload).ok())
        .collect();
    let is_json: Vec<bool> = parsed.iter().map(Option::is_some).collect();
    assert_eq!(is_json, [false, true, false, true, true, true, false, true]);
    assert!(parsed[1].as_ref().unwrap()["data"][0]["value"].is_null());
    assert!(said[3].contains("9007199254740993"));
    assert_eq!(
        parsed[4].as_ref().unwrap()["timestamp"],
        START_MS / 1_000 + 85
    );
    assert!(parsed[5].as_ref().unwrap()["data"][0]["sensorId"].is_null());
    assert_eq!(said[6], "");
    assert!(parsed[7].as_ref().unwrap()["data"][0]["value"].is_object());
    // One bad reading leaves the others as they were.
    assert!(parsed[1].as_ref().unwrap()["data"][1]["value"].is_number());
}

#[test]
fn anomalies_hit_one_device_of_twenty_and_other_ones_each_time() {
    for anomaly in Anomaly::ALL {
        for (devices, expect) in [(1, 1), (20, 1), (200, 10)] {
            let fleet = fleet(devices, Scenario::Steady, Some(*anomaly));
            let plans = fleet.plans(0.0, 10.0);
            assert_eq!(plans.len(), expect, "{anomaly} on {devices}");
            assert_eq!(plans[0].kind.as_str(), anomaly.as_str());
        }
        let fleet = fleet(200, Scenario::Steady, Some(*anomaly));
        let hit: BTreeSet<_> = fleet
            .plans(0.0, 1_800.0)
            .into_iter()
            .map(|plan| plan.device)
            .collect();
        assert_eq!(hit.len(), 200);
    }
}

#[test]
fn a_fleet_of_any_size_works() {
    for devices in 0..30 {
        for scenario in Scenario::ALL {
            let mut fleet = fleet(devices, *scenario, None);
            for device in 0..devices {
                for elapsed_ms in [0, 1_000, 30_000, 86_400_000, -1_000] {
                    let _ = payload(&mut fleet, device, elapsed_ms);
                }
            }
            let _ = fleet.describe();
        }
    }
}

#[test]
fn names_are_read_and_listed() {
    assert_eq!("flaky".parse(), Ok(Scenario::Flaky));
    assert_eq!(
        Anomaly::NAMES,
        ["spike", "drift", "stuck", "silence", "overheat"]
    );
    let error = "hot".parse::<Anomaly>().unwrap_err().to_string();
    assert_eq!(
        error,
        "there is no anomaly \"hot\"; there are spike, drift, stuck, silence, overheat"
    );
}

/// `cargo test --release -p weir-simulator -- --ignored --nocapture speed`
#[test]
#[ignore = "a measurement"]
fn speed() {
    let mut fleet = fleet(1_000, Scenario::Demo, Some(Anomaly::Spike));
    let mut payload = String::new();
    let (begin, mut bytes) = (Instant::now(), 0);
    let events = 1_000_000;
    for i in 0..events {
        let _ = fleet.next(i % 1_000, at(i as i64), &mut payload);
        bytes += payload.len();
    }
    let each_ns = begin.elapsed().as_nanos() / events as u128;
    println!("{each_ns} ns and {} bytes per event", bytes / events);
}
