//! Who may do what, with the real binary: by HTTP, by MQTT and from the shell,
//! with access files that `weir auth add` makes.

mod files;

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};
use tempfile::TempDir;
use weir_tests::mqtt::{CONNACK, Connection, login_packet};
use weir_tests::{DEADLINE, Http, Weir, WeirSpec, run_weir, wait_until};

/// An access file and the tokens of those in it.
struct Identities {
    folder: TempDir,
}

impl Identities {
    /// `(name, arguments of weir auth add)`
    #[track_caller]
    fn new(entries: &[(&str, &[&str])]) -> Self {
        let folder = tempfile::tempdir().expect("the temporary folder is writable");
        let identities = Self { folder };
        for (name, arguments) in entries {
            let file = identities.file();
            let mut all = vec!["auth", "add", name, "--file", file.to_str().expect("UTF-8")];
            all.extend(*arguments);
            let output = run_weir(&all, &[]);
            assert!(output.status.success(), "{output:?}");
            fs::write(identities.token_file(name), output.stdout).expect("it is writable");
        }
        identities
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("access.toml")
    }

    fn token_file(&self, name: &str) -> PathBuf {
        self.folder.path().join(format!("{name}.token"))
    }

    fn token(&self, name: &str) -> String {
        let text = fs::read_to_string(self.token_file(name)).expect("it was made");
        text.trim().to_owned()
    }

    fn config(&self) -> String {
        format!("[auth]\nfile = {:?}\n", self.file())
    }

    fn http(&self, weir: &Weir, name: &str) -> Http {
        weir.http()
            .authorized(&format!("Bearer {}", self.token(name)))
    }
}

/// Everybody that the scenarios need.
fn everybody() -> Identities {
    Identities::new(&[
        ("pump-1", &[]),
        ("pump-2", &[]),
        ("gateway", &["--device", "fan-*"]),
        ("grafana", &["--role", "reader"]),
        ("shift", &["--role", "operator"]),
        ("root", &["--role", "admin"]),
    ])
}

fn start(identities: &Identities, more: &str) -> Weir {
    let spec = WeirSpec::embedded().with(&identities.config()).with(more);
    Weir::start(spec.allow("security=true").allow("access file rejected"))
}

fn login(weir: &Weir, identities: &Identities, name: &str) -> Connection {
    let mut connection = Connection::open(weir.mqtt().get()).expect("the broker listens");
    let token = identities.token(name);
    connection
        .send(&login_packet(4, &format!("{name}-client"), name, &token))
        .expect("it is sent");
    let connack = connection
        .receive(DEADLINE)
        .expect("it answers")
        .expect("in time");
    assert_eq!((connack.kind(), connack.body[1]), (CONNACK, 0), "{name}");
    connection
}

const EVENT: &str = r#"{"data": [{"sensorId": "t", "value": 1.5}]}"#;

