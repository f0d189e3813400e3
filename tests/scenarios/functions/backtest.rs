//! `weir backtest` as a user runs it: on files and on the store, stopped and
//! beside a running Weir.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::{Value, json};
use weir_tests::{Weir, WeirSpec, now_ms, run_weir};

use super::{LIMIT, trapping};

const ADAPTIVE: &str = "[[function]]\nname = \"odd\"\nkind = \"adaptive\"\n";

fn write(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    fs::write(&path, text).expect("the temporary folder is writable");
    path
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a temporary path is UTF-8")
}

/// The arguments of a run over a file with scores.
fn scored<'a>(config: &'a Path, input: &'a Path, scores: &'a Path) -> [&'a str; 7] {
    let (config, input, scores) = (text(config), text(input), text(scores));
    [
        "backtest", "--config", config, "--input", input, "--scores", scores,
    ]
}

fn ran(output: &Output) -> String {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Ten days, every five minutes, with a peak in the last; then a reading that is
/// late, one that repeats a time, and one without a value.
fn series() -> String {
    let mut csv = "timestamp,value\n".to_owned();
    for at in 0..2_880 {
        let (day, minute) = (1 + at / 288, at % 288 * 5);
        let (hour, minute) = (minute / 60, minute % 60);
        let spike = if at == 2_700 { 50.0 } else { 0.0 };
        let value = f64::from(at * 7_919 % 13) + spike;
        csv.push_str(&format!(
            "2014-04-{day:02} {hour:02}:{minute:02}:00,{value}\n"
        ));
    }
    csv.push_str("2014-04-02 00:00:00,1\n2014-04-10 23:55:00,2\n2014-04-11 00:00:00,\n");
    csv
}

#[test]
fn every_reading_of_a_file_has_its_score_and_what_is_odd_an_alarm() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let config = write(folder.path(), "new.toml", ADAPTIVE);
    let csv = series();
    let input = write(folder.path(), "pump-1.csv", &csv);
    let scores = folder.path().join("scores.csv");
    let base = [
        "backtest",
        "--config",
        text(&config),
        "--input",
        text(&input),
    ];
    let shown = ran(&run_weir(
        &[&base[..], &["--scores", text(&scores)]].concat(),
        &[],
    ));
    assert!(
        shown.contains("2014-04-10T09:00:00Z  pump-1  value"),
        "{shown}"
    );
    assert!(shown.contains("raised by odd"), "{shown}");

    let written = fs::read_to_string(&scores).expect("the file was written");
    let mut lines = written.lines();
    assert_eq!(
        lines.next(),
        Some("time,device,sensor,value,function,score")
    );
    let given: Vec<&str> = csv.lines().skip(1).collect();
    let lines: Vec<Vec<&str>> = lines.map(|line| line.split(',').collect()).collect();
    assert_eq!(lines.len(), given.len());
    for (line, given) in lines.iter().zip(given) {
        let (time, value) = given.split_once(',').expect("a line has a comma");
        assert_eq!(line[0], format!("{}.000000000Z", time.replace(' ', "T")));
        assert_eq!((line[1], line[2], line[4]), ("pump-1", "value", "odd"));
        assert_eq!(line[3].parse::<f64>().ok(), value.parse::<f64>().ok());
        let score: f64 = line[5].parse().expect("a score is a number");
        assert!((0.0..1.0).contains(&score), "{line:?}");
    }
    let score = |at: usize| lines[at][5].parse::<f64>().expect("a score is a number");
    assert!(score(2_700) >= 0.75, "{:?}", lines[2_700]);
    assert_eq!([score(2_880), score(2_881), score(2_882)], [0.0; 3]);

    let document = ran(&run_weir(&[&base[..], &["--json"]].concat(), &[]));
    let document: Value = serde_json::from_str(&document).expect("it is JSON");
    assert_eq!(document["readings"], json!(2_883));
    assert_eq!(
        (&document["late"], &document["withoutValue"]),
        (&json!(2), &json!(1))
    );
}

