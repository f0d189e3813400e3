//! Differences of shadow documents for people: a line per path. Pure.
//!
//! ```text
//! power: reported "off", desired "on"
//! level.min: not reported, desired 3
//! ```

use std::fmt;

use serde_json::Value;

use crate::output::printable;

/// A path and its two values; `None` where there is none.
#[derive(Debug, PartialEq)]
pub(crate) struct Change {
    path: String,
    before: Option<Value>,
    after: Option<Value>,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.path)?;
        match (&self.before, &self.after) {
            (Some(before), Some(after)) => write!(f, "{} -> {}", json(before), json(after)),
            (None, Some(after)) => write!(f, "added {}", json(after)),
            (Some(before), None) => write!(f, "removed {}", json(before)),
            (None, None) => f.write_str("unchanged"),
        }
    }
}

/// What became of `before`, down to the paths that differ, in their order.
pub(crate) fn changes(before: &Value, after: &Value) -> Vec<Change> {
    let mut found = Vec::new();
    collect(String::new(), Some(before), Some(after), &mut found);
    found
}

/// What of a `get/accepted` is desired and not reported.
pub(crate) fn delta_lines(document: &Value) -> Vec<String> {
    let state = &document["state"];
    let mut paths = Vec::new();
    leaves(
        String::new(),
        &state["delta"],
        &state["reported"],
        &mut paths,
    );
    if paths.is_empty() {
        paths.push("reported is as desired".to_owned());
    }
    paths
}

fn leaves(path: String, desired: &Value, reported: &Value, lines: &mut Vec<String>) {
    match desired {
        Value::Null => {}
        Value::Object(members)
            if path.is_empty()
                || !members.is_empty() && (reported.is_object() || reported.is_null()) =>
        {
            for (name, desired) in members {
                leaves(joined(&path, name), desired, &reported[name], lines);
            }
        }
        desired => {
            let reported = match reported {
                Value::Null => "not reported".to_owned(),
                reported => format!("reported {}", json(reported)),
            };
            lines.push(format!("{path}: {reported}, desired {}", json(desired)));
        }
    }
}

fn collect(path: String, before: Option<&Value>, after: Option<&Value>, found: &mut Vec<Change>) {
    let present = |value: Option<&Value>| value.filter(|value| !value.is_null()).cloned();
    let (before, after) = (present(before), present(after));
    if before == after {
        return;
    }
    let empty = serde_json::Map::new();
    let members = |value: &Option<Value>| match value {
        Some(Value::Object(members)) => Some(members.clone()),
        // At the top there is an object or nothing.
        None if path.is_empty() => Some(empty.clone()),
        _ => None,
    };
    let (Some(old), Some(new)) = (members(&before), members(&after)) else {
        found.push(Change {
            path,
            before,
            after,
        });
        return;
    };
    let mut names: Vec<_> = old.keys().chain(new.keys()).collect();
    names.sort_unstable();
    names.dedup();
    for name in names {
        collect(joined(&path, name), old.get(name), new.get(name), found);
    }
}

fn joined(path: &str, name: &str) -> String {
    let name = printable(name);
    if path.is_empty() {
        name
    } else {
        format!("{path}.{name}")
    }
}

/// One line that a terminal does not obey.
fn json(value: &Value) -> String {
    printable(&value.to_string())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_delta_is_compared_with_what_is_reported() {
        let document = json!({"state": {
            "desired": {"power": "on", "level": {"min": 3, "max": 9}, "rgb": [1], "same": 1},
            "reported": {"power": "off", "level": {"max": 9}, "same": 1},
            "delta": {"power": "on", "level": {"min": 3}, "rgb": [1]},
        }});
        assert_eq!(
            delta_lines(&document),
            [
                "level.min: not reported, desired 3",
                "power: reported \"off\", desired \"on\"",
                "rgb: not reported, desired [1]",
            ]
        );
        for state in [json!({}), json!({"reported": {"a": 1}})] {
            let lines = delta_lines(&json!({"state": state}));
            assert_eq!(lines, ["reported is as desired"]);
        }
        let nothing = json!({"state": {"delta": {"a": {"b": 1}, "e": {}}}});
        let lines = delta_lines(&nothing);
        assert_eq!(
            lines,
            [
                "a.b: not reported, desired 1",
                "e: not reported, desired {}"
            ]
        );
        let other = json!({"state": {"delta": {"a": {"b": 1}}, "reported": {"a": 1}}});
        assert_eq!(delta_lines(&other), ["a: reported 1, desired {\"b\":1}"]);
    }

    #[test]
    fn changes_are_reported_down_to_the_path() {
        let check = |before: Value, after: Value, expect: &[&str]| {
            let lines: Vec<_> = changes(&before, &after)
                .iter()
                .map(Change::to_string)
                .collect();
            assert_eq!(lines, expect, "{before} {after}");
        };
        check(json!({"a": 1}), json!({"a": 1}), &[]);
        check(
            json!({"a": 1, "b": {"c": [1], "d": 2}, "e": "x"}),
            json!({"b": {"c": [2], "d": 2}, "e": "x", "f": {"g": 1}}),
            &["a: removed 1", "b.c: [1] -> [2]", "f: added {\"g\":1}"],
        );
        check(Value::Null, json!({"a": 1}), &["a: added 1"]);
        check(
            json!({"a": {"b": 1}}),
            json!({"a": 2}),
            &["a: {\"b\":1} -> 2"],
        );
    }

    #[test]
    fn a_name_from_a_device_does_not_command_a_terminal() {
        let lines = changes(&Value::Null, &json!({"\u{1b}[2J": "\u{9b}2J"}));
        assert!(!lines[0].to_string().chars().any(char::is_control));
    }
}
