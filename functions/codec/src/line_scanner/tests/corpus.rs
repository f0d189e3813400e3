//! InfluxData's corpus for parsers of line protocol (MIT), and where we differ.
//!
//! Vendors' own parsers disagree on some of it. `differences.txt` lists every
//! case that we read otherwise, with its reason; the list is exact, so a change
//! of the scanner shows in it.

use std::collections::BTreeMap;
use std::fs::read_to_string;
use std::path::Path;

use serde_json::Value;

use super::{Field, Point, points};

/// Below the root of the workspace.
const CORPUS: &str = "tests/data/line-protocol/corpus.json";

const DIFFERENCES: &str = include_str!("differences.txt");

/// What the corpus expects of a case; `None`: an error.
fn expected(output: &Value) -> Option<Vec<Point>> {
    if output.get("error").is_some() {
        return None;
    }
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let point = |point: &Value| Point {
        name: text(&point["name"]),
        tags: list(&point["tags"])
            .iter()
            .map(|tag| (text(&tag["key"]), text(&tag["value"])))
            .collect(),
        fields: list(&point["fields"])
            .iter()
            .map(|field| (text(&field["key"]), value(&field["value"])))
            .collect(),
        time: point["time"].as_i64(),
    };
    Some(list(&output["result"]).iter().map(point).collect())
}

fn value(value: &Value) -> Field {
    let (kind, value) = value
        .as_object()
        .expect("an object")
        .iter()
        .next()
        .expect("one member");
    match kind.as_str() {
        "float" => Field::Float(value.as_f64().expect("a number")),
        "int" => Field::Integer(value.as_i64().expect("a number")),
        "uint" => Field::Unsigned(value.as_u64().expect("a number")),
        "bool" => Field::Boolean(value.as_bool().expect("a boolean")),
        "string" => Field::Text(value.as_str().expect("a text").to_owned()),
        other => panic!("a value of {other}"),
    }
}

/// Our reading of a case, with its time in nanoseconds as the corpus gives it.
fn ours(text: &str, input: &Value) -> Option<Vec<Point>> {
    let factor = match input["precision"].as_str().expect("a text") {
        "1ns" => 1,
        "1µs" => 1_000,
        "1ms" => 1_000_000,
        "1s" => 1_000_000_000,
        other => panic!("a precision of {other}"),
    };
    let mut points = points(text).ok()?;
    for point in &mut points {
        point.time = match point.time {
            Some(time) => Some(time.checked_mul(factor)?),
            None => input["defaultTime"].as_i64(),
        };
        // The decoder refuses such a field, and a tag that stands there twice.
        let infinite = |value: &Field| matches!(value, Field::Float(value) if value.is_infinite());
        if point.fields.iter().any(|(_, value)| infinite(value)) {
            return None;
        }
        point.tags.sort();
        if point.tags.windows(2).any(|pair| pair[0].0 == pair[1].0) {
            return None;
        }
    }
    Some(points)
}

#[test]
fn the_corpus_is_read_as_its_authors_do_but_for_a_frozen_list() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .find_map(|folder| read_to_string(folder.join(CORPUS)).ok())
        .unwrap_or_else(|| panic!("{CORPUS} is missing"));
    let corpus: Value = serde_json::from_str(&corpus).expect("it is JSON");
    let cases = corpus["decode"].as_object().expect("an object");
    assert_eq!(cases.len(), 6_615);
    let mut found = BTreeMap::new();
    for (key, case) in cases {
        // What is not UTF-8 is refused before the scanner sees it.
        let ours = case["input"]["text"]
            .as_str()
            .and_then(|text| ours(text, &case["input"]));
        let mut expected = expected(&case["output"]);
        expected
            .iter_mut()
            .flatten()
            .for_each(|point| point.tags.sort());
        if ours != expected {
            found.insert(
                key.clone(),
                format!(
                    "{:?} is read as {ours:?}, the corpus has {expected:?}",
                    case["input"]["text"]
                ),
            );
        }
    }
    let lines = DIFFERENCES
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty());
    let listed: BTreeMap<_, _> = lines.filter_map(|line| line.split_once(' ')).collect();
    for (key, how) in &found {
        assert!(
            listed.contains_key(key.as_str()),
            "{key} is not in the list: {how}"
        );
    }
    for (key, reason) in &listed {
        assert!(
            found.contains_key(*key),
            "{key} is read as the corpus does, though: {reason}"
        );
    }
}
