//! The command line: exit codes, errors of a bad configuration, formats, closed
//! pipes, the simulated fleet.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use weir_tests::{Weir, WeirSpec, now_ms, run_weir, weir_binary};

#[test]
fn a_bad_configuration_is_refused_with_78_the_line_and_the_nearest_key() {
    let folder = tempfile::tempdir().expect("the temporary folder is writable");
    let file = folder.path().join("bad.toml");
    fs::write(
        &file,
        "[http]\nlisten = \"127.0.0.1:0\"\n\n[journal]\nmax_sizes = \"1GiB\"\n",
    )
    .expect("the temporary folder is writable");
    let file = file.to_str().expect("a temporary path is UTF-8");
    let data = folder.path().join("data");
    let up = [
        "up",
        "--config",
        file,
        "--data-dir",
        data.to_str().expect("UTF-8"),
    ];
    for args in [&["check", file][..], &up] {
        let output = run_weir(args, &[]);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(78), "{args:?}: {stderr}");
        for part in ["5", "max_sizes", "max_size"] {
            assert!(
                stderr.contains(part),
                "{args:?} does not say {part}: {stderr}"
            );
        }
        assert!(output.stdout.is_empty(), "stdout is for data");
    }
    assert!(!data.exists(), "a refused configuration creates nothing");
}

#[test]
fn every_shipped_example_passes_check() {
    let examples = concat!(env!("CARGO_MANIFEST_DIR"), "/../config/examples");
    let folder = tempfile::tempdir().expect("the temporary folder is writable");
    let mut checked = 0;
    for entry in fs::read_dir(examples).expect("the folder exists") {
        let path = entry.expect("it can be read").path();
        let text = fs::read_to_string(&path).expect("it can be read");
        // Secrets are in files of their own, beside the configuration.
        for line in text.lines().filter(|line| line.contains("_file = \"")) {
            let name = line.split('"').nth(1).expect("a file's name is in quotes");
            fs::write(folder.path().join(name), "secret\n").expect("it is writable");
        }
        let copy = folder
            .path()
            .join(path.file_name().expect("a file has a name"));
        fs::write(&copy, &text).expect("it is writable");
        let output = run_weir(&["check", copy.to_str().expect("UTF-8")], &[]);
        assert_eq!(output.status.code(), Some(0), "{path:?}: {output:?}");
        checked += 1;
    }
    assert!(checked > 0);
}

#[test]
fn usage_errors_end_with_2_and_failures_with_1() {
    let code = |args: &[&str]| run_weir(args, &[]).status.code();
    assert_eq!(code(&["up", "--no-such-flag"]), Some(2));
    assert_eq!(code(&["no-such-command"]), Some(2));
    assert_eq!(code(&["query"]), Some(2));
    assert_eq!(
        code(&["query", "SELECT 1", "--url", "http://127.0.0.1:9"]),
        Some(1)
    );
    assert_eq!(code(&["--version"]), Some(0));
    let missing = code(&["check", "no-such-file.toml"]);
    assert!(matches!(missing, Some(1 | 78)), "{missing:?}");
}

fn with_readings(count: i64) -> Weir {
    let weir = Weir::start(WeirSpec::embedded());
    let start = now_ms() - 1_000_000;
    let data: Vec<Value> = (0..count)
        .map(|n| json!({"timestamp": start + n, "temperature": n as f64 + 0.5}))
        .collect();
    for event in data.chunks(1_000) {
        let events: Vec<Value> = event
            .iter()
            .map(|row| {
                json!({"timestamp": row["timestamp"], "data": [
                    {"sensorId": "temperature", "value": row["temperature"]}]})
            })
            .collect();
        weir.ingest_and_wait("d", json!(events).to_string());
    }
    weir.wait_received(u64::try_from(count).expect("not negative"));
    weir
}

