//! What the functions do is counted, by `/api/v1/functions`, by `/metrics` and by
//! `weir functions` alike; a crash and a reload do not lose count.

use serde_json::{Value, json};
use weir_tests::{Weir, WeirSpec, now_ms};

use super::LIMIT;

const FUNCTIONS: &str = r#"
[lambda]
memory = "1GiB"
min_duration = "100ms"

[[function]]
name = "possible"
kind = "range"
sensor = "temperature"
max = 150.0
quality = "bad"

[[function]]
name = "hot"
kind = "threshold"
sensor = "temperature"
warning_high = 80.0
critical_high = 90.0

[[function]]
name = "ratio"
kind = "derived"
expression = "temperature / load"
output = "ratio"
"#;

fn send(weir: &Weir, millis: i64, data: Value) {
    let event = json!({"timestamp": millis, "data": data});
    weir.ingest_and_wait("boiler", event.to_string());
}

fn temperature(weir: &Weir, millis: i64, value: f64) {
    let reading = json!([{"sensorId": "temperature", "value": value}]);
    send(weir, millis, reading);
}

fn usage(weir: &Weir) -> Value {
    weir.http().get("/api/v1/functions").expect(200).json()
}

#[track_caller]
fn function(usage: &Value, name: &str) -> Value {
    let functions = usage["functions"].as_array().expect("there are functions");
    let found = functions.iter().find(|function| function["name"] == name);
    found.unwrap_or_else(|| panic!("{name} in {usage}")).clone()
}

#[test]
fn what_functions_do_is_counted_and_billed() {
    let spec = WeirSpec::embedded().with("[reload]\nwatch = false\n");
    let spec = spec.with(FUNCTIONS);
    let mut weir = Weir::start(spec);
    let start = now_ms() - 60_000;
    for (nth, value) in (0..).zip([20.0, 85.0, 95.0, 200.0]) {
        temperature(&weir, start + nth, value);
    }
    // A division by zero.
    let load = json!([{"sensorId": "load", "value": 0}]);
    send(&weir, start + 10, load);

    let counted = usage(&weir);
    let hot = function(&counted, "hot");
    assert_eq!(hot["kind"], "threshold");
    assert_eq!(hot["invocations"], 3, "what is impossible it never saw");
    assert_eq!(
        hot["verdicts"],
        json!({"critical": 1, "warning": 1, "none": 1})
    );
    let possible = function(&counted, "possible");
    assert_eq!(possible["invocations"], 4);
    assert_eq!(
        possible["readings"],
        json!({"suspect": 0, "quarantined": 1})
    );
    let ratio = function(&counted, "ratio");
    assert_eq!(
        (&ratio["invocations"], &ratio["errors"]),
        (&json!(1), &json!(1))
    );
    for function in [&hot, &possible] {
        // The first invocation is timed.
        assert!(
            function["time"]["samples"].as_u64() >= Some(1),
            "{function}"
        );
        assert!(function["time"]["p99Ns"].as_f64() >= function["time"]["p50Ns"].as_f64());
        let memory = &function["memory"];
        assert_eq!(memory["series"], 1);
        assert!(memory["bytes"].as_u64() > Some(0), "{function}");
    }
    // 3 requests of 0.1 s at 1 GB.
    let bill = &hot["lambda"];
    assert_eq!(bill["requests"], 3);
    assert!(
        (bill["gbSeconds"].as_f64().unwrap_or(0.0) - 0.3).abs() < 1e-9,
        "{bill}"
    );
    let usd = 3.0 * 0.20 / 1e6 + 0.3 * 0.000_016_666_7;
    assert!(
        (bill["usd"].as_f64().unwrap_or(0.0) - usd).abs() < 1e-12,
        "{bill}"
    );
    let together = &counted["lambda"]["functionsTogether"];
    assert_eq!(
        (&counted["messages"]["count"], &together["requests"]),
        (&json!(5), &json!(5))
    );

    let metrics = weir.http().get("/metrics").expect(200).text();
    for line in [
        r#"weir_function_invocations_total{function="hot",kind="threshold"} 3"#,
        r#"weir_function_verdicts_total{function="hot",kind="threshold",severity="critical"} 1"#,
        r#"weir_function_readings_total{function="possible",kind="range",quality="bad"} 1"#,
        r#"weir_function_errors_total{function="ratio",kind="derived"} 1"#,
        r#"weir_lambda_requests_total{function="hot",kind="threshold"} 3"#,
        r#"weir_function_series{function="hot",kind="threshold"} 1.0"#,
    ] {
        assert!(metrics.lines().any(|found| found == line), "{line}");
    }
    let seconds = r#"weir_function_seconds{function="hot",kind="threshold",quantile="0.99"}"#;
    assert!(metrics.contains(seconds), "{metrics}");

    // The messages since the checkpoint are done again, and counted once.
    weir.kill9();
    weir.restart();
    temperature(&weir, start + 20, 96.0);
    let recounted = usage(&weir);
    assert_eq!(function(&recounted, "hot")["invocations"], 4);
    assert_eq!(function(&recounted, "hot")["verdicts"]["critical"], 2);
    assert_eq!(recounted["messages"]["count"], 6);

    // A clean stop ends with a checkpoint, from which it goes on.
    weir.sigterm();
    weir.restart();
    let again = usage(&weir);
    assert_eq!(function(&again, "hot")["invocations"], 4);
    assert_eq!(function(&again, "hot")["time"]["samples"], 0);

    let table = weir.command(&["functions"]);
    let table = String::from_utf8_lossy(&table.stdout).into_owned();
    assert!(
        table.contains("threshold") && table.contains("hot"),
        "{table}"
    );
    let document = weir.command(&["functions", "--json"]);
    let document: Value = serde_json::from_slice(&document.stdout).expect("it is JSON");
    assert_eq!(function(&document, "hot")["invocations"], 4);
    // The quarantined reading, and the division.
    weir.wait_received(7);
}

