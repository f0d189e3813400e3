//! `weir explain`: why the functions of a reading concluded what they did.

use std::fmt::Write as _;
use std::process::ExitCode;

use anyhow::Result;
use serde_json::Value;
use weir_model::percent_encoded;

use crate::cli::ExplainArgs;
use crate::commands::alarms::document;
use crate::output;

pub(crate) fn run(args: &ExplainArgs) -> Result<ExitCode> {
    let mut path = format!(
        "/api/v1/devices/{}/explain?sensor={}",
        percent_encoded(&args.device),
        percent_encoded(&args.sensor)
    );
    for (name, value) in [("at", &args.at), ("warmup", &args.warmup)] {
        if let Some(value) = value {
            let _ = write!(path, "&{name}={}", percent_encoded(value));
        }
    }
    let explained = document(&args.remote, &path)?;
    let shown = match args.json {
        true => serde_json::to_string_pretty(&explained)?,
        false => described(&explained),
    };
    output::line(&shown)?;
    Ok(ExitCode::SUCCESS)
}

fn described(explained: &Value) -> String {
    let reading = &explained["reading"];
    let mut text = format!(
        "{} {} {} at {}: {}",
        plain(&explained["device"]),
        plain(&explained["sensor"]),
        with_unit(&reading["value"], &reading["unit"]),
        plain(&reading["time"]),
        plain(&reading["quality"]),
    );
    let flags = plain(&reading["flags"]);
    if !flags.is_empty() {
        let _ = write!(text, " ({flags})");
    }
    let warmup = &explained["warmup"];
    let _ = write!(
        text,
        "\nbasis: {}, {} stored readings",
        plain(&explained["basis"]),
        warmup["readings"]
    );
    if let Some(from) = warmup["from"].as_str() {
        let _ = write!(text, " from {from} on");
    }
    for function in explained["functions"].as_array().into_iter().flatten() {
        push_function(&mut text, function);
    }
    let alarms = explained["alarms"].as_array();
    for alarm in alarms.into_iter().flatten() {
        let _ = write!(
            text,
            "\nopen: {} {} by {}: {}",
            plain(&alarm["severity"]),
            plain(&alarm["alarmId"]),
            plain(&alarm["function"]),
            plain(&alarm["reason"])
        );
    }
    if alarms.is_none_or(Vec::is_empty) {
        text.push_str("\nno alarm is open");
    }
    text
}

fn push_function(text: &mut String, function: &Value) {
    let concluded = &function["concluded"];
    let said = match (concluded["sentence"].as_str(), concluded["level"].as_str()) {
        (Some(sentence), Some(level)) => format!("{}: {sentence}", level.to_uppercase()),
        (Some(sentence), None) => sentence.to_owned(),
        (None, _) => plain(&function["note"]),
    };
    let _ = write!(
        text,
        "\n{} ({}, {}): {}",
        plain(&function["function"]),
        plain(&function["kind"]),
        plain(&function["stage"]),
        output::printable(&said)
    );
    if function["exact"] == true {
        text.push_str(" [exact]");
    }
    for (name, key) in [
        ("set to", "settings"),
        ("remembered", "remembered"),
        ("remembers", "remembers"),
    ] {
        let facts = facts(&function[key]);
        if !facts.is_empty() {
            let _ = write!(text, "\n    {name:<11} {facts}");
        }
    }
}

/// `mean 21.3 Cel, readings 400`.
fn facts(facts: &Value) -> String {
    let facts = facts.as_object().into_iter().flatten();
    let texts: Vec<String> = facts
        .map(|(name, fact)| match fact {
            Value::Object(_) => format!("{name} {}", with_unit(&fact["value"], &fact["unit"])),
            other => format!("{name} {}", plain(other)),
        })
        .collect();
    texts.join(", ")
}

fn with_unit(value: &Value, unit: &Value) -> String {
    let value = plain(value);
    match unit.as_str() {
        Some(unit) => format!("{value} {}", output::printable(unit)),
        None => value,
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => output::printable(text),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::described;

    #[test]
    fn an_explanation_reads_as_lines() {
        let explained = json!({
            "device": "boiler", "sensor": "temperature", "basis": "live",
            "reading": {"time": "2026-01-31T12:00:00Z", "value": 85.0, "unit": "Cel",
                "quality": "good", "flags": ""},
            "warmup": {"readings": 3, "from": "2026-01-31T11:58:00Z"},
            "functions": [{"function": "hot", "kind": "threshold", "stage": "detect",
                "ran": true, "exact": true,
                "settings": {"warning_high": {"value": 80.0, "unit": "Cel"}},
                "remembered": {"level": "none"}, "remembers": {"level": "warning"},
                "concluded": {"level": "warning", "sentence": "temperature 85 Cel is above"}}],
            "alarms": [],
        });
        let expect = "boiler temperature 85.0 Cel at 2026-01-31T12:00:00Z: good\n\
            basis: live, 3 stored readings from 2026-01-31T11:58:00Z on\n\
            hot (threshold, detect): WARNING: temperature 85 Cel is above [exact]\n    \
            set to      warning_high 80.0 Cel\n    \
            remembered  level none\n    \
            remembers   level warning\n\
            no alarm is open";
        assert_eq!(described(&explained), expect);
    }
}
