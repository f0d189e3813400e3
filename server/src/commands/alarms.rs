//! `weir alarms list|ack|shelve`.

use std::process::ExitCode;

use anyhow::Result;
use comfy_table::{ContentArrangement, Table, presets};
use serde_json::{Value, json};
use weir_model::Timestamp;

use crate::cli::AlarmsCommand;
use crate::commands::remote::{encoded, text};
use crate::output;

pub(crate) fn run(command: AlarmsCommand) -> Result<ExitCode> {
    match command {
        AlarmsCommand::List {
            all,
            device,
            json,
            remote,
        } => {
            let state = if all { "any" } else { "open" };
            let mut path = format!("/api/v1/alarms?state={state}");
            if let Some(device) = device {
                path.push_str(&format!("&device={}", encoded(&device)));
            }
            let document: Value = serde_json::from_str(&text(remote.get(&path)?)?)?;
            let alarms = &document["alarms"];
            if json {
                output::line(&serde_json::to_string_pretty(alarms)?)?;
            } else {
                output::line(&table(
                    alarms.as_array().map(Vec::as_slice).unwrap_or_default(),
                ))?;
            }
        }
        AlarmsCommand::Ack {
            id,
            by,
            note,
            remote,
        } => {
            let body = json!({"by": by.or_else(user), "note": note}).to_string();
            let path = format!("/api/v1/alarms/{}/ack", encoded(&id));
            output::line(&text(remote.post(&path, "application/json", &body)?)?)?;
        }
        AlarmsCommand::Shelve {
            id,
            duration,
            by,
            note,
            remote,
        } => {
            let body =
                json!({"by": by.or_else(user), "note": note, "duration": duration}).to_string();
            let path = format!("/api/v1/alarms/{}/shelve", encoded(&id));
            output::line(&text(remote.post(&path, "application/json", &body)?)?)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn user() -> Option<String> {
    std::env::var("USER").ok().filter(|user| !user.is_empty())
}

fn table(alarms: &[Value]) -> String {
    if alarms.is_empty() {
        return "no alarms".to_owned();
    }
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED);
    table.set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header([
        "severity", "state", "device", "sensor", "since", "reason", "id",
    ]);
    for alarm in alarms {
        let cell = |key: &str| output::printable(alarm[key].as_str().unwrap_or_default());
        let since = alarm["raisedAt"]
            .as_i64()
            .and_then(Timestamp::from_millis)
            .map(|time| time.to_string())
            .unwrap_or_default();
        let cells = [
            cell("severity"),
            cell("state"),
            cell("deviceId"),
            cell("sensor"),
            since,
            cell("reason"),
            cell("alarmId"),
        ];
        table.add_row(cells);
    }
    table.to_string()
}
