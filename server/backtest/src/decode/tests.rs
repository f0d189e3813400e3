//! The vectors in `tests/data/codecs`: one file, one message, what it becomes.

use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use weir_model::{Ingress, Timestamp};

use super::*;

/// The folder, found upwards from the crate.
fn folder() -> PathBuf {
    let inside = Path::new("tests/data/codecs");
    let mut above = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
    let found = above.find(|folder| folder.join(inside).is_dir());
    found.expect("the data is in the checkout").join(inside)
}

/// A value of a vector, as TOML has it.
fn toml(value: &Value) -> String {
    match value {
        Value::Object(members) => {
            let members = members.iter();
            let members: Vec<String> = members
                .map(|(key, value)| format!("{key:?} = {}", toml(value)))
                .collect();
            format!("{{ {} }}", members.join(", "))
        }
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(toml).collect();
            format!("[{}]", items.join(", "))
        }
        other => other.to_string(),
    }
}

fn config(vector: &Value) -> Config {
    let mut text = format!("[[route]]\ncodec = {}\n", vector["codec"]);
    for (key, value) in vector["route"].as_object().into_iter().flatten() {
        text.push_str(&format!("{key} = {}\n", toml(value)));
    }
    Config::from_toml(&text).unwrap_or_else(|problems| panic!("{text}\n{problems:#?}"))
}

fn payload(message: &Value) -> Vec<u8> {
    match message["payload_base64"].as_str() {
        Some(text) => BASE64_STANDARD.decode(text).unwrap(),
        None => message["payload"].as_str().unwrap().as_bytes().to_vec(),
    }
}

fn decode(decoding: &mut Decoding, message: &Value) -> Value {
    let payload = payload(message);
    decoding.decode(&Message {
        received: Timestamp::from_millis(message["received_ms"].as_i64().unwrap()).unwrap(),
        ingress: Ingress::Source,
        client: "",
        topic: message["topic"].as_str().unwrap(),
        payload: &payload,
        qos: 1,
        retained: message["retained"].as_bool().unwrap_or_default(),
        duplicate: false,
    })
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// Doubles that are equal, or neighbours.
fn is_near(found: &Value, wanted: &Value) -> bool {
    let (Some(found), Some(wanted)) = (found.as_f64(), wanted.as_f64()) else {
        return found == wanted;
    };
    (found - wanted).abs() <= 2.0 * f64::EPSILON * wanted.abs()
}

fn is_same(found: &Value, wanted: &Value) -> bool {
    let members = [
        "sensor", "text", "unit", "time_ms", "location", "device", "quality",
    ];
    let of_time = wanted["time_ns"].is_null() || found["time_ns"] == wanted["time_ns"];
    members.iter().all(|member| found[member] == wanted[member])
        && of_time
        && is_near(&found["value"], &wanted["value"])
}

/// What differs, if anything does.
fn difference(found: &Value, expect: &Value) -> Option<String> {
    if found["device"] != expect["device"] {
        return Some(format!("the device is {}", found["device"]));
    }
    let mut readings = list(&found["readings"]).to_vec();
    for wanted in list(&expect["readings"]) {
        let Some(at) = readings.iter().position(|found| is_same(found, wanted)) else {
            return Some(format!("{wanted} is not among {readings:#?}"));
        };
        readings.remove(at);
    }
    if !readings.is_empty() {
        return Some(format!("nobody expects {readings:#?}"));
    }
    let reasons = |of: &Value| {
        let mut reasons: Vec<String> = list(&of["quarantined"])
            .iter()
            .map(|entry| entry["reason"].to_string())
            .collect();
        reasons.sort();
        reasons
    };
    if reasons(found) != reasons(expect) {
        return Some(format!("quarantined: {}", found["quarantined"]));
    }
    let (other, wanted) = (&found["other"], &expect["other"]);
    for member in ["kind", "sequence", "absent", "flags"] {
        if !wanted[member].is_null() && other[member] != wanted[member] {
            return Some(format!("{member} is {}", other[member]));
        }
    }
    let attributes = wanted["attributes"].as_object();
    let missing = attributes.into_iter().flatten();
    let mut missing = missing.filter(|(name, value)| other["attributes"][name] != **value);
    missing
        .next()
        .map(|(name, _)| format!("attribute {name} is {}", other["attributes"][name]))
}

/// How many vectors each format has, and that each is decoded as it says.
#[test]
fn the_vectors_of_every_format_are_decoded_as_they_say() {
    let mut counts = std::collections::BTreeMap::new();
    let mut differing = Vec::new();
    for format in fs::read_dir(folder()).unwrap() {
        let format = format.unwrap().path();
        if !format.is_dir() {
            continue;
        }
        for file in fs::read_dir(&format).unwrap() {
            let text = fs::read(file.unwrap().path()).unwrap();
            let vector: Value = serde_json::from_slice(&text).unwrap();
            let mut decoding = Decoding::new(&config(&vector));
            for message in list(&vector["before"]) {
                decode(&mut decoding, message);
            }
            let found = decode(&mut decoding, &vector);
            if let Some(difference) = difference(&found, &vector["expect"]) {
                differing.push(format!("{}: {difference}", vector["id"]));
            }
            *counts
                .entry(vector["format"].as_str().unwrap().to_owned())
                .or_insert(0) += 1;
        }
    }
    assert!(differing.is_empty(), "{}", differing.join("\n"));
    let total: usize = counts.values().sum();
    assert_eq!((counts.len(), total), (16, 112), "{counts:?}");
}
