//! Data folders of every version so far, as they lay on disk when it was
//! killed: `tests/golden/<version>.tar.gz`, and beside each, in
//! `<version>.json`, what that version said it held.
//!
//! `cargo run -p weir-tests --bin golden` makes the ones of this version, once,
//! before its formats are released; they never change after that.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::{DEADLINE, Weir, WeirSpec, program, wait_until};

/// 2026-09-21T14:13:20Z, in milliseconds.
const START: i64 = 1_790_000_000_000;

/// Where the golden folders are.
pub fn golden_dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("golden")
}

/// Keeps what it is given for ever, and checkpoints as often.
pub fn golden_spec(flush_interval: &str) -> WeirSpec {
    WeirSpec::embedded().with(&format!(
        "[store.embedded]\nretention = \"36500d\"\nflush_interval = \"{flush_interval}\"\n\n\
         [shadows]\ninterval = \"20ms\"\n"
    ))
}

/// Fills a Weir with something of everything, part of it checkpointed and part
/// only in the journal, and kills it. Returns what it said it held.
pub fn make_golden(weir: &mut Weir) -> Value {
    for n in 0..40 {
        let time = START + n * 1_000;
        event(weir, "boiler", time, 60.0 + n as f64);
        event(weir, "press", time, if n == 5 { 99.5 } else { 20.25 });
    }
    let text = json!({"deviceId": "door", "timestamp": START, "data": [
        {"sensorId": "state", "value": "open", "location": "hall-2"},
        {"sensorId": "locked", "value": false, "unit": "1"}]});
    ingest(weir, "door", &text.to_string());
    ingest(weir, "door", "{\"deviceId\":");
    let desired = json!({"state": {"desired": {"setpoint": 60}}}).to_string();
    weir.http()
        .post("/things/boiler/shadow", desired)
        .expect(200);
    weir.wait_received(83);
    wait_until("a checkpoint has files", DEADLINE, || {
        weir.metric("weir_store_files") > 0.0
    });
    // The second part stays in the journal.
    weir.kill9();
    weir.restart_with(golden_spec("1d"));
    for n in 40..60 {
        event(weir, "boiler", START + n * 1_000, 60.0 + n as f64);
    }
    ingest(weir, "boiler", "not JSON");
    weir.wait_received(104);
    wait_until("the shadow reports the last reading", DEADLINE, || {
        let shadow = weir.http().get("/things/boiler/shadow").json();
        shadow["state"]["reported"]["lastUpdate"] == START + 59_000
    });
    let held = golden_held(weir);
    weir.kill9();
    held
}

fn event(weir: &Weir, device: &str, time: i64, value: f64) {
    let event = json!({"deviceId": device, "timestamp": time, "data": [
        {"sensorId": "temperature", "value": value, "unit": "Cel", "location": "hall-1",
         "warningThreshold": 80.0, "criticalThreshold": 90.0}]});
    ingest(weir, device, &event.to_string());
}

fn ingest(weir: &Weir, device: &str, payload: &str) {
    weir.ingest_and_wait(device, payload);
}

/// Everything that a Weir says it holds and that does not depend on the time of
/// the question.
pub fn golden_held(weir: &Weir) -> Value {
    let readings = weir.wait_received(104).readings;
    weir.wait_count("SELECT count(*) FROM quarantine", 2);
    json!({
        "readings": weir.sql("SELECT * FROM readings ORDER BY device, sensor, time"),
        "alerts": weir.sql("SELECT id, alarm_id, severity, state, device, sensor, function, value, threshold, \
            unit, location, time, reason FROM alerts ORDER BY id"),
        "alarms": weir.sql("SELECT alarm_id, severity, state, device, sensor, function, value, \
            threshold, raised_at, cleared_at, reason FROM alarms ORDER BY alarm_id"),
        "quarantine": weir.sql("SELECT reason, topic, payload, reading FROM quarantine \
            ORDER BY payload"),
        "state": weir.http().get("/things/boiler/shadow").expect(200).json()["state"],
        "stored": readings.stored,
        "quarantined": readings.quarantined,
    })
}

/// Packs the data folder into `archive`.
pub fn pack_golden(data: &Path, archive: &Path) {
    tar(&["-czf"], archive, data);
}

/// Unpacks `archive` into the data folder.
pub fn unpack_golden(archive: &Path, data: &Path) {
    tar(&["-xzf"], archive, data);
}

#[track_caller]
fn tar(what: &[&str], archive: &Path, data: &Path) {
    let mut command = Command::new(program("tar"));
    command.args(what).arg(archive).arg("-C").arg(data);
    if what == ["-czf"] {
        command.args(["--owner=0", "--group=0", "--exclude=./lock", "."]);
    }
    let status = command
        .stdin(Stdio::null())
        .status()
        .expect("it can be run");
    assert!(status.success(), "{command:?}: {status}");
}
