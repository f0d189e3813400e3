//! One function in an explanation: settings, memory and conclusion, as JSON.

use serde_json::{Map, Value, json};
use weir_backtest::explain::{Concluded, Past, sentence};
use weir_backtest::readings::Content;
use weir_engine::{Explained, Fact, FactValue};
use weir_model::{Flags, Severity};

use super::Asked;

/// One function, as it is now (`function`) and as it was at the reading.
pub(super) fn described(
    function: &Explained,
    past: &Past,
    asked: &Asked,
    sensor: &str,
    unit: Option<&str>,
) -> Value {
    let (before, after) = (
        past.before.get(&function.name),
        past.after.get(&function.name),
    );
    let unseen = unseen(function, asked);
    let concluded = past.conclusions.get(&function.name);
    let concluded = concluded.filter(|_| unseen.is_none());
    let mut document = json!({
        "function": function.name,
        "kind": function.kind,
        "stage": function.stage,
        "settings": facts(&function.settings, unit),
        "ran": concluded.is_some(),
    });
    if concluded.is_some() {
        document["remembered"] = before.map_or(Value::Null, |before| facts(&before.memory, unit));
    }
    if asked.last {
        document["remembers"] = facts(&function.memory, unit);
        let exact = after.is_some_and(|after| after.exact == function.exact);
        document["exact"] = json!(exact && concluded.is_some());
    } else if let Some(after) = after.filter(|_| concluded.is_some()) {
        document["remembers"] = facts(&after.memory, unit);
    }
    match concluded {
        Some(concluded) => document["concluded"] = conclusion(concluded, asked, sensor, unit),
        None => {
            let why = unseen.unwrap_or("it does not look at such a reading");
            document["note"] = json!(why);
        }
    }
    document
}

/// Why the conclusion of the function is missing.
fn unseen(function: &Explained, asked: &Asked) -> Option<&'static str> {
    let has = |flag: Flags| asked.flags.contains(&flag.names());
    match function.kind {
        "absence" => Some("it watches the time that passes, and is not asked about readings"),
        "clock" => Some("it compares with when the reading came, which is not stored"),
        _ if &*function.name == "payload" => {
            Some("the limits that came with the reading are not stored")
        }
        _ if has(Flags::LATE) => {
            Some("the reading came late: only checks that remember nothing looked at it")
        }
        _ if has(Flags::RETAINED) => {
            Some("the message was retained: only checks that remember nothing looked at it")
        }
        _ => None,
    }
}

fn conclusion(concluded: &Concluded, asked: &Asked, sensor: &str, unit: Option<&str>) -> Value {
    let verdict = &concluded.verdict;
    let value = match (&asked.content, unit) {
        (Content::Number(number), Some(unit)) => format!("{number} {unit}"),
        (Content::Number(number), None) => number.to_string(),
        (Content::Text(text), _) => format!("{text:?}"),
        (Content::None, _) => "without a value".to_owned(),
    };
    let mut document = json!({
        "level": verdict.level.map(Severity::as_str),
        "sentence": sentence(sensor, &value, unit, concluded),
        "numbers": verdict.why,
    });
    if let Some(quality) = concluded.quality {
        document["quality"] = json!(quality);
    }
    if !verdict.score.is_nan() {
        document["score"] = json!(verdict.score);
    }
    if !verdict.threshold.is_nan() {
        document["threshold"] = json!({"value": verdict.threshold, "unit": unit});
        document["side"] = json!(verdict.side);
    }
    document
}

pub(super) fn facts(facts: &[Fact], unit: Option<&str>) -> Value {
    let documents = facts.iter().map(|fact| {
        let value = match &fact.value {
            FactValue::Measure(value) => json!({"value": value, "unit": unit}),
            FactValue::Number(number) => json!(number),
            FactValue::Count(count) => json!(count),
            FactValue::Seconds(seconds) => json!({"value": seconds, "unit": "s"}),
            FactValue::Time(time) => json!(time.to_rfc3339()),
            FactValue::Text(text) => json!(text),
        };
        (fact.name.to_owned(), value)
    });
    Value::Object(documents.collect::<Map<String, Value>>())
}

pub(super) fn as_json(content: &Content) -> Value {
    match content {
        Content::Number(number) => json!(number),
        Content::Text(text) => json!(text),
        Content::None => Value::Null,
    }
}
