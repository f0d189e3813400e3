//! InfluxData's corpus for writers of line protocol (MIT), and where we differ.
//!
//! What Weir does not write is left out: integers, booleans. Its floats always
//! have a point.

use std::collections::BTreeSet;
use std::fs::read_to_string;
use std::path::Path;

use serde_json::Value;

use super::{KEY, MEASUREMENT, push_escaped, push_text};

/// Below the root of the workspace.
const CORPUS: &str = "tests/data/line-protocol/corpus.json";

/// Cases that are written otherwise. Line protocol has no escape for a backslash
/// outside of texts: one that stands before a separator, and would escape it when
/// the line is read, is written as a slash. The corpus doubles it, which servers
/// read as two backslashes, or as one and a separator.
const SLASHES: [&str; 5] = [
    "20f288a995174bed597f0b405df7756b",
    "7c0c4a665d3581854019e2c01c485f56",
    "9ce4e716b8ba198c7a6a16cf12c8c1e3",
    "b3db57d81f6283cd8ffdc25df4ef66d1",
    "f84fa178c83d4c4fdeb903e337af0c88",
];
/// A line break in a text stands there as it is, which servers take; `\n` they read as
/// two characters.
const LINE_BREAK: &str = "65a52922c8cba2673eff7194628cc1e0";
/// 6632243, not 6.632243e+06.
const EXPONENT: &str = "34f17db4b263f6f2647d931eae615510";
/// A tag without a value is left out, and is no error.
const EMPTY_TAG: &str = "72fe529da6084a44692fe27cc2f105d1";

/// A point as one line; `None` when it has values that Weir does not write.
fn line(point: &Value) -> Option<String> {
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let mut line = String::new();
    push_escaped(&mut line, &text(&point["name"]), MEASUREMENT);
    for tag in list(&point["tags"]) {
        let value = text(&tag["value"]);
        if !value.is_empty() {
            line.push(',');
            push_escaped(&mut line, &text(&tag["key"]), KEY);
            line.push('=');
            push_escaped(&mut line, &value, KEY);
        }
    }
    for (number, field) in list(&point["fields"]).iter().enumerate() {
        line.push(if number == 0 { ' ' } else { ',' });
        push_escaped(&mut line, &text(&field["key"]), KEY);
        let value = &field["value"];
        if let Some(number) = value["float"].as_f64() {
            let number = format!("{number:?}");
            line.push('=');
            line.push_str(number.strip_suffix(".0").unwrap_or(&number));
        } else {
            push_text(&mut line, value["string"].as_str()?);
        }
    }
    Some(format!("{line} {}", point["time"]))
}

#[test]
fn lines_are_written_as_the_corpus_has_them_but_for_a_frozen_list() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .find_map(|folder| read_to_string(folder.join(CORPUS)).ok())
        .unwrap_or_else(|| panic!("{CORPUS} is missing"));
    let corpus: Value = serde_json::from_str(&corpus).expect("it is JSON");
    let cases = corpus["encode"].as_object().expect("an object");
    assert_eq!(cases.len(), 115);
    let (mut compared, mut otherwise) = (0, BTreeSet::new());
    for (key, case) in cases {
        let Some(ours) = line(&case["input"]["point"]) else {
            continue;
        };
        compared += 1;
        if case["output"]["result"].as_str() != Some(&ours) {
            otherwise.insert(key.as_str());
        }
    }
    let listed = SLASHES.into_iter().chain([LINE_BREAK, EXPONENT, EMPTY_TAG]);
    assert_eq!(otherwise, listed.collect());
    assert_eq!(compared, 73);
}
