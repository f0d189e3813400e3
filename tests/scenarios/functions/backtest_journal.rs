//! `weir backtest --journal`: the messages that a Weir took, through the routes,
//! codecs and functions of a configuration. Alarms are those that were raised
//! live, ids included, and the data folder stays as it is.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use weir_tests::{Weir, WeirSpec, now_ms, run_weir};

use super::LIMIT;

/// Routes and functions: decoded by two codecs, judged by kinds that remember,
/// by one that hears silence, and by a module.
fn sections(module: &Path) -> String {
    format!(
        r#"
[[route]]
topic = "plant/{{device}}/telemetry"
codec = "json"

[[route]]
topic = "lines/#"
codec = "line-protocol"

[[function]]
name = "hot"
kind = "threshold"
sensor = "temperature"
warning_high = 80.0
critical_high = 90.0

[[function]]
name = "odd"
kind = "ewma"
sensor = "pressure"
half_life = "1m"
warmup = 10

[[function]]
name = "silent"
kind = "absence"
device = "pump-2"
after = "3s"

[[function]]
name = "possible"
kind = "range"
sensor = "temperature"
max = 150.0
quality = "bad"

[[function]]
name = "own"
kind = "wasm"
device = "mill-7"
module = "{}"
params = [3.0, 6.0]
reasons = ["much", "too much"]
"#,
        module.display()
    )
}

struct Plant {
    weir: Weir,
    /// Of the next message.
    time: i64,
    sent: u64,
}

impl Plant {
    #[track_caller]
    fn send(&mut self, topic: &str, payload: &str) {
        self.sent += 1;
        let path = format!("/api/v1/ingest/{topic}?wait=processed");
        self.weir.http().post(&path, payload).expect(200);
    }

    #[track_caller]
    fn event(&mut self, device: &str, readings: Value) {
        self.time += 1_000;
        let mut event = readings;
        event["timestamp"] = json!(self.time);
        self.send(&format!("plant/{device}/telemetry"), &event.to_string());
    }

    /// Something for each function, by both codecs; and what is refused.
    fn day(&mut self) {
        self.event("pump-2", json!({"flow": 1}));
        for at in 0..40 {
            let odd = if at == 30 { 500.0 } else { f64::from(at % 5) };
            self.event(
                "pump-1",
                json!({"pressure": odd, "temperature": 20 + at * 2}),
            );
            let ns = self.time * 1_000_000;
            let load = at % 9;
            self.send("lines/a", &format!("mill,device=mill-7 load={load} {ns}"));
        }
        self.event("pump-1", json!({"temperature": 300}));
        self.event("pump-1", json!({"temperature": 20}));
        self.send("plant/pump-1/telemetry", "{\"temperature\": ");
        // Nothing at all for longer than pump-2 may be silent: ticks advance the time.
        let silent = "SELECT count(*) FROM alerts WHERE function = 'silent'";
        self.weir.wait_count(silent, 1);
        self.event("pump-2", json!({"flow": 2}));
        self.weir.wait_count(silent, 2);
    }

    /// The transitions that the running Weir knows of.
    fn alerts(&self) -> Vec<[String; 4]> {
        let sql = "SELECT id, state, function, reason FROM alerts";
        sorted(&self.weir.sql(sql))
    }
}

fn sorted(alerts: &[Value]) -> Vec<[String; 4]> {
    let text = |alert: &Value, name: &str| alert[name].as_str().unwrap_or("?").to_owned();
    let four = |alert: &Value| ["id", "state", "function", "reason"].map(|name| text(alert, name));
    let mut alerts: Vec<_> = alerts.iter().map(four).collect();
    alerts.sort();
    alerts
}

/// Every file below a folder, with what it holds.
fn contents(folder: &Path, into: &mut BTreeMap<PathBuf, Vec<u8>>) {
    for entry in fs::read_dir(folder).expect("the folder is there") {
        let path = entry.expect("it can be read").path();
        if path.is_dir() {
            contents(&path, into);
        } else {
            into.insert(path.clone(), fs::read(&path).expect("it can be read"));
        }
    }
}

#[track_caller]
fn backtest(config: &Path, data: &Path, more: &[&str]) -> (Value, String) {
    let (config, data) = (config.display().to_string(), data.display().to_string());
    let base = [
        "backtest",
        "--journal",
        "--config",
        &config,
        "--data-dir",
        &data,
    ];
    let document = run_weir(&[&base[..], &["--json"], more].concat(), &[]);
    let text = String::from_utf8_lossy(&document.stderr).into_owned();
    assert!(document.status.success(), "{text}");
    let document = serde_json::from_slice(&document.stdout).expect("it is JSON");
    let lines = run_weir(&[&base[..], more].concat(), &[]);
    (
        document,
        String::from_utf8_lossy(&lines.stderr).into_owned(),
    )
}

