//! What the day must have come to: notifications, their delay, figures.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::{Value, json};
use weir_model::Timestamp;
use weir_tests::{DEADLINE, effort, wait_until};

use super::{Day, EVERY, HOUR, MINUTE, PART, VALVES};

/// Every episode once, each notified under one id.
#[track_caller]
pub(super) fn check_notified(day: &Day) {
    // fan-1, pump-1, the door, pump-2, the gateway, its tanks, press-2, -1, -4 and
    // -5, pump-5 twice, the valves. All but the fan's are over.
    let episodes = 1 + 1 + 4 + 1 + 1 + 20 + 4 + 2 + VALVES as u64;
    for (state, expect) in [("raised", episodes), ("cleared", episodes - 1)] {
        let count = "SELECT count(DISTINCT alarm_id) FROM alerts WHERE state = ";
        let found = day.weir.count(&format!("{count}'{state}'"));
        assert_eq!(found, expect, "{state}");
    }
    // One escalation; the tanks behind the gateway were not notified.
    assert_eq!(day.transitions, 2 * episodes - 1 + 1);
    let notified = day.transitions as usize - 40;
    let mut by_alert: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut acknowledged = BTreeSet::new();
    wait_until("everything is delivered", 4 * DEADLINE, || {
        by_alert.clear();
        for one in day.hook.taken() {
            let body = one.json();
            let id = one.header("webhook-id").unwrap_or_default().to_owned();
            if body["type"] == "alarm.acknowledged" {
                acknowledged.insert(id);
                continue;
            }
            let alert = body["data"]["alerts"][0]["id"].to_string();
            by_alert.entry(alert).or_default().insert(id);
        }
        by_alert.len() >= notified
    });
    assert_eq!((by_alert.len(), acknowledged.len()), (notified, 2));
    assert!(by_alert.values().all(|ids| ids.len() == 1), "one id each");
}

/// How long critical alarms of the flood took from their reading to the receiver.
/// That it is 2 s at p99 is asserted at full effort: another machine's load is no
/// fault of what is tested here, where the order is (`alarm_priority.rs`).
#[track_caller]
pub(super) fn check_prompt(day: &Day) {
    let mut took: Vec<Duration> = Vec::new();
    for one in day.hook.taken() {
        let alert = &one.json()["data"]["alerts"][0];
        let valve = alert["deviceId"].as_str().unwrap_or_default();
        let Some(nth) = valve.strip_prefix("valve-") else {
            continue;
        };
        if alert["state"] == "raised" && alert["severity"] == "CRITICAL" {
            let nth: usize = nth.parse().expect("valves have numbers");
            took.push(one.at - day.flooded[nth / PART]);
        }
    }
    took.sort_unstable();
    assert_eq!(took.len(), VALVES / EVERY);
    let p99 = took[(took.len() * 99).div_ceil(100) - 1];
    eprintln!(
        "critical alarms in a flood of {VALVES}: p50 {:.2?}, p99 {p99:.2?}, all {:.2?}",
        took[took.len() / 2],
        took[took.len() - 1]
    );
    assert!(
        p99 <= effort(2 * DEADLINE, Duration::from_secs(2)),
        "{p99:?}"
    );
}

/// The figures of the day, as counted by hand.
#[track_caller]
pub(super) fn check_figures(day: &Day) {
    let time = |hours: i64| {
        let time = Timestamp::from_millis(day.midnight + hours * HOUR);
        time.expect("it is in this century").to_rfc3339()
    };
    let (from, to) = (time(0), time(24));
    let args = ["alarms", "kpi", "--from", &from, "--to", &to, "--json"];
    let output = day.weir.command(&args);
    assert!(output.status.success(), "{output:?}");
    let kpi: Value = serde_json::from_slice(&output.stdout).expect("it prints JSON");
    // As in `check_notified`, without the fan's of the evening before.
    let raised = 33 + VALVES;
    assert_eq!(kpi["raised"], json!(raised));
    assert_eq!(kpi["cleared"], json!(raised));
    // The gateway, its tanks, four presses, and one valve in fifty.
    assert_eq!(kpi["critical"], json!(1 + 20 + 4 + VALVES / EVERY));
    let close = |key: &str, expect: f64| {
        let found = kpi[key].as_f64().unwrap_or_default();
        assert!(
            (found - expect).abs() < 1e-9,
            "{key}: {found}, not {expect}"
        );
    };
    close("perHour", raised as f64 / 24.0);
    close("perHourAndOperator", raised as f64 / 24.0 / 2.0);
    assert_eq!(kpi["peakPerTenMinutes"], json!(VALVES));

    // More than ten per operator in ten minutes: the gateway with its tanks, and
    // the valves; ten minutes each.
    let minute = |minute: i64| json!(day.midnight + minute * MINUTE);
    let flood = |from: i64, alarms: usize| json!({"from": minute(from), "to": minute(from + 10), "alarms": alarms});
    assert_eq!(kpi["floods"], json!([flood(180, 21), flood(720, VALVES)]));
    close("percentInFlood", 20.0 * 100.0 / (24.0 * 60.0));

    let actors = kpi["worstActors"].as_array().expect("there are some");
    let counts: Vec<&Value> = actors.iter().map(|actor| &actor["alarms"]).collect();
    assert_eq!(json!(counts), json!([4, 2, 1, 1, 1, 1, 1, 1, 1, 1]));
    assert_eq!(
        (&actors[0]["device"], &actors[1]["device"]),
        (&json!("door-1"), &json!("pump-5"))
    );
    close("worstActorsPercent", 14.0 * 100.0 / raised as f64);
    let door = json!([{"device": "door-1", "sensor": "contact", "function": "contact",
                       "mostPerMinute": 4}]);
    assert_eq!(kpi["chattering"], door);

    assert_eq!(kpi["standing"], json!(1));
    let stale = kpi["stale"].as_array().expect("it is a list");
    let stale: Vec<_> = stale
        .iter()
        .map(|a| (&a["device"], &a["raisedAt"]))
        .collect();
    assert_eq!(stale, [(&json!("fan-1"), &minute(-60))]);

    // pump-1: raised at 01:01, acknowledged at 01:06; pump-2: 02:32 and 02:42.
    assert_eq!(kpi["acknowledged"], json!(2));
    let spread = json!({"mean": 450.0, "median": 300.0, "p90": 600.0, "max": 600.0});
    assert_eq!(kpi["timeToAcknowledge"], spread);
}
