//! The reference event through one Weir, through `weir lambda invoke`, and through
//! `bootstrap`: the same answer, lines, alerts and shadow.

use std::fs;

use serde_json::{Value, json};
use weir_tests::{
    Answer, Bootstrap, DEADLINE, Hook, InfluxPeer, Weir, WeirSpec, run_weir, wait_until,
};

use super::aws::Moto;

const EVENT: &str = r#"{"deviceId":"pump-1","location":"hall-2","data":[
    {"sensorId":"temperature","value":85.5,"unit":"°C","timestamp":1790000000000,
     "warningThreshold":70,"criticalThreshold":80},
    {"sensorId":"pressure","value":6.2,"timestamp":1790000000000,
     "warningThreshold":5,"criticalThreshold":8},
    {"sensorId":"flow","value":12.0,"timestamp":1790000000001}]}"#;

/// What became of the event somewhere.
#[derive(Debug, PartialEq)]
struct Effects {
    answer: Value,
    /// Sorted.
    lines: Vec<String>,
    /// By sensor, without the time of receipt.
    alerts: Vec<Value>,
    reported: Value,
}

fn sorted(mut lines: Vec<String>) -> Vec<String> {
    lines.sort();
    lines
}

fn comparable(alerts: Vec<Value>) -> Vec<Value> {
    let mut alerts = alerts;
    for alert in &mut alerts {
        let object = alert.as_object_mut().expect("an object");
        assert!(object.remove("recordedAt").is_some());
    }
    alerts.sort_by_key(|alert| alert["sensor"].to_string());
    alerts
}

fn written(peer: &InfluxPeer) -> Vec<String> {
    let writes = peer.writes();
    let lines = writes.iter().flat_map(|write| write.body.lines());
    sorted(lines.map(str::to_owned).collect())
}

fn through_weir() -> Effects {
    let peer = InfluxPeer::start(|_, _| Answer::Take);
    let hook = Hook::start();
    let sink = format!(
        "[store.influxdb]\nurl = \"{}\"\nbatch_interval = \"10ms\"\n",
        peer.url()
    );
    let weir = Weir::start(WeirSpec::embedded().with(&sink).with(&hook.channel("hook")));
    let answer = weir
        .ingest("pump-1", "?wait=processed", EVENT)
        .expect(200)
        .json();
    wait_until("the lines are written", DEADLINE, || {
        written(&peer).len() >= 3
    });
    let alerts = hook.wait_taken(2).into_iter().flat_map(|one| {
        let mut entries = one.json()["data"]["alerts"].take();
        let entries = entries.as_array_mut().map(std::mem::take);
        entries.expect("a list")
    });
    // What the channel adds.
    let alerts = alerts.map(|mut alert| {
        let object = alert.as_object_mut().expect("an object");
        object.retain(|name, _| name != "priority" && name != "links");
        alert
    });
    let alerts = comparable(alerts.collect());
    let mut reported = Value::Null;
    wait_until("the shadow is reported", DEADLINE, || {
        let answer = weir.http().get("/things/pump-1/shadow");
        reported = answer.json()["state"]["reported"].clone();
        reported["readings"]["flow"].is_object()
    });
    Effects {
        answer,
        lines: written(&peer),
        alerts,
        reported,
    }
}

fn through_command() -> Effects {
    let folder = tempfile::tempdir().expect("the temporary folder is writable");
    let file = folder.path().join("event.json");
    fs::write(&file, EVENT).expect("the folder is writable");
    let path = file.to_str().expect("the path is text");
    let output = run_weir(&["lambda", "invoke", "--json", path], &[]);
    assert!(output.status.success(), "{output:?}");
    let shown: Value = serde_json::from_slice(&output.stdout).expect("it prints JSON");
    let lines = shown["rows"].as_array().expect("a list").iter();
    let body = shown["answer"]["body"].as_str().expect("a text");
    Effects {
        answer: serde_json::from_str(body).expect("JSON"),
        lines: sorted(
            lines
                .map(|line| line.as_str().expect("a text").to_owned())
                .collect(),
        ),
        alerts: comparable(shown["alerts"].as_array().expect("a list").clone()),
        reported: shown["shadows"][0]["update"]["state"]["reported"].clone(),
    }
}

