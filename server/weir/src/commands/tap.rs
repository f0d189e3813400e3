//! `weir tap`: live readings and alerts, a line each.

use std::io::{BufRead, BufReader};
use std::process::ExitCode;

use anyhow::{Context, Result};
use serde_json::Value;
use weir_model::percent_encoded;

use crate::cli::TapArgs;
use crate::output;

pub(crate) fn run(args: &TapArgs) -> Result<ExitCode> {
    let mut query = Vec::new();
    query.extend(
        args.device
            .as_deref()
            .map(|device| format!("device={}", percent_encoded(device))),
    );
    query.extend(
        args.sensor
            .as_deref()
            .map(|sensor| format!("sensor={}", percent_encoded(sensor))),
    );
    let response = args
        .remote
        .get(&format!("/api/v1/stream?{}", query.join("&")))?;
    let mut event = String::new();
    for line in BufReader::new(response.into_body().into_reader()).lines() {
        let line = line.context("the stream ended; has Weir stopped?")?;
        if let Some(name) = line.strip_prefix("event: ") {
            event = name.to_owned();
        } else if let Some(data) = line.strip_prefix("data: ")
            && event != "flow"
        {
            let text = if args.json {
                json_line(&event, data)
            } else {
                person_line(&event, data)?
            };
            if !output::line(&text)? {
                break;
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn json_line(event: &str, data: &str) -> String {
    format!("{{\"event\":\"{event}\",\"data\":{data}}}")
}

fn person_line(event: &str, data: &str) -> Result<String> {
    let value: Value = serde_json::from_str(data).context("the stream sent something odd")?;
    let text = |key: &str| output::printable(value[key].as_str().unwrap_or_default());
    Ok(match event {
        "reading" => format!(
            "{}  {:<20} {:<16} {} {}",
            text("time"),
            text("device"),
            text("sensor"),
            output::printable(&value["value"].to_string()),
            text("unit"),
        ),
        "alert" => format!(
            "{}  {:<20} {} {}: {}",
            value["timestamp"],
            text("deviceId"),
            text("severity"),
            text("state"),
            text("reason"),
        ),
        _ => format!("({event} {data})"),
    })
}
