//! Explaining a reading: which functions ran, their memory before and after it,
//! their verdicts, and the alarm that was open.

use serde_json::{Value, json};
use weir_tests::{Weir, WeirSpec, now_ms};

const FUNCTIONS: &str = r#"
[[function]]
name = "hot"
kind = "threshold"
sensor = "temperature"
warning_high = 80.0
critical_high = 90.0
deadband = 2.0

[[function]]
name = "usual"
kind = "ewma"
sensor = "temperature"
half_life = "1h"
warmup = 5
critical_score = 8.0

[[function]]
name = "jump"
kind = "rate_of_change"
sensor = "temperature"
max_rise = 20.0
per = "1s"
quality = "suspect"

[[function]]
name = "silent"
kind = "absence"
sensor = "temperature"
after = "1h"
"#;

#[track_caller]
fn explain(weir: &Weir, query: &str) -> Value {
    let path = format!("/api/v1/devices/boiler/explain?sensor=temperature{query}");
    weir.http().get(&path).expect(200).json()
}

#[track_caller]
fn function(explained: &Value, name: &str) -> Value {
    let functions = explained["functions"].as_array().expect("there are some");
    let found = functions.iter().find(|f| f["function"] == name);
    found
        .unwrap_or_else(|| panic!("{name} in {explained}"))
        .clone()
}

#[test]
fn a_reading_is_explained_live_and_in_hindsight() {
    let weir = Weir::start(WeirSpec::embedded().with(FUNCTIONS));
    let start = now_ms() - 60_000;
    for (nth, value) in (0..).zip([70.0, 70.5, 69.5, 70.0, 70.5, 69.5, 85.0, 95.0]) {
        let event = json!({"timestamp": start + nth * 1_000, "location": "hall-2",
            "data": [{"sensorId": "temperature", "value": value, "unit": "Cel"}]});
        weir.ingest_and_wait("boiler", event.to_string());
    }
    let stored = "SELECT count(*) FROM readings WHERE sensor = 'temperature'";
    weir.wait_count(stored, 8);

    let last = explain(&weir, "");
    assert_eq!(
        (&last["basis"], &last["reading"]["value"]),
        (&json!("live"), &json!(95.0))
    );
    assert_eq!(last["warmup"]["readings"], 8);
    let hot = function(&last, "hot");
    assert_eq!(
        (&hot["ran"], &hot["exact"], &hot["stage"]),
        (&json!(true), &json!(true), &json!("detect"))
    );
    assert_eq!(
        hot["settings"]["critical_high"],
        json!({"value": 90.0, "unit": "Cel"})
    );
    assert_eq!(hot["remembered"]["level"], "warning");
    assert_eq!(hot["remembers"]["level"], "critical");
    assert_eq!(
        hot["concluded"]["sentence"],
        "temperature 95 Cel is above the critical limit 90 Cel"
    );
    assert_eq!(hot["concluded"]["level"], "critical");
    let usual = function(&last, "usual");
    assert_eq!(usual["exact"], true, "{usual}");
    assert_eq!(usual["remembers"]["readings"], 8);
    assert!(usual["concluded"]["score"].as_f64() > Some(0.0), "{usual}");
    let silent = function(&last, "silent");
    assert_eq!(silent["ran"], false);
    assert!(silent["remembers"]["heard"].is_string(), "{silent}");
    let alarms = last["alarms"].as_array().expect("they are listed");
    assert!(
        alarms.iter().any(|alarm| alarm["function"] == "hot"),
        "{alarms:?}"
    );

    // The one before, and one when nothing was wrong.
    let before = explain(&weir, &format!("&at={}", start + 6_500));
    assert_eq!(
        (&before["basis"], &before["reading"]["value"]),
        (&json!("recomputed"), &json!(85.0))
    );
    let hot = function(&before, "hot");
    assert_eq!(hot["remembered"]["level"], "none");
    assert_eq!(
        hot["concluded"]["sentence"],
        "temperature 85 Cel is above the warning limit 80 Cel"
    );
    let calm = explain(&weir, &format!("&at={}", start + 5_000));
    assert_eq!(calm["alarms"], json!([]));
    assert_eq!(function(&calm, "hot")["concluded"]["level"], Value::Null);

    let refused = |path: &str, status: u16, says: &str| {
        let answer = weir
            .http()
            .get(&format!("/api/v1/devices/{path}"))
            .expect(status);
        let detail = answer.json()["detail"].to_string();
        assert!(detail.contains(says), "{path}: {detail}");
    };
    refused("nobody/explain?sensor=x", 404, "no device");
    refused("boiler/explain?sensor=pressure", 404, "temperature");
    refused("boiler/explain", 400, "temperature");
    refused("boiler/explain?sensor=temperature&at=soon", 400, "RFC 3339");
    let long_ago = format!("boiler/explain?sensor=temperature&at={}", start - 1);
    refused(&long_ago, 404, "the first that is stored");

    let text = weir.command(&["explain", "boiler", "temperature"]);
    let text = String::from_utf8_lossy(&text.stdout).into_owned();
    assert!(
        text.contains("CRITICAL: temperature 95 Cel is above"),
        "{text}"
    );
    weir.wait_received(8);
}