#[test]
fn two_configurations_are_compared_and_a_bad_one_is_78() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let limit = |name: &str, limit: f64| {
        let text = format!(
            "[[function]]\nname = \"hot\"\nkind = \"threshold\"\nwarning_high = {limit:?}\n"
        );
        write(folder.path(), name, &text)
    };
    let (new, old) = (limit("new.toml", 10.0), limit("old.toml", 20.0));
    let rows = "time,device,sensor,value\n1700000000,a,t,15\n1700000060,a,t,5\n\
                1700000120,a,t,25\n1700000180,a,t,5\n";
    let input = write(folder.path(), "export.csv", rows);
    let shown = ran(&run_weir(
        &[
            "backtest",
            "--config",
            text(&new),
            "--against",
            text(&old),
            "--input",
            text(&input),
        ],
        &[],
    ));
    let lines: Vec<&str> = shown.lines().collect();
    assert_eq!(lines.len(), 2, "{shown}");
    assert!(
        lines[0].starts_with("+ 2023-11-14T22:13:20Z  a  t  WARNING raised"),
        "{shown}"
    );
    assert!(lines[1].contains("1 alarms are the same"), "{shown}");

    let bad = write(
        folder.path(),
        "bad.toml",
        "[[function]]\nname = \"x\"\nkind = \"adaptiv\"\n",
    );
    let output = run_weir(
        &["backtest", "--config", text(&bad), "--input", text(&input)],
        &[],
    );
    assert_eq!(output.status.code(), Some(78));
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.contains("\"adaptive\""), "{stderr}");
}

#[test]
fn the_store_is_read_and_not_touched_also_beside_a_running_weir() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let config = write(
        folder.path(),
        "new.toml",
        "[[function]]\nname = \"hot\"\nkind = \"threshold\"\nwarning_high = 10.0\n",
    );
    let mut weir = Weir::start(WeirSpec::embedded());
    let begin = now_ms() - 60_000;
    for (second, value) in [(0, 5), (1, 15), (2, 5)] {
        let timestamp = begin + second * 1_000;
        let payload = json!({"timestamp": timestamp, "t": value, "other": 1}).to_string();
        weir.ingest_and_wait("pump-1", payload);
    }
    weir.sigterm();
    let data = weir.data_dir();
    let args = [
        "backtest",
        "--config",
        text(&config),
        "--data-dir",
        text(&data),
    ];
    let before = listing(&data.join("store"));
    let stopped = ran(&run_weir(&args, &[]));
    assert_eq!(listing(&data.join("store")), before);
    let lines: Vec<&str> = stopped.lines().collect();
    assert_eq!(lines.len(), 2, "{stopped}");
    assert!(lines[0].contains("pump-1  t  WARNING raised"), "{stopped}");
    assert!(lines[1].contains("cleared by hot"), "{stopped}");

    weir.restart();
    assert_eq!(ran(&run_weir(&args, &[])), stopped);
    weir.sigterm();
}

fn listing(folder: &Path) -> Vec<(PathBuf, u64)> {
    let entries = fs::read_dir(folder).expect("the folder is there");
    let mut files: Vec<_> = entries
        .map(|entry| {
            let entry = entry.expect("it can be read");
            (
                entry.path(),
                entry.metadata().expect("it can be read").len(),
            )
        })
        .collect();
    files.sort();
    files
}

#[test]
fn what_a_query_exports_as_parquet_is_read_again() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let config = write(
        folder.path(),
        "new.toml",
        "[[function]]\nname = \"hot\"\nkind = \"threshold\"\nwarning_high = 10.0\n",
    );
    let weir = Weir::start(WeirSpec::embedded());
    let begin = now_ms() - 60_000;
    for (second, value) in [(0, 5), (1, 15), (2, 5)] {
        let timestamp = begin + second * 1_000;
        let payload = json!({"timestamp": timestamp, "t": value, "state": "on"}).to_string();
        weir.ingest_and_wait("pump-1", payload);
    }
    let sql = json!({"sql": "SELECT * FROM readings ORDER BY time"}).to_string();
    let export = weir.http().send(
        "POST",
        "/api/v1/query",
        "application/vnd.apache.parquet",
        sql.as_bytes(),
    );
    let export = export.expect("it answers").expect(200);
    let input = folder.path().join("export.parquet");
    fs::write(&input, &export.body).expect("the temporary folder is writable");
    let shown = ran(&run_weir(
        &[
            "backtest",
            "--config",
            text(&config),
            "--input",
            text(&input),
        ],
        &[],
    ));
    let lines: Vec<&str> = shown.lines().collect();
    assert_eq!(lines.len(), 2, "{shown}");
    assert!(lines[0].contains("pump-1  t  WARNING raised"), "{shown}");
    assert!(lines[1].contains("cleared by hot"), "{shown}");
}

