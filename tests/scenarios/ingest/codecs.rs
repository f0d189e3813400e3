//! The formats of fleets: what `weir decode` prints for the messages in
//! `tests/data/codecs`, and messages of several formats on their way to the store.

use std::fs;
use std::path::Path;

use serde_json::Value;
use weir_tests::mqtt::Connection;
use weir_tests::{Weir, WeirSpec, run_weir};

const VECTORS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/data/codecs");

/// The files of a folder, in the order of their names.
fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(folder).expect("the folder is in the checkout");
    let mut files: Vec<_> = entries
        .map(|entry| entry.expect("it can be read").path())
        .collect();
    files.sort();
    files
}

/// A value of `route`, as TOML has it.
fn toml(value: &Value) -> String {
    match value {
        Value::Object(members) => {
            let members: Vec<String> = members
                .iter()
                .map(|(key, value)| format!("{key:?} = {}", toml(value)))
                .collect();
            format!("{{ {} }}", members.join(", "))
        }
        other => other.to_string(),
    }
}

#[test]
fn decode_prints_what_the_messages_of_every_format_become() {
    let folder = tempfile::tempdir().expect("the temporary folder is writable");
    let (config, messages) = (folder.path().join("c.toml"), folder.path().join("m.jsonl"));
    let mut decoded = 0;
    for format in files(Path::new(VECTORS)) {
        // One file per format runs through the binary; the library runs them all.
        let Some(file) = files(&format).into_iter().next() else {
            continue;
        };
        let text = fs::read(&file).expect("it can be read");
        let vector: Value = serde_json::from_slice(&text).expect("a vector is JSON");
        let mut section = format!("[[route]]\ncodec = {}\n", vector["codec"]);
        for (key, value) in vector["route"].as_object().into_iter().flatten() {
            section.push_str(&format!("{key} = {}\n", toml(value)));
        }
        fs::write(&config, section).expect("it is writable");
        let mut message = vector.clone();
        let members = [
            "topic",
            "payload",
            "payload_base64",
            "received_ms",
            "retained",
        ];
        if let Some(object) = message.as_object_mut() {
            object.retain(|key, _| members.contains(&key.as_str()));
        }
        fs::write(&messages, format!("{message}\n")).expect("it is writable");
        let path = |path: &Path| path.to_str().expect("UTF-8").to_owned();
        let (config, messages) = (path(&config), path(&messages));
        let args = [
            "decode",
            "--config",
            &config,
            "--messages",
            "--json",
            &messages,
        ];
        let output = run_weir(&args, &[]);
        let stdout = String::from_utf8_lossy(&output.stdout);
        let stderr = String::from_utf8_lossy(&output.stderr);
        let found: Value = serde_json::from_str(&stdout)
            .unwrap_or_else(|error| panic!("{file:?}: {error}: {stdout}{stderr}"));
        let expect = &vector["expect"];
        assert_eq!(found["device"], expect["device"], "{file:?}");
        let count = |value: &Value| value.as_array().map_or(0, Vec::len);
        for list in ["readings", "quarantined"] {
            assert_eq!(
                count(&found[list]),
                count(&expect[list]),
                "{file:?}: {found}"
            );
        }
        let code = i32::from(count(&expect["quarantined"]) > 0);
        assert_eq!(output.status.code(), Some(code), "{file:?}");
        decoded += 1;
    }
    assert_eq!(decoded, 16);
}

#[test]
fn codecs_are_listed_with_their_topics() {
    let output = run_weir(&["codecs"], &[]);
    let stdout = String::from_utf8_lossy(&output.stdout);
    for part in ["zigbee2mqtt/#", "chirpstack", "$aws/things/+/shadow/#"] {
        assert!(stdout.contains(part), "{stdout}");
    }
    let unknown = run_weir(&["decode", "--codec", "morse", "-"], &[]);
    assert_eq!(unknown.status.code(), Some(1));
}

#[test]
fn messages_of_several_formats_are_stored_under_their_devices() {
    let routes = "[[route]]\ncodec = \"zigbee2mqtt\"\n[[route]]\ncodec = \"cbor\"\n\
        topic = \"m/{device}\"\n[[route]]\ncodec = \"value\"\ntopic = \"homie/{device}/+/+\"\n\
        sensor = \"{topic.2}.{topic.3}\"\nexcept = [\"*.private\"]\n";
    let weir = Weir::start(WeirSpec::embedded().with(routes));
    let mut sender = Connection::connect(weir.mqtt().get(), "fleet").expect("the broker accepts");
    let cbor = b"\xa2\x63raw\x42\x01\x02\x61t\x18\x2a";
    let messages: [(&str, &[u8]); 6] = [
        (
            "zigbee2mqtt/kitchen/floor_light",
            br#"{"state": "ON", "color": {"x": 0.5}}"#,
        ),
        ("zigbee2mqtt/bridge/logging", br#"{"level": "info"}"#),
        ("m/p1", cbor),
        ("m/p2", b"\xa1\x61t\xfb"),
        ("homie/car/engine/temperature", b"21.5"),
        ("homie/car/engine/private", b"1"),
    ];
    for (topic, payload) in messages {
        sender
            .publish(topic.as_bytes(), payload, 1)
            .expect("the broker acknowledges");
    }
    // Two of the light, one and one refused of p1, one refused of p2, one of the car.
    let flow = weir.wait_received(6);
    assert_eq!(flow.quarantined(), 2);
    assert_eq!(flow.quarantined_for("unsupported_type"), 1);
    assert_eq!(flow.quarantined_for("invalid_cbor"), 1);
    for device in ["kitchen:floor_light", "p1", "car"] {
        let path = format!("/api/v1/devices/{device}");
        weir.http().get(&path).expect(200);
    }
}