#[test]
fn modules_are_counted_by_call_and_their_failures_as_errors() {
    let folder = tempfile::tempdir().expect("there is a temporary folder");
    // One that traps at a reading above its second number.
    let traps = LIMIT.replace(
        "(local.set $level",
        "(if (f64.gt (local.get $value) (f64.load offset=8 (local.get $numbers)))
           (then unreachable))
         (local.set $level",
    );
    assert_ne!(LIMIT, traps);
    let module = |name: &str, text: &str| {
        let path = folder.path().join(format!("{name}.wat"));
        std::fs::write(&path, text).expect("the temporary folder is writable");
        format!(
            "[[function]]\nname = \"{name}\"\nkind = \"wasm\"\nsensor = \"temperature\"\n\
             module = \"{}\"\nparams = [80.0, 90.0]\nreasons = [\"hot\", \"far too hot\"]\n\
             state = 16\nmax_failures = 5\n",
            path.display()
        )
    };
    let spec = WeirSpec::embedded()
        .with("[reload]\nwatch = false\n")
        .with(&module("own", LIMIT))
        .with(&module("traps", &traps))
        .allow("a WebAssembly function");
    let mut weir = Weir::start(spec);
    let start = now_ms() - 60_000;
    for (nth, value) in (0..).zip([20.0, 85.0, 95.0]) {
        temperature(&weir, start + nth, value);
    }
    // Three readings of one message are one call.
    let at = |nth: i64, value: f64| json!({"sensorId": "temperature", "value": value, "timestamp": start + nth});
    send(
        &weir,
        start,
        json!([at(10, 70.0), at(11, 81.0), at(12, 91.0)]),
    );

    let check = |weir: &Weir| {
        let counted = usage(weir);
        let (own, traps) = (function(&counted, "own"), function(&counted, "traps"));
        assert_eq!(own["kind"], "wasm");
        assert_eq!(
            (&own["invocations"], &own["errors"]),
            (&json!(4), &json!(0))
        );
        let verdicts = |critical: u32, warning: u32| json!({"critical": critical, "warning": warning, "none": null});
        assert_eq!(own["verdicts"], verdicts(2, 2));
        assert_eq!(own["lambda"]["requests"], 4);
        assert_eq!(own["memory"]["series"], 1);
        assert!(own["memory"]["bytes"].as_u64() >= Some(16), "{own}");
        // The call of 95, and that of the three readings with 91 among them.
        assert_eq!(
            (&traps["invocations"], &traps["errors"]),
            (&json!(4), &json!(2))
        );
        assert_eq!(traps["verdicts"], verdicts(0, 1));
        counted
    };
    let counted = check(&weir);
    let time = &function(&counted, "own")["time"];
    assert!(time["samples"].as_u64() >= Some(1), "{time}");
    assert!(time["p50Ns"].as_f64() > Some(0.0), "{time}");
    let metrics = weir.http().get("/metrics").expect(200).text();
    let line = r#"weir_function_invocations_total{function="own",kind="wasm"} 4"#;
    assert!(metrics.lines().any(|found| found == line), "{metrics}");
    weir.kill9();
    weir.restart();
    weir.wait_received(6);
    check(&weir);
}