fn through_bootstrap(state: &str) -> Effects {
    let moto = Moto::start();
    let peer = InfluxPeer::start(|_, _| Answer::Take);
    let mut function = Bootstrap::start(
        &format!(
            "[aws]\nendpoint = \"{}\"\nalerts_topic = \"arn:aws:sns:eu-central-1:123456789012:alarms\"\n\
             {state}\n[store.influxdb]\nurl = \"{}\"\n",
            moto.url,
            peer.url()
        ),
        &[],
    );
    let event: Value = serde_json::from_str(EVENT).expect("JSON");
    let answer = function.invoke(&event).expect("it works");
    let held = moto.read();
    let alerts = held["alerts"].as_array().expect("a list").iter();
    let body = answer["body"].as_str().expect("a text");
    Effects {
        answer: serde_json::from_str(body).expect("JSON"),
        lines: written(&peer),
        alerts: comparable(alerts.map(|one| one["alert"].clone()).collect()),
        reported: held["shadow"]["state"]["reported"].clone(),
    }
}

#[test]
#[ignore = "needs python3 with moto and boto3"]
fn the_reference_event_has_the_same_effects_everywhere() {
    let command = through_command();
    assert_eq!(
        command.answer,
        json!({"processed": 3, "alerts": 2, "timestamp": 1_790_000_000_001_i64})
    );
    assert_eq!(through_bootstrap(""), command);
    assert_eq!(
        through_bootstrap("state = \"dynamodb\"\ntable = \"devices\""),
        command
    );
    assert_eq!(through_weir(), command);
}

#[test]
fn every_envelope_that_is_printed_can_be_invoked() {
    let folder = tempfile::tempdir().expect("the temporary folder is writable");
    for source in ["sqs", "sqs-fifo", "kinesis", "iot", "http", "tick"] {
        let events = run_weir(&["lambda", "events", source], &[]);
        assert!(events.status.success(), "{events:?}");
        let file = folder.path().join(format!("{source}.json"));
        fs::write(&file, &events.stdout).expect("the folder is writable");
        let path = file.to_str().expect("the path is text");
        let output = run_weir(&["lambda", "invoke", "--json", path], &[]);
        let shown: Value = serde_json::from_slice(&output.stdout).expect("it prints JSON");
        let expect = if source == "tick" { 0 } else { 3 };
        assert_eq!(
            shown["rows"].as_array().map(Vec::len),
            Some(expect),
            "{source}: {shown}"
        );
    }
    let file = folder.path().join("unknown.json");
    fs::write(&file, "{\"a\": 1}").expect("the folder is writable");
    let output = run_weir(&["lambda", "invoke", file.to_str().expect("text")], &[]);
    assert!(!output.status.success());
    let shown = String::from_utf8_lossy(&output.stdout);
    assert!(shown.contains("it has the members: a"), "{shown}");
}

#[test]
fn a_configuration_is_checked_for_lambda() {
    let folder = tempfile::tempdir().expect("the temporary folder is writable");
    let file = folder.path().join("weir.toml");
    let check = |text: &str| {
        fs::write(&file, text).expect("the folder is writable");
        let path = file.to_str().expect("the path is text");
        let output = run_weir(&["check", "--for", "lambda", path], &[]);
        (
            output.status.code(),
            String::from_utf8_lossy(&output.stderr).into_owned(),
        )
    };
    let (code, told) = check("[journal]\nmax_size = \"10GiB\"\n");
    assert_eq!(code, Some(0), "{told}");
    assert!(told.contains("ignored on Lambda: journal"), "{told}");
    let (code, told) =
        check("[http]\n[[function]]\nname = \"level\"\nkind = \"ewma\"\nhalf_life = \"1m\"\n");
    assert_eq!(code, Some(78), "{told}");
    assert!(
        told.contains("weir.toml:2: function.level: kind \"ewma\""),
        "{told}"
    );
}
