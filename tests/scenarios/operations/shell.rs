//! What operations do from the shell: see, acknowledge and silence alarms,
//! watch what comes, read and change shadows.

use std::process::Command;

use serde_json::{Value, json};
use weir_tests::{DEADLINE, Process, Subscriber, Weir, WeirSpec, now_ms, wait_until, weir_binary};

/// Runs a command that must succeed and print JSON.
#[track_caller]
fn run(weir: &Weir, args: &[&str]) -> Value {
    let output = weir.command(args);
    assert!(output.status.success(), "{args:?}: {output:?}");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

fn send(weir: &Weir, device: &str, time: i64, value: f64) {
    let event = json!({"timestamp": time, "data": [{"sensorId": "pressure", "value": value,
        "warningThreshold": 5.0, "criticalThreshold": 9.0}]});
    weir.ingest_and_wait(device, event.to_string());
}

#[test]
fn an_alarm_is_listed_acknowledged_and_shelved() {
    let weir = Weir::start(WeirSpec::embedded());
    let operations = Subscriber::new(weir.mqtt(), &["alerts/#"]);
    let start = now_ms() - 60_000;
    send(&weir, "valve", start, 6.0);
    operations.wait_json("alerts/warning/valve", 1);

    let listed = || run(&weir, &["alarms", "list", "--json", "--device", "valve"]);
    wait_until("the alarm is listed", DEADLINE, || listed()[0].is_object());
    let alarm = listed()[0].clone();
    assert_eq!(
        (&alarm["severity"], &alarm["state"]),
        (&json!("WARNING"), &json!("raised"))
    );
    let id = alarm["alarmId"].as_str().expect("it has an id").to_owned();

    run(
        &weir,
        &["alarms", "ack", &id, "--by", "ann", "--note", "on my way"],
    );
    assert_eq!(listed()[0]["acknowledged"]["by"], "ann");
    assert_eq!(listed()[0]["acknowledged"]["note"], "on my way");
    let shown = weir.command(&["alarms", "show", &id]);
    let shown = String::from_utf8(shown.stdout).expect("it is text");
    let reason = alarm["reason"].as_str().expect("it has a reason");
    assert!(shown.starts_with("WARNING valve "), "{shown}");
    for part in [reason, &id, "raised, acknowledged", " by ann: on my way"] {
        assert!(shown.contains(part), "{part}: {shown}");
    }

    // It escalates: it needs another acknowledgement.
    send(&weir, "valve", start + 1_000, 9.5);
    let escalated = &operations.wait_json("alerts/critical/valve", 1)[0];
    assert_eq!(
        (&escalated["state"], &escalated["alarmId"]),
        (&json!("escalated"), &json!(id))
    );
    wait_until("the acknowledgement is taken back", DEADLINE, || {
        listed()[0].get("acknowledged").is_none()
    });

    // Shelved: the clear of what was notified is sent, a new raise is not.
    run(&weir, &["alarms", "shelve", &id, "--duration", "1h"]);
    assert!(listed()[0]["shelvedUntil"].is_i64(), "{}", listed());
    send(&weir, "valve", start + 2_000, 1.0);
    let cleared = &operations.wait_json("alerts/critical/valve", 2)[1];
    assert_eq!(
        (&cleared["state"], &cleared["alarmId"]),
        (&json!("cleared"), &json!(id))
    );
    send(&weir, "valve", start + 3_000, 6.0);
    wait_until("the alarm is raised again", DEADLINE, || {
        listed()[0]["state"] == "raised"
    });
    send(&weir, "other", start + 4_000, 6.0);
    operations.wait_json("alerts/warning/other", 1);
    assert_eq!(
        operations.json_on("alerts/warning/valve").len(),
        1,
        "the shelved one was notified"
    );

    let unknown = weir.command(&["alarms", "ack", "no-such-alarm"]);
    assert_eq!(unknown.status.code(), Some(1), "{unknown:?}");
}

#[test]
fn a_shadow_is_changed_and_read() {
    let weir = Weir::start(WeirSpec::embedded());
    let document = r#"{"state":{"desired":{"led":"on"}}}"#;
    assert_eq!(
        run(&weir, &["shadow", "update", "lamp", document])["version"],
        1
    );
    let shadow = run(&weir, &["shadow", "get", "lamp"]);
    assert_eq!(shadow["state"]["desired"], json!({"led": "on"}));
    run(
        &weir,
        &["shadow", "update", "lamp", document, "--name", "config"],
    );
    assert_eq!(
        run(&weir, &["shadow", "get", "lamp", "--name", "config"])["version"],
        1
    );
    let unknown = weir.command(&["shadow", "get", "nobody"]);
    assert_eq!(unknown.status.code(), Some(1), "{unknown:?}");
    let stderr = String::from_utf8_lossy(&unknown.stderr);
    assert!(stderr.contains("No shadow exists"), "{stderr}");
}

#[test]
fn shadows_are_listed_compared_watched_and_deleted() {
    let weir = Weir::start(WeirSpec::embedded());
    let lines = |args: &[&str]| {
        let output = weir.command(args);
        assert!(output.status.success(), "{args:?}: {output:?}");
        String::from_utf8(output.stdout).expect("lines are UTF-8")
    };
    let document =
        r#"{"state":{"desired":{"led":"on","level":{"min":3}},"reported":{"led":"off"}}}"#;
    run(&weir, &["shadow", "update", "lamp", document]);
    for name in ["b", "a"] {
        run(
            &weir,
            &["shadow", "update", "lamp", document, "--name", name],
        );
    }
    assert_eq!(lines(&["shadow", "list", "lamp"]), "a\nb\n");
    assert_eq!(lines(&["shadow", "list", "nobody"]), "");
    assert_eq!(
        lines(&["shadow", "get", "lamp", "--diff"]),
        "led: reported \"off\", desired \"on\"\nlevel.min: not reported, desired 3\n"
    );

    let folder = tempfile::tempdir().expect("the temporary folder is writable");
    let mut command = Command::new(weir_binary());
    command
        .args(["shadow", "watch", "lamp", "--interval", "20ms", "--url"])
        .arg(format!("http://{}", weir.http_address().get()));
    let watch = Process::start(&mut command, &folder.path().join("watch"));
    let shows = |text: &str| {
        wait_until(&format!("the watch shows {text}"), DEADLINE, || {
            watch.output().contains(text)
        });
    };
    shows("version 1\n  led: reported \"off\", desired \"on\"\n  level.min: not reported");
    let done = r#"{"state":{"reported":{"led":"on","level":{"min":3}}}}"#;
    run(&weir, &["shadow", "update", "lamp", done]);
    shows("version 2\n  reported.led: \"off\" -> \"on\"");
    shows("  reported.level: added {\"min\":3}\n  reported is as desired\n");

    assert_eq!(run(&weir, &["shadow", "delete", "lamp"])["version"], 2);
    shows("deleted");
    let gone = weir.command(&["shadow", "delete", "lamp"]);
    assert_eq!(gone.status.code(), Some(1), "{gone:?}");
    assert_eq!(lines(&["shadow", "list", "lamp"]), "a\nb\n");
}

#[test]
fn a_tap_shows_readings_and_alerts_as_they_come() {
    let weir = Weir::start(WeirSpec::embedded());
    let folder = tempfile::tempdir().expect("the temporary folder is writable");
    let mut command = Command::new(weir_binary());
    let url = format!("http://{}", weir.http_address().get());
    command.args(["tap", "--device", "valve", "--json", "--url", &url]);
    let tap = Process::start(&mut command, &folder.path().join("tap"));
    let mut time = now_ms() - 600_000;
    // Nothing says when the tap is connected: readings go on until it shows one.
    wait_until("the tap shows an alert", DEADLINE, || {
        time += 1_000;
        send(
            &weir,
            "valve",
            time,
            if time / 1_000 % 2 == 0 { 1.0 } else { 9.5 },
        );
        tap.output()
            .lines()
            .any(|line| line.contains("\"event\":\"alert\""))
    });
    let events: Vec<Value> = tap
        .output()
        .lines()
        .map(|line| serde_json::from_str(line).expect("each line is JSON"))
        .collect();
    let alert = events
        .iter()
        .find(|event| event["event"] == "alert")
        .expect("it was there");
    assert_eq!(alert["data"]["deviceId"], "valve");
    assert!(
        events.iter().any(|event| event["event"] == "reading"),
        "{events:#?}"
    );
}
