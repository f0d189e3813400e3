//! `bootstrap` against DynamoDB, SNS, S3, Timestream and IoT shadows of moto.

use std::net::TcpStream;

use serde_json::{Value, json};
use tempfile::TempDir;
use weir_tests::{
    Bootstrap, DEADLINE, Exit, Process, free_port, python_module, python_process, wait_until,
};

/// Moto's server, with the resources of the template.
pub(super) struct Moto {
    folder: TempDir,
    pub(super) url: String,
    _process: Process,
}

impl Moto {
    pub(super) fn start() -> Self {
        let folder = tempfile::tempdir().expect("the temporary folder is writable");
        let port = free_port();
        let arguments = ["moto.server", "-H", "127.0.0.1", "-p", &port.to_string()];
        let mut process = python_module(&arguments, folder.path());
        wait_until("moto accepts connections", DEADLINE, || {
            assert!(process.ended().is_none(), "it ended:\n{}", process.output());
            TcpStream::connect(("127.0.0.1", port)).is_ok()
        });
        let moto = Self {
            folder,
            url: format!("http://127.0.0.1:{port}"),
            _process: process,
        };
        moto.script("make");
        moto
    }

    fn script(&self, command: &str) -> String {
        let folder = tempfile::tempdir_in(self.folder.path()).expect("the folder is writable");
        let arguments = [self.url.as_str(), command];
        let mut process = python_process("lambda_aws.py", &arguments, folder.path());
        let exit = process.wait(3 * DEADLINE);
        assert_eq!(exit, Exit::Code(0), "{}", process.output());
        process.output()
    }

    /// What its services hold. Alerts are read once.
    pub(super) fn read(&self) -> Value {
        serde_json::from_str(&self.script("read")).expect("the script prints JSON")
    }
}

fn config(moto: &Moto, more: &str) -> String {
    format!(
        "[aws]\nendpoint = \"{}\"\nalerts_topic = \"arn:aws:sns:eu-central-1:123456789012:alarms\"\n\
         quarantine_bucket = \"quarantine\"\n{more}\n\
         [aws.timestream]\ndatabase = \"telemetry\"\ntable = \"readings\"\n\
         [[function]]\nname = \"hot\"\nkind = \"threshold\"\nsensor = \"temperature\"\n\
         warning_high = 50.0\ncritical_high = 80.0\n",
        moto.url
    )
}

const STATE: &str = "state = \"dynamodb\"\ntable = \"devices\"\nstate_bucket = \"memory\"";

fn reading(value: f64, second: i64) -> Value {
    json!({"deviceId": "pump-1", "data": [{"sensorId": "temperature", "value": value,
        "timestamp": 1_790_000_000_000_i64 + second * 1_000}]})
}

fn record(id: &str, body: &str) -> Value {
    json!({"messageId": id, "body": body, "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:eu-central-1:123456789012:telemetry",
        "attributes": {"SentTimestamp": "1790000000000"}, "messageAttributes": {}})
}

fn states(held: &Value) -> Vec<(String, String)> {
    let alerts = held["alerts"].as_array().expect("a list").iter();
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let mut states: Vec<_> = alerts
        .map(|one| (text(&one["severity"]), text(&one["alert"]["state"])))
        .collect();
    states.sort();
    states
}

#[test]
#[ignore = "needs python3 with moto and boto3"]
fn an_alarm_is_raised_and_cleared_across_invocations() {
    let moto = Moto::start();
    let mut function = Bootstrap::start(&config(&moto, STATE), &[]);
    let event = reading(90.0, 0);
    let first = function.invoke_as("r-1", &event).expect("it works");
    let body = json!({"processed": 1, "alerts": 1, "timestamp": 1_790_000_000_000_i64});
    assert_eq!(first["statusCode"], 200);
    let answered: Value =
        serde_json::from_str(first["body"].as_str().expect("a text")).expect("JSON");
    assert_eq!(answered, body);
    // A retry gets the same answer, and raises nothing.
    assert_eq!(function.invoke_as("r-1", &event), Ok(first));
    let held = moto.read();
    assert_eq!(
        states(&held),
        [("CRITICAL".to_owned(), "raised".to_owned())]
    );
    let alarms = &held["shadow"]["state"]["reported"]["alerts"];
    assert_eq!(alarms.as_array().map(Vec::len), Some(1), "{held}");
    assert_eq!(
        held["items"]["d#pump-1"],
        json!({"version": 1, "outbox": false, "due": false})
    );
    // Another environment knows it.
    let mut other = Bootstrap::start(&config(&moto, STATE), &[]);
    other.invoke_as("r-2", &reading(20.0, 1)).expect("it works");
    // The first one has an old item in its cache: its commit conflicts, and it runs again.
    function
        .invoke_as("r-3", &reading(21.0, 2))
        .expect("it works");
    let held = moto.read();
    assert_eq!(
        states(&held),
        [("CRITICAL".to_owned(), "cleared".to_owned())]
    );
    assert_eq!(held["shadow"]["state"]["reported"]["alerts"], json!([]));
    assert_eq!(held["items"]["d#pump-1"]["version"], 3);
    let log = function.log();
    let last = log.last().expect("a line for each invocation");
    assert_eq!(
        (&last["Conflicts"], &last["Reruns"]),
        (&json!(1), &json!(1)),
        "{last}"
    );
    assert_eq!(
        (&log[0]["cold_start"], &log[1]["cold_start"]),
        (&json!(true), &json!(false))
    );
    assert_eq!(
        (&log[0]["Received"], &log[0]["Stored"]),
        (&json!(1), &json!(1))
    );
}