#[test]
fn a_journal_raises_what_was_raised_live_and_stays_as_it_is() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let module = folder.path().join("own.wat");
    fs::write(&module, LIMIT).expect("the temporary folder is writable");
    let sections = sections(&module);
    let config = folder.path().join("same.toml");
    fs::write(&config, &sections).expect("the temporary folder is writable");

    let mut plant = Plant {
        weir: Weir::start(WeirSpec::embedded().with(&sections)),
        time: now_ms() - 3_600_000,
        sent: 0,
    };
    plant.day();
    let live = plant.alerts();
    for function in ["hot", "odd", "silent", "own"] {
        let of = live.iter().filter(|[_, _, name, _]| name == function);
        assert!(of.count() >= 2, "{function}: {live:#?}");
    }
    let data = plant.weir.data_dir();

    // Beside the running one, and after it has stopped.
    let (beside, _) = backtest(&config, &data, &[]);
    let alerts = |document: &Value| sorted(document["alerts"].as_array().expect("a list"));
    assert_eq!(alerts(&beside), live);
    let flow = plant.weir.flow();
    plant.weir.sigterm();
    let mut before = BTreeMap::new();
    contents(&data, &mut before);
    let scores = folder.path().join("scores.csv");
    let written = ["--scores", scores.to_str().expect("UTF-8")];
    let (document, text) = backtest(&config, &data, &written);
    let mut after = BTreeMap::new();
    contents(&data, &mut after);
    assert!(before == after, "the data folder has changed");

    assert_eq!(alerts(&document), live);
    assert_eq!(document["readings"], flow.readings.received);
    assert_eq!(
        document["quarantined"],
        json!({"out_of_range": 1, "invalid_json": 1})
    );
    let journal = &document["journal"];
    assert_eq!(journal["messages"], plant.sent);
    assert_eq!(journal["whole"], true);
    assert!(
        journal["from"].as_str() < journal["to"].as_str(),
        "{journal}"
    );
    let expect = format!("the journal holds {} messages, received from ", plant.sent);
    assert!(
        text.contains(&expect) && text.contains("; all messages ever received"),
        "{text}"
    );
    check_scores(&fs::read_to_string(&scores).expect("it was written"));

    // What was received later than now is nothing.
    let (none, _) = backtest(&config, &data, &["--from", "2200-01-01T00:00:00Z"]);
    assert_eq!((&none["readings"], &none["raised"]), (&json!(0), &json!(0)));
    assert_eq!(none["journal"]["messages"], plant.sent);

    // Against a configuration without one of the functions.
    let other = folder.path().join("other.toml");
    fs::write(&other, sections.replace("mill-7", "none")).expect("writable");
    let against = ["--against", other.to_str().expect("UTF-8")];
    let (compared, _) = backtest(&config, &data, &against);
    let only = compared["onlyNew"].as_array().expect("a list");
    assert!(!only.is_empty(), "{compared}");
    assert!(
        only.iter()
            .all(|alarm| alarm["raised"]["function"] == "own")
    );
    assert_eq!(compared["onlyOld"], json!([]));
}

/// A line for each reading that a scoring function looks at, in order.
#[track_caller]
fn check_scores(csv: &str) {
    let mut lines = csv.lines();
    assert_eq!(
        lines.next(),
        Some("time,device,sensor,value,function,score")
    );
    let lines: Vec<Vec<&str>> = lines.map(|line| line.split(',').collect()).collect();
    let of = |function: &str| -> Vec<&Vec<&str>> {
        lines.iter().filter(|line| line[4] == function).collect()
    };
    let (odd, own) = (of("odd"), of("own"));
    assert_eq!((odd.len(), own.len()), (40, 40), "{csv}");
    let score = |line: &[&str]| line[5].parse::<f64>().expect("a score is a number");
    assert_eq!((odd[30][1], odd[30][2]), ("pump-1", "pressure"));
    assert!(score(odd[30]) > 10.0 * score(odd[29]), "{:?}", odd[30]);
    // The module's score is the distance from the limit that was crossed, or the first.
    let last: Vec<f64> = own.iter().map(|line| score(line)).collect();
    assert_eq!(last[..9], [-3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0, 1.0, 2.0]);
}

#[test]
fn what_was_truncated_is_reported_and_a_folder_without_a_journal_too() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let config = folder.path().join("new.toml");
    let hot = "[[function]]\nname = \"hot\"\nkind = \"threshold\"\nwarning_high = 10.0\n";
    fs::write(&config, hot).expect("the temporary folder is writable");
    let mut weir = Weir::start(WeirSpec::embedded());
    weir.ingest_and_wait("pump-1", r#"{"t": 20}"#);
    weir.sigterm();
    // Every start begins another file; the one before goes once all have passed it.
    weir.restart();
    weir.ingest_and_wait("pump-1", r#"{"t": 5}"#);
    weir.sigterm();
    let (document, text) = backtest(&config, &weir.data_dir(), &[]);
    assert_eq!(document["journal"]["messages"], 1, "{document}");
    assert_eq!(document["journal"]["whole"], false);
    assert!(text.contains("earlier messages were truncated"), "{text}");

    let empty = folder.path().join("nothing");
    let output = run_weir(
        &[
            "backtest",
            "--journal",
            "--config",
            config.to_str().expect("UTF-8"),
            "--data-dir",
            empty.to_str().expect("UTF-8"),
        ],
        &[],
    );
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(text.contains("holds no journal"), "{text}");
    assert!(!empty.exists());
}