#[test]
fn the_audit_has_the_name_that_was_proven_and_not_the_one_that_was_claimed() {
    let identities = everybody();
    let weir = start(&identities, "");
    let event = r#"{"data": [{"sensorId": "t", "value": 95.0, "criticalThreshold": 90.0}]}"#;
    let path = "/api/v1/ingest/devices/pump-1/telemetry?wait=processed";
    identities.http(&weir, "root").post(path, event).expect(200);
    let shift = identities.http(&weir, "shift");
    let mut id = String::new();
    wait_until("the alarm is there", DEADLINE, || {
        let alarms = shift.get("/api/v1/alarms?state=active").json();
        id = alarms["alarms"][0]["alarmId"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        !id.is_empty()
    });
    let claim = r#"{"by": "root", "note": "seen"}"#;
    for action in ["ack", "comment", "shelve"] {
        let path = format!("/api/v1/alarms/{id}/{action}");
        shift.post(&path, claim).expect(200);
    }
    let audit = shift.get("/api/v1/alarms/audit").expect(200).json();
    let by = audit["audit"].as_array().into_iter().flatten();
    let by: Vec<&Value> = by.map(|entry| &entry["by"]).collect();
    assert_eq!(by, ["shift"; 3]);
    let alarm = shift.get(&format!("/api/v1/alarms/{id}")).json();
    assert_eq!(alarm["acknowledged"]["by"], "shift");
}

#[test]
fn the_api_is_for_those_who_may() {
    let identities = everybody();
    let weir = start(&identities, "");
    let nobody = weir.http();
    let stranger = weir.http().authorized("Bearer weir_0000");
    let signed = weir
        .http()
        .authorized("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE");
    nobody.get("/healthz").expect(200);
    nobody.get("/readyz").expect(200);
    let requests = [
        (
            "GET",
            "/api/v1/devices",
            "",
            ["grafana", "shift", "root"].as_slice(),
            200,
        ),
        (
            "GET",
            "/api/v1/flow",
            "",
            &["grafana", "shift", "root"],
            200,
        ),
        ("GET", "/metrics", "", &["grafana", "shift", "root"], 200),
        (
            "GET",
            "/api/openapi.json",
            "",
            &["grafana", "shift", "root"],
            200,
        ),
        (
            "POST",
            "/api/v1/query",
            r#"{"sql": "SELECT 1"}"#,
            &["grafana", "shift", "root"],
            200,
        ),
        (
            "POST",
            "/api/v1/alarms/none/ack",
            "{}",
            &["shift", "root"],
            404,
        ),
        ("POST", "/api/v1/quarantine/replay", "{}", &["root"], 200),
        (
            "POST",
            "/api/v1/ingest/devices/pump-1/telemetry",
            EVENT,
            &["pump-1", "root"],
            202,
        ),
        (
            "POST",
            "/api/v1/ingest/devices/fan-7/telemetry",
            EVENT,
            &["gateway", "root"],
            202,
        ),
        (
            "POST",
            "/api/v1/ingest/devices/pump%2D1/telemetry",
            EVENT,
            &["pump-1", "root"],
            202,
        ),
        (
            "POST",
            "/things/pump-1/shadow",
            r#"{"state": {}}"#,
            &["pump-1", "shift", "root"],
            200,
        ),
        (
            "GET",
            "/things/pump-1/shadow",
            "",
            &["pump-1", "grafana", "shift", "root"],
            200,
        ),
        (
            "GET",
            "/nowhere",
            "",
            &["pump-1", "pump-2", "gateway", "grafana", "shift", "root"],
            404,
        ),
    ];
    for (method, path, body, allowed, status) in requests {
        for unknown in [nobody, &stranger, &signed] {
            let answer = unknown.request(method, path, body.as_bytes()).expect(401);
            let shape = answer.json();
            let code = shape.get("status").or(shape.get("code"));
            assert_eq!(code, Some(&json!(401)), "{path}: {shape}");
        }
        for name in ["pump-1", "pump-2", "gateway", "grafana", "shift", "root"] {
            let answer = identities
                .http(&weir, name)
                .request(method, path, body.as_bytes());
            let expect = if allowed.contains(&name) { status } else { 403 };
            assert_eq!(
                answer.status,
                expect,
                "{name} {method} {path}: {}",
                answer.text()
            );
        }
    }
    // As AWS says it.
    let answer = identities
        .http(&weir, "pump-2")
        .get("/things/pump-1/shadow")
        .expect(403);
    assert_eq!(
        (&answer.json()["code"], &answer.json()["message"]),
        (&json!(403), &json!("Forbidden"))
    );
    let flow = identities
        .http(&weir, "root")
        .get("/api/v1/flow")
        .expect(200)
        .json();
    assert_eq!(flow["readings"]["received"], 6, "{flow}");
}

#[test]
fn who_sent_it_is_known_behind_the_journal_too() {
    let identities = everybody();
    // The payload alone names the device, so the listener cannot.
    let route = "[[route]]\ntopic = \"plant/{location}/events\"\n\
                 [[route]]\ntopic = \"devices/{device}/telemetry\"\n";
    let weir = start(&identities, route);
    let event = |device: &str| json!({"deviceId": device, "data": [{"sensorId": "t", "value": 1}]});
    let mut pump = login(&weir, &identities, "pump-1");
    for device in ["pump-1", "pump-2"] {
        let payload = event(device).to_string();
        pump.publish(b"plant/hall/events", payload.as_bytes(), 1)
            .expect("it is acknowledged");
    }
    // Topic, payload and credential that differ, each from each.
    let payload = event("pump-2").to_string();
    pump.publish(b"devices/pump-1/telemetry", payload.as_bytes(), 1)
        .expect("it is acknowledged");
    pump.publish(b"devices/pump-2/telemetry", payload.as_bytes(), 1)
        .expect("MQTT 3.1.1 has no word for a refusal");
    let root = identities.http(&weir, "root");
    let mut entries = Vec::new();
    wait_until("two messages are quarantined", DEADLINE, || {
        let answer = root.get("/api/v1/quarantine").expect(200).json();
        entries = answer["entries"].as_array().cloned().unwrap_or_default();
        entries.len() == 2
    });
    let mut reasons: Vec<&str> = entries
        .iter()
        .filter_map(|e| e["reason"].as_str())
        .collect();
    reasons.sort_unstable();
    assert_eq!(reasons, ["device_mismatch", "not_allowed"], "{entries:?}");
    let refused = entries
        .iter()
        .find(|entry| entry["reason"] == "not_allowed");
    let detail = refused.and_then(|entry| entry["detail"].as_str());
    assert_eq!(detail, Some(r#""pump-1" may not publish for "pump-2""#));
    let readings = |flow: &Value| flow["readings"].clone();
    let flow = readings(&root.get("/api/v1/flow").expect(200).json());
    assert_eq!(
        (&flow["received"], &flow["quarantined"]),
        (&json!(3), &json!(2)),
        "{flow}"
    );
}

#[test]
fn a_change_by_one_who_may_only_read_is_rejected_with_403_by_mqtt() {
    let identities = everybody();
    let weir = start(&identities, "");
    let mut reader = login(&weir, &identities, "grafana");
    let filter = "$aws/things/pump-1/shadow/update/rejected";
    let mut body = vec![0, 1];
    body.extend(
        u16::try_from(filter.len())
            .expect("it is short")
            .to_be_bytes(),
    );
    body.extend(filter.as_bytes());
    body.push(0);
    let mut subscribe = Vec::new();
    weir_tests::mqtt::encode(&mut subscribe, 0x82, &[&body]);
    reader.send(&subscribe).expect("it is sent");
    let suback = reader
        .receive(DEADLINE)
        .expect("it answers")
        .expect("in time");
    assert_eq!((suback.head, suback.body.last()), (0x90, Some(&0)));
    let update = br#"{"state": {"desired": {"a": 1}}, "clientToken": "t7"}"#;
    reader
        .publish(b"$aws/things/pump-1/shadow/update", update, 1)
        .expect("it is acknowledged");
    let answer = reader
        .receive(DEADLINE)
        .expect("it answers")
        .expect("in time");
    assert_eq!(answer.kind(), 3, "{answer:?}");
    let document: Value =
        serde_json::from_slice(&answer.body[2 + filter.len()..]).expect("it is JSON");
    assert_eq!(
        (
            &document["code"],
            &document["message"],
            &document["clientToken"]
        ),
        (&json!(403), &json!("Forbidden"), &json!("t7"))
    );
    identities
        .http(&weir, "root")
        .get("/things/pump-1/shadow")
        .expect(404);
}

#[test]
fn the_shell_shows_its_token() {
    let identities = everybody();
    let weir = start(&identities, "");
    let url = format!("http://{}", weir.http_address().get());
    let run = |name: Option<&str>, arguments: &[&str]| {
        let file = name.map(|name| identities.token_file(name));
        let mut environment = vec![("WEIR_URL", url.as_str())];
        if let Some(file) = &file {
            environment.push(("WEIR_TOKEN_FILE", file.to_str().expect("UTF-8")));
        }
        run_weir(arguments, &environment)
    };
    let query = ["query", "SELECT 1 AS one", "--format", "csv"];
    let output = run(Some("grafana"), &query);
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "one\n1\n",
        "{output:?}"
    );
    let refused = run(None, &query);
    let message = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(
        message.contains("credentials are needed") && message.contains("401"),
        "{message}"
    );
    let forbidden = run(Some("pump-1"), &query);
    let message = String::from_utf8_lossy(&forbidden.stderr).into_owned();
    assert!(
        message.contains("\"pump-1\", a device") && message.contains("403"),
        "{message}"
    );
    let update = [
        "shadow",
        "update",
        "pump-1",
        r#"{"state":{"desired":{"led":"on"}}}"#,
    ];
    assert!(run(Some("shift"), &update).status.success());
    let diff = run(Some("pump-1"), &["shadow", "get", "pump-1", "--diff"]);
    assert_eq!(
        String::from_utf8_lossy(&diff.stdout),
        "led: not reported, desired \"on\"\n"
    );
    // Not in clear to somebody else's machine.
    let elsewhere = run_weir(
        &query,
        &[
            ("WEIR_URL", "http://192.0.2.1:1"),
            (
                "WEIR_TOKEN_FILE",
                identities.token_file("root").to_str().expect("UTF-8"),
            ),
        ],
    );
    let message = String::from_utf8_lossy(&elsewhere.stderr).into_owned();
    assert!(message.contains("https://"), "{message}");
}