#[test]
#[ignore = "needs python3 with moto and boto3"]
fn a_bad_message_of_a_batch_is_quarantined_and_harms_no_other() {
    let moto = Moto::start();
    let mut function = Bootstrap::start(&config(&moto, STATE), &[]);
    let batch = json!({"Records": [
        record("m-1", &reading(90.0, 0).to_string()),
        record("m-2", "{\"deviceId\": \"pump-1\", \"data\": [{\"sensorId\": \"temperature\"}]}"),
        record("m-3", &reading(20.0, 2).to_string()),
    ]});
    assert_eq!(
        function.invoke(&batch),
        Ok(json!({"batchItemFailures": []}))
    );
    let held = moto.read();
    let quarantine = held["quarantine"].as_object().expect("an object");
    let keys: Vec<&String> = quarantine.keys().collect();
    assert_eq!(
        keys,
        ["quarantine/missing_value/2026-09-21/pump-1/m-2-0.json"]
    );
    let entry: Value =
        serde_json::from_str(quarantine[keys[0]].as_str().expect("a text")).expect("JSON");
    assert!(
        entry["payload"]
            .as_str()
            .expect("a text")
            .contains("pump-1"),
        "{entry}"
    );
    assert_eq!(states(&held).len(), 2);
    // Without a quarantine the message fails, and only that one.
    let without = config(&moto, STATE).replace("quarantine_bucket = \"quarantine\"\n", "");
    let mut function = Bootstrap::start(&without, &[]);
    let bad = "{\"deviceId\": \"pump-1\", \"data\": [{\"sensorId\": \"temperature\"}]}";
    let batch = json!({"Records": [
        record("n-1", &reading(90.0, 3).to_string()),
        record("n-2", bad),
        record("n-3", &reading(20.0, 5).to_string()),
    ]});
    let answer = function.invoke(&batch).expect("it works");
    assert_eq!(
        answer,
        json!({"batchItemFailures": [{"itemIdentifier": "n-2"}]})
    );
    assert_eq!(states(&moto.read()).len(), 2);
}

#[test]
#[ignore = "needs python3 with moto and boto3"]
fn what_cannot_leave_fails_its_messages_and_leaves_with_the_retry() {
    let moto = Moto::start();
    let missing = config(&moto, STATE).replace(":alarms\"", ":gone\"");
    let mut function = Bootstrap::start(&missing, &[]);
    let batch = json!({"Records": [record("m-1", &reading(90.0, 0).to_string())]});
    let failed = json!({"batchItemFailures": [{"itemIdentifier": "m-1"}]});
    assert_eq!(function.invoke(&batch), Ok(failed));
    let held = moto.read();
    let item = &held["items"]["d#pump-1"];
    assert_eq!(
        (&item["version"], &item["outbox"], &item["due"]),
        (&json!(1), &json!(true), &json!(true))
    );
    // Another environment, with the topic that exists: the retry publishes.
    let mut function = Bootstrap::start(&config(&moto, STATE), &[]);
    assert_eq!(
        function.invoke(&batch),
        Ok(json!({"batchItemFailures": []}))
    );
    let held = moto.read();
    assert_eq!(
        states(&held),
        [("CRITICAL".to_owned(), "raised".to_owned())]
    );
    assert_eq!(
        held["items"]["d#pump-1"],
        json!({"version": 1, "outbox": false, "due": false})
    );
}