#[test]
fn a_module_runs_over_a_file_and_its_failures_are_reported() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    write(folder.path(), "limit.wat", LIMIT);
    write(folder.path(), "traps.wat", &trapping());
    let config = write(
        folder.path(),
        "new.toml",
        "[[function]]\nname = \"own\"\nkind = \"wasm\"\nmodule = \"limit.wat\"\n\
         params = [80.0, 90.0]\nreasons = [\"hot\", \"far too hot\"]\n\n\
         [[function]]\nname = \"lost\"\nkind = \"wasm\"\nmodule = \"traps.wat\"\n\
         params = [80.0, 90.0]\nmax_failures = 3\n",
    );
    let rows = "time,device,sensor,value\n1700000000,a,t,70\n1700000060,a,t,85\n\
                1700000120,b,t,95\n1700000180,a,t,60\n1700000240,b,t,20\n";
    let input = write(folder.path(), "export.csv", rows);
    let scores = folder.path().join("scores.csv");
    let output = run_weir(&scored(&config, &input, &scores), &[]);
    let shown = ran(&output);
    let lines: Vec<&str> = shown.lines().collect();
    assert_eq!(lines.len(), 4, "{shown}");
    for (line, expect) in lines.iter().zip([
        "a  t  WARNING raised by own: t 85 is hot",
        "b  t  CRITICAL raised by own: t 95 is far too hot",
        "a  t  WARNING cleared by own",
        "b  t  CRITICAL cleared by own",
    ]) {
        assert!(line.contains(expect), "{line}");
    }
    let summary = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(summary.contains("calls of lost failed: "), "{summary}");
    let written = fs::read_to_string(&scores).expect("the file was written");
    let own: Vec<&str> = written
        .lines()
        .filter(|line| line.contains(",own,"))
        .collect();
    let score = |line: &&str| {
        line.rsplit(',')
            .next()
            .and_then(|score| score.parse::<f64>().ok())
    };
    let found: Vec<_> = own.iter().filter_map(score).collect();
    assert_eq!(found, [-10.0, 5.0, 5.0, -20.0, -60.0], "{written}");
}

#[test]
fn what_goes_together_no_more_has_its_score_too() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let config = write(
        folder.path(),
        "new.toml",
        "[[function]]\nname = \"pattern\"\nkind = \"multivariate\"\n\
         sensors = [\"x\", \"y\"]\noutput = \"together\"\nwarmup = 50\n",
    );
    let mut csv = "time,device,sensor,value\n".to_owned();
    for at in 0..200_i64 {
        let (time, x) = (1_700_000_000 + at * 60, (at * 7_919 % 100) as f64 / 10.0);
        let noise = (at * 31 % 7) as f64 / 20.0;
        let y = if at == 180 {
            20.0 - 2.0 * x
        } else {
            2.0 * x + noise
        };
        csv.push_str(&format!("{time},motor,x,{x:?}\n{time},motor,y,{y:?}\n"));
    }
    let input = write(folder.path(), "export.csv", &csv);
    let scores = folder.path().join("scores.csv");
    ran(&run_weir(&scored(&config, &input, &scores), &[]));
    let written = fs::read_to_string(&scores).expect("the file was written");
    let lines: Vec<Vec<&str>> = written
        .lines()
        .skip(1)
        .map(|line| line.split(',').collect())
        .collect();
    let score = |line: &[&str]| line[5].parse::<f64>().expect("a score is a number");
    let scored: Vec<&Vec<&str>> = lines.iter().filter(|line| line[4] == "pattern").collect();
    assert!(scored.len() >= 200, "{}", scored.len());
    let odd = "2023-11-15T01:13:20.000000000Z";
    let of_odd = scored
        .iter()
        .filter(|line| line[0] == odd)
        .map(|line| score(line));
    let others = scored
        .iter()
        .filter(|line| line[0] < odd)
        .map(|line| score(line));
    let (worst, usual) = (of_odd.fold(0.0, f64::max), others.fold(0.0, f64::max));
    assert!(worst > 2.0 * usual && usual > 0.0, "{worst} and {usual}");
}
