//! `weir export` and `weir import`: what leaves one Weir comes into another the
//! same, in every format; a stopped import goes on.

use std::fs;
use std::process::Output;
use std::time::UNIX_EPOCH;

use serde_json::{Value, json};
use weir_tests::{Weir, WeirSpec};

#[track_caller]
fn run(weir: &Weir, args: &[&str]) -> Value {
    let output = weir.command(args);
    assert!(output.status.success(), "{args:?}: {}", stderr(&output));
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

const ALL: &str =
    "SELECT device, sensor, time, value, text, unit, location FROM readings ORDER BY 1, 2, 3";

#[test]
fn what_is_exported_can_be_imported_in_every_format() {
    let source = Weir::start(WeirSpec::embedded());
    for n in 0..200 {
        let event = json!({"deviceId": format!("p{}", n % 3), "timestamp": 1_795_219_200_000_i64 + n, "data": [
            {"sensorId": "flow, in", "value": n as f64 / 8.0, "unit": "l/s", "location": "hall 2"},
            {"sensorId": "state", "value": format!("said \"{n}\"")}]});
        let device = format!("p{}", n % 3);
        source.ingest(&device, "", event.to_string()).expect(202);
    }
    source.wait_received(400);
    let all = source.sql(ALL);
    let folder = tempfile::tempdir().expect("the temporary folder is writable");
    for format in ["csv", "jsonl", "parquet"] {
        let file = folder.path().join(format!("all.{format}"));
        let file = file.to_str().expect("UTF-8");
        let exported = run(&source, &["export", file, "--json"]);
        assert_eq!(exported, json!({"rows": 400}), "{format}");
        let again = source.command(&["export", file]);
        assert!(!again.status.success() && stderr(&again).contains("--force"));

        let target = Weir::start(WeirSpec::embedded());
        let imported = run(&target, &["import", file, "--json"]);
        assert_eq!(
            imported,
            json!({"sent": 400, "refused": 0, "skipped": 0}),
            "{format}"
        );
        target.wait_received(400);
        assert_eq!(target.sql(ALL), all, "{format}");
        // Doing it again changes nothing.
        run(&target, &["import", file, "--json"]);
        target.wait_received(400);
        assert_eq!(target.sql(ALL), all, "{format}");
    }
    let file = folder.path().join("one.csv");
    let file = file.to_str().expect("UTF-8");
    let one = [
        "export",
        file,
        "--device",
        "p1",
        "--sensor",
        "state",
        "--to",
        "2026-11-21T00:00:00.100Z",
        "--json",
    ];
    assert_eq!(run(&source, &one), json!({"rows": 33}));
}

/// What a format could lose: empty texts, texts that look like something else, line
/// breaks, names with the signs of each format, and the ends of doubles.
#[test]
fn whatever_can_be_stored_comes_back_in_every_format() {
    let texts = [
        "",
        " ",
        "=1+1",
        "-5",
        "'@x",
        "''=",
        "1.5",
        "true",
        "null",
        "a,b;c\td",
        "a\nb\r\nc\r",
        "\"q\"\\",
        "ü✓",
        "{\"a\": 1}",
    ];
    let numbers = [
        0.0,
        -0.0,
        0.1 + 0.2,
        5e-324,
        f64::MIN_POSITIVE,
        f64::MAX,
        f64::MIN,
        9_007_199_254_740_991.0,
        9_223_372_036_854_775_808.0,
        -9_223_372_036_854_775_808.0,
        1e21,
        -1e-7,
    ];
    let names = [
        "a", "=s", "+1", "x, y=z", "back\\", "a\\ b", "a\\,b", "ü", "\"q\"", "'", "'-",
    ];
    let source = Weir::start(WeirSpec::embedded());
    let mut time = 1_795_219_200_000_i64;
    let mut count = 0;
    let mut send = |sensor: &str, value: Value, unit: &str, location: &str| {
        time += 1;
        count += 1;
        let event = json!({"deviceId": "p1", "timestamp": time, "data": [
            {"sensorId": sensor, "value": value, "unit": unit, "location": location}]});
        source.ingest("p1", "", event.to_string()).expect(202);
    };
    for text in texts {
        send("text", json!(text), "", "");
    }
    for number in numbers {
        send("number", json!(number), "Cel", "hall 2");
    }
    for name in names {
        send(name, json!(1.5), name, name);
        send(&format!("text {name}"), json!("x"), name, "");
    }
    source.wait_received(count);
    let all = source.sql(ALL);
    assert_eq!(all.len() as u64, count);
    let folder = tempfile::tempdir().expect("the temporary folder is writable");
    for format in ["csv", "jsonl", "parquet"] {
        let file = folder.path().join(format!("all.{format}"));
        let file = file.to_str().expect("UTF-8");
        run(&source, &["export", file, "--json"]);
        let target = Weir::start(WeirSpec::embedded());
        let imported = run(&target, &["import", file, "--json"]);
        assert_eq!(
            imported,
            json!({"sent": count, "refused": 0, "skipped": 0}),
            "{format}"
        );
        target.wait_received(count);
        assert_eq!(target.sql(ALL), all, "{format}");
    }
}

#[test]
fn csv_as_people_have_it_is_imported() {
    let weir = Weir::start(WeirSpec::embedded());
    let folder = tempfile::tempdir().expect("the temporary folder is writable");
    let file = folder.path().join("kessel.csv");
    let text = "Zeit;Temperatur (°C);Zustand\r\n\
        24.10.2026 18:30;21,5;an\r\n\
        25.10.2026 02:30;1.013,25;\r\n\
        29.03.2026 02:30;1;\r\n";
    fs::write(&file, text).expect("it is writable");
    let path = file.to_str().expect("UTF-8");
    let without_zone = weir.command(&["import", path, "--device", "kessel-2"]);
    assert!(!without_zone.status.success());
    assert!(
        stderr(&without_zone).contains("--timezone"),
        "{}",
        stderr(&without_zone)
    );
    let zone = [
        "--device",
        "kessel-2",
        "--timezone",
        "Europe/Berlin",
        "--json",
    ];
    let output = weir.command(&[&["import", path][..], &zone].concat());
    let summary: Value = serde_json::from_slice(&output.stdout).expect("it is JSON");
    assert_eq!(
        (&summary["sent"], &summary["refused"]),
        (&json!(3), &json!(1))
    );
    assert_eq!(summary["shown_twice"], 1);
    let skipped = summary["refused_rows"][0].as_str().expect("a sentence");
    assert!(
        skipped.contains("line 4") && skipped.contains("does not exist"),
        "{skipped}"
    );
    weir.wait_count("SELECT count(*) FROM readings", 3);
    assert_eq!(
        Value::from(
            weir.sql("SELECT time, sensor, value, text, unit FROM readings ORDER BY time, sensor")
        ),
        json!([
            {"time": "2026-10-24T16:30:00.000000000Z", "sensor": "Temperatur", "value": 21.5, "text": null, "unit": "Cel"},
            {"time": "2026-10-24T16:30:00.000000000Z", "sensor": "Zustand", "value": null, "text": "an", "unit": null},
            {"time": "2026-10-25T00:30:00.000000000Z", "sensor": "Temperatur", "value": 1013.25, "text": null, "unit": "Cel"},
        ])
    );
}

#[test]
fn a_stopped_import_continues_and_bad_rows_are_reported() {
    let weir = Weir::start(WeirSpec::embedded());
    let folder = tempfile::tempdir().expect("the temporary folder is writable");
    let file = folder.path().join("lines.lp");
    let line = |n: usize| format!("flow,host=p{} value={n} {}\n", n % 5, 1_795_219_200 + n);
    let lines: String = (0..12_000).map(line).collect();
    fs::write(&file, &lines).expect("it is writable");
    let url = format!("http://{}", weir.http_address().get());
    let changed = fs::metadata(&file).and_then(|file| file.modified());
    let changed = changed
        .expect("files have times")
        .duration_since(UNIX_EPOCH);
    let modified = changed.expect("it is after 1970").as_nanos() as u64;
    // As a run leaves it that was stopped behind its first 5,000 lines.
    let done: usize = (0..5_000).map(|n| line(n).len()).sum();
    let mark = folder.path().join("lines.lp.weir-import");
    let stopped = |length: usize| {
        let text = json!({"url": url, "length": length, "modified_ns": modified,
            "form": "Lines s", "done": done});
        fs::write(&mark, text.to_string()).expect("it is writable");
    };
    stopped(lines.len());
    let path = file.to_str().expect("UTF-8");
    let imported = run(&weir, &["import", path, "--precision", "s", "--json"]);
    assert_eq!(
        imported,
        json!({"sent": 7_000, "refused": 0, "skipped": done})
    );
    weir.wait_count("SELECT count(*) FROM readings", 7_000);
    assert!(!mark.exists());
    // A file that has changed is not gone on with.
    stopped(lines.len() + 1);
    let changed = weir.command(&["import", path, "--precision", "s"]);
    assert!(
        stderr(&changed).contains("--restart"),
        "{}",
        stderr(&changed)
    );
    run(
        &weir,
        &["import", path, "--precision", "s", "--restart", "--json"],
    );
    weir.wait_count("SELECT count(*) FROM readings", 12_000);

    let csv = folder.path().join("rows.csv");
    let rows = "time,device,sensor,value\n2026-11-21T00:00:00Z,d,s,1\n,d,s,2\n";
    fs::write(&csv, rows).expect("it is writable");
    let output = weir.command(&["import", csv.to_str().expect("UTF-8")]);
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("1 sent, 1 refused"), "{text}");
    let error = stderr(&output);
    assert!(error.contains("line 3: it has no time"), "{error}");
    weir.wait_count("SELECT count(*) FROM readings", 12_001);
}
