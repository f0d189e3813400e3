//! `weir alarms …`: what operations do from a shell.

use std::process::ExitCode;

use anyhow::Result;
use serde_json::{Value, json};
use weir_model::percent_encoded;

use crate::cli::{AlarmAction, AlarmsArgs, AlarmsCommand, Remote};
use crate::commands::alarm_figures;
use crate::commands::documents::{cell, document, table, time};
use crate::commands::remote::text;
use crate::output;

pub(crate) fn run(args: AlarmsArgs) -> Result<ExitCode> {
    let remote = &args.remote;
    match args.command {
        AlarmsCommand::List { all, device, json } => {
            let state = if all { "any" } else { "open" };
            let mut path = format!("/api/v1/alarms?state={state}");
            if let Some(device) = device {
                path.push_str(&format!("&device={}", percent_encoded(&device)));
            }
            print(remote, &path, "alarms", json, alarms)?;
        }
        AlarmsCommand::Show { id, json } => {
            let path = format!("/api/v1/alarms/{}", percent_encoded(&id));
            let found = document(remote, &path)?;
            let shown = if json {
                serde_json::to_string_pretty(&found)?
            } else {
                alarm(&found)
            };
            output::line(&shown)?;
        }
        AlarmsCommand::Ack(action) => act(remote, &action, "ack", Value::Null)?,
        AlarmsCommand::Unack(action) => act(remote, &action, "unack", Value::Null)?,
        AlarmsCommand::Shelve { duration, action } => {
            act(remote, &action, "shelve", json!({"duration": duration}))?;
        }
        AlarmsCommand::Unshelve(action) => act(remote, &action, "unshelve", Value::Null)?,
        AlarmsCommand::OutOfService(action) => act(remote, &action, "out-of-service", Value::Null)?,
        AlarmsCommand::InService(action) => act(remote, &action, "in-service", Value::Null)?,
        AlarmsCommand::Comment { id, text, by } => {
            let action = AlarmAction {
                id,
                by,
                note: Some(text),
            };
            act(remote, &action, "comment", Value::Null)?;
        }
        AlarmsCommand::Assign { action, to } => act(remote, &action, "assign", json!({"to": to}))?,
        AlarmsCommand::Audit { limit, json } => {
            let path = format!("/api/v1/alarms/audit?limit={limit}");
            print(remote, &path, "audit", json, audit)?;
        }
        AlarmsCommand::Kpi { from, to, json } => alarm_figures::kpi(from, to, json, remote)?,
        AlarmsCommand::Channels { json } => {
            let path = "/api/v1/alarms/channels";
            print(remote, path, "channels", json, alarm_figures::channels)?;
        }
        AlarmsCommand::TestChannel { name } => {
            test_channel(remote, &name)?;
        }
        AlarmsCommand::DeadLetters { limit, json } => {
            let path = format!("/api/v1/alarms/dead-letters?limit={limit}");
            print(
                remote,
                &path,
                "deadLetters",
                json,
                alarm_figures::dead_letters,
            )?;
        }
        AlarmsCommand::Retry { n } => {
            retry(remote, &n)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn test_channel(remote: &Remote, name: &str) -> Result<()> {
    let path = format!("/api/v1/alarms/channels/{}/test", percent_encoded(name));
    let answer = text(remote.post(&path, "application/json", "")?)?;
    let answer: Value = serde_json::from_str(&answer)?;
    let id = answer["id"].as_str().unwrap_or_default();
    let topic = answer["topic"].as_str();
    let at = topic.map_or_else(String::new, |topic| format!(", published to {topic}"));
    output::line(&format!(
        "the channel {name} accepted the test notification {id}{at}"
    ))?;
    Ok(())
}

/// `n`: the number of a dead letter, or `all`.
fn retry(remote: &Remote, n: &str) -> Result<()> {
    let path = format!("/api/v1/alarms/dead-letters/{}/retry", percent_encoded(n));
    let answer = text(remote.post(&path, "application/json", "")?)?;
    let answer: Value = serde_json::from_str(&answer)?;
    output::line(&format!("{} moved back to the outbox", answer["retried"]))?;
    Ok(())
}

/// What the path has under `key`, as JSON or as a table.
fn print(
    remote: &Remote,
    path: &str,
    key: &str,
    json: bool,
    table: impl FnOnce(&[Value]) -> String,
) -> Result<()> {
    let document = document(remote, path)?;
    let items = &document[key];
    let shown = if json {
        serde_json::to_string_pretty(items)?
    } else {
        table(items.as_array().map(Vec::as_slice).unwrap_or_default())
    };
    output::line(&shown)?;
    Ok(())
}

fn act(remote: &Remote, action: &AlarmAction, name: &str, more: Value) -> Result<()> {
    let mut body = json!({"by": action.by.clone().or_else(user), "note": action.note});
    if let (Some(body), Value::Object(more)) = (body.as_object_mut(), more) {
        body.extend(more);
    }
    let path = format!("/api/v1/alarms/{}/{name}", percent_encoded(&action.id));
    let answer = remote.post(&path, "application/json", &body.to_string())?;
    output::line(&text(answer)?)?;
    Ok(())
}

fn user() -> Option<String> {
    std::env::var("USER").ok().filter(|user| !user.is_empty())
}

fn alarms(alarms: &[Value]) -> String {
    if alarms.is_empty() {
        return "no alarms".to_owned();
    }
    let header = [
        "priority", "severity", "state", "device", "sensor", "since", "reason", "id",
    ];
    let row = |alarm: &Value| {
        let mut state = cell(alarm, "lifecycle");
        if let Some(who) = alarm["assignedTo"].as_str() {
            state.push_str(&format!(", with {}", output::printable(who)));
        }
        vec![
            cell(alarm, "priority"),
            cell(alarm, "severity"),
            state,
            cell(alarm, "deviceId"),
            cell(alarm, "sensor"),
            time(alarm, "raisedAt"),
            cell(alarm, "reason"),
            cell(alarm, "alarmId"),
        ]
    };
    table(&header, alarms.iter().map(row))
}

/// One alarm: what, where and why first, then what is known of it, then what was done.
fn alarm(alarm: &Value) -> String {
    let number = |key: &str| alarm[key].as_f64().map(|number| number.to_string());
    // Nothing, or what is there behind a word.
    let behind = |word: &str, item: &Value, key: &str| match cell(item, key) {
        text if text.is_empty() => text,
        text => format!("{word}{text}"),
    };
    let unit = behind(" ", alarm, "unit");
    let limit =
        number("threshold").map_or_else(String::new, |limit| format!(", limit {limit}{unit}"));
    let acknowledged = &alarm["acknowledged"];
    let acknowledgement = format!(
        "{}{}{}",
        time(acknowledged, "at"),
        behind(" by ", acknowledged, "by"),
        behind(": ", acknowledged, "note")
    );
    let lines = [
        ("id", cell(alarm, "alarmId")),
        (
            "state",
            format!("{}, {}", cell(alarm, "state"), cell(alarm, "lifecycle")),
        ),
        ("suppressed", cell(alarm, "heldBack")),
        ("priority", cell(alarm, "priority")),
        ("function", cell(alarm, "function")),
        (
            "value",
            number("value").map_or_else(
                || cell(alarm, "text"),
                |value| format!("{value}{unit}{limit}"),
            ),
        ),
        ("location", cell(alarm, "location")),
        ("raised", time(alarm, "raisedAt")),
        ("updated", time(alarm, "updatedAt")),
        ("returned", time(alarm, "returnedAt")),
        ("cleared", time(alarm, "clearedAt")),
        ("acknowledged", acknowledgement),
        ("shelved until", time(alarm, "shelvedUntil")),
        ("with", cell(alarm, "assignedTo")),
        ("what to do", cell(alarm, "action")),
    ];
    let mut text = format!(
        "{} {} {}\n{}\n",
        cell(alarm, "severity"),
        cell(alarm, "deviceId"),
        cell(alarm, "sensor"),
        cell(alarm, "reason"),
    );
    for (name, value) in lines.iter().filter(|(_, value)| !value.is_empty()) {
        text.push_str(&format!("\n{name:<14}{value}"));
    }
    let list = |key: &str| alarm[key].as_array().cloned().unwrap_or_default();
    let comments = list("comments");
    if !comments.is_empty() {
        let row = |comment: &Value| {
            vec![
                time(comment, "at"),
                cell(comment, "by"),
                cell(comment, "text"),
            ]
        };
        text.push_str("\n\n");
        text.push_str(&table(&["at", "by", "comment"], comments.iter().map(row)));
    }
    text.push_str("\n\n");
    text.push_str(&audit(&list("audit")));
    text
}

fn audit(entries: &[Value]) -> String {
    if entries.is_empty() {
        return "no actions".to_owned();
    }
    let row = |entry: &Value| {
        let note = match entry["to"].as_str() {
            Some(to) => format!("to {} {}", output::printable(to), cell(entry, "note")),
            None => cell(entry, "note"),
        };
        vec![
            time(entry, "at"),
            cell(entry, "by"),
            cell(entry, "action"),
            note,
            cell(entry, "alarmId"),
        ]
    };
    table(
        &["at", "by", "action", "note", "alarm"],
        entries.iter().map(row),
    )
}