#[test]
fn a_query_answers_in_every_format() {
    let weir = with_readings(3);
    let sql = "SELECT device, value FROM readings ORDER BY time";
    let run = |format: &str| {
        let output = weir.command(&["query", sql, "--format", format]);
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).expect("UTF-8")
    };
    let rows = [0.5, 1.5, 2.5].map(|value| json!({"device": "d", "value": value}));
    assert_eq!(
        serde_json::from_str::<Value>(&run("json")).expect("JSON"),
        json!(rows)
    );
    let lines: Vec<Value> = run("jsonl")
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert_eq!(lines, rows);
    assert_eq!(
        run("csv").lines().collect::<Vec<_>>(),
        ["device,value", "d,0.5", "d,1.5", "d,2.5"]
    );
    let table = run("table");
    assert!(table.contains("device") && table.contains("2.5"), "{table}");

    for statement in [
        "DROP TABLE readings",
        "COPY readings TO 'x'",
        "SELECT * FROM nowhere",
    ] {
        let output = weir.command(&["query", statement]);
        assert_eq!(output.status.code(), Some(1), "{statement}: {output:?}");
        assert!(!output.stderr.is_empty());
    }
}

#[test]
fn a_closed_pipe_ends_a_query_quietly() {
    let weir = with_readings(20_000);
    let url = format!("http://{}", weir.http_address().get());
    let mut child = Command::new(weir_binary())
        .args([
            "query",
            "SELECT * FROM readings",
            "--format",
            "csv",
            "--url",
            &url,
        ])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("weir can be run");
    let mut first = String::new();
    let stdout = child.stdout.take().expect("it is piped");
    BufReader::with_capacity(16, stdout)
        .read_line(&mut first)
        .expect("a header");
    assert!(first.contains("device"), "{first}");
    let output = child.wait_with_output().expect("it is our child");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(stderr, "");
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn a_simulated_fleet_is_acknowledged_and_stored() {
    let weir = Weir::start(WeirSpec::embedded());
    let broker = format!("mqtt://{}", weir.mqtt().get());
    let output = run_weir(
        &[
            "simulate",
            "--broker",
            &broker,
            "--devices",
            "50",
            "--rate",
            "500",
            "--scenario",
        ]
        .iter()
        .chain(&["steady", "--seed", "7", "--duration", "2s", "--json"])
        .copied()
        .collect::<Vec<_>>(),
        &[],
    );
    assert!(output.status.success(), "{output:?}");
    let summary: Value = serde_json::from_slice(&output.stdout).expect("the summary is JSON");
    let count = |name: &str| {
        summary[name]
            .as_u64()
            .unwrap_or_else(|| panic!("{name}: {summary}"))
    };
    assert!(count("sent") > 100, "{summary}");
    assert_eq!(count("sent"), count("acknowledged"), "{summary}");
    let flow = weir.wait_received(count("sent"));
    assert_eq!(flow.messages.received, count("sent"), "{flow:#?}");
    assert_eq!(flow.quarantined(), 0, "{flow:#?}");
    assert_eq!(
        weir.count("SELECT count(DISTINCT device) FROM readings"),
        50
    );
}

#[test]
fn check_names_wrong_settings_of_the_identity_provider() {
    let folder = tempfile::tempdir().expect("the temporary folder is writable");
    let path = |name: &str| folder.path().join(name);
    let write = |name: &str, text: &str| {
        std::fs::write(path(name), text).expect("the temporary folder is writable");
    };
    let access = path("access.toml");
    let access = access.to_str().expect("UTF-8");
    let added = run_weir(&["auth", "add", "ana", "--file", access], &[]);
    assert!(added.status.success(), "{added:?}");
    write("oidc.secret", "\n");
    let check = |settings: &str| {
        let config = format!("[auth]\nfile = \"access.toml\"\n[auth.oidc]\n{settings}");
        write("weir.toml", &config);
        let file = path("weir.toml");
        let output = run_weir(&["check", file.to_str().expect("UTF-8")], &[]);
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.code(), text)
    };
    let good = "issuer = \"https://id.example\"\nclient_id = \"weir\"\nreaders = [\"*\"]\n";
    assert_eq!(check(good).0, Some(0));
    let secret = format!("{good}client_secret_file = \"oidc.secret\"\n");
    for (settings, reason) in [
        (secret.as_str(), "has no client secret"),
        (
            "client_id = \"weir\"\nreaders = [\"*\"]\n",
            "auth.oidc.issuer: is missing",
        ),
        (
            "issuer = \"https://id.example\"\nclient_id = \"weir\"\n",
            "gives nobody a role",
        ),
    ] {
        let (code, text) = check(settings);
        assert_eq!(code, Some(78), "{text}");
        assert!(text.contains(reason), "{reason} in {text}");
    }
}