#[test]
#[ignore = "needs python3 with moto and boto3"]
fn a_sweep_finds_the_device_that_fell_silent() {
    let moto = Moto::start();
    let more = "[[function]]\nname = \"offline\"\nkind = \"absence\"\nafter = \"5m\"\n";
    let text = format!("{}{more}", config(&moto, STATE));
    let mut function = Bootstrap::start(&text, &[]);
    let wrapped = json!({"topic": "devices/pump-1/telemetry", "payload": "eyJ0ZW1wZXJhdHVyZSI6IDIwfQ==",
        "client": "pump-1", "received": 1_790_000_000_000_i64});
    function.invoke(&wrapped).expect("it works");
    let tick = |time: &str| json!({"weir": "tick", "time": time});
    let early = function
        .invoke(&tick("2026-09-21T14:17:20Z"))
        .expect("it works");
    assert_eq!(early, json!({"devices": 0, "alerts": 0, "failed": 0}));
    let late = function
        .invoke(&tick("2026-09-21T14:19:20Z"))
        .expect("it works");
    assert_eq!(late, json!({"devices": 1, "alerts": 1, "failed": 0}));
    let held = moto.read();
    assert_eq!(held["alerts"][0]["alert"]["function"], "offline");
    assert_eq!(held["items"]["d#pump-1"]["due"], false);
}

#[test]
#[ignore = "needs python3 with moto and boto3"]
fn without_state_every_message_is_on_its_own() {
    let moto = Moto::start();
    let mut function = Bootstrap::start(&config(&moto, ""), &[]);
    for second in 0..2 {
        function.invoke(&reading(90.0, second)).expect("it works");
    }
    let held = moto.read();
    assert_eq!(states(&held).len(), 2);
    assert_eq!(held["items"], json!({}));
    assert!(
        held["shadow"]["state"]["reported"]["readings"]["temperature"].is_object(),
        "{held}"
    );
}

#[test]
#[ignore = "needs python3 with moto and boto3"]
fn a_function_that_needs_memory_does_not_start_without_state() {
    let moto = Moto::start();
    let text = format!(
        "{}[[function]]\nname = \"level\"\nkind = \"ewma\"\nhalf_life = \"1m\"\n",
        config(&moto, "")
    );
    let mut function = Bootstrap::start(&text, &[]);
    let error = function.init_error();
    let message = error["errorMessage"].as_str().expect("a text");
    let line = text
        .lines()
        .position(|line| line.contains("level"))
        .expect("it is there");
    assert!(
        message.contains(&format!("weir.toml:{line}: function.level: ")),
        "{message}"
    );
}

/// Readings that do not compress: a number that looks like chance for each.
fn noise(sensors: u64, nth: u64) -> Value {
    let mut seed = nth + 1;
    let mut next = || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        (seed >> 12) as f64 / 1e9
    };
    let mut payload =
        json!({"deviceId": "pump-1", "timestamp": 1_790_000_000_000_u64 + nth * 1_000});
    for sensor in 0..sensors {
        payload[format!("s{sensor}")] = json!(next());
    }
    payload
}

#[test]
#[ignore = "needs python3 with moto and boto3"]
fn memory_that_an_item_cannot_hold_is_kept_in_a_bucket() {
    let moto = Moto::start();
    let more = "[[function]]\nname = \"odd\"\nkind = \"mad\"\nwindow = 100\nwarmup = 100\n";
    let text = format!("{}{more}", config(&moto, STATE));
    let mut function = Bootstrap::start(&text, &[]);
    let batch = |from: u64, to: u64| {
        let record = |nth| {
            let mut record = record(&format!("m-{nth}"), &noise(900, nth).to_string());
            record["messageAttributes"] =
                json!({"topic": {"stringValue": "devices/pump-1/telemetry", "dataType": "String"}});
            record
        };
        json!({"Records": (from..to).map(record).collect::<Vec<_>>()})
    };
    let done = json!({"batchItemFailures": []});
    assert_eq!(function.invoke(&batch(0, 64)), Ok(done.clone()));
    let held = moto.read();
    assert_eq!(held["items"]["d#pump-1"]["version"], 4);
    let objects = held["memory"].as_object().expect("an object");
    let keys: Vec<&String> = objects.keys().collect();
    assert!(keys.len() == 1 && keys[0].starts_with("state/"), "{keys:?}");
    // Another environment goes on with it; the object before is gone.
    let mut other = Bootstrap::start(&text, &[]);
    assert_eq!(other.invoke(&batch(64, 65)), Ok(done));
    let after = moto.read();
    let now: Vec<&String> = after["memory"]
        .as_object()
        .expect("an object")
        .keys()
        .collect();
    assert!(now.len() == 1 && now != keys, "{now:?}");
    assert_eq!(after["items"]["d#pump-1"]["version"], 5);
}
