//! `weir lambda invoke|events`: the function of AWS Lambda on this machine, without
//! AWS. The handler is that of `bootstrap`; its ways out only remember.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use weir_config::{AwsState, LineMapping};
use weir_lambda::envelope::Call;
use weir_lambda::state::StateStore;
use weir_lambda::state::in_memory::InMemory;
use weir_lambda::{Answer, Handler, Record, Recorded, Sample, settings, wrap};
use weir_model::Timestamp;

use crate::cli::lambda::{EventSource, EventsArgs, InvokeArgs, LambdaCommand};
use crate::commands::bad_config;
use crate::output;

/// As long as AWS lets a function run.
const PATIENCE: i64 = 900_000_000_000;

pub(crate) fn run(command: &LambdaCommand) -> Result<ExitCode> {
    match command {
        LambdaCommand::Invoke(args) => invoke(args),
        LambdaCommand::Events(args) => events(args),
    }
}

fn invoke(args: &InvokeArgs) -> Result<ExitCode> {
    let settings = match settings::load(args.config.as_deref(), "weir") {
        Ok(settings) => settings,
        Err(error) => {
            eprintln!("{error}");
            return Ok(bad_config());
        }
    };
    let mapping = settings.config.influxdb.as_ref();
    let mapping = mapping.map_or_else(LineMapping::default, |influxdb| influxdb.mapping.clone());
    let recorded = Arc::new(Recorded::new(mapping));
    let store: Option<Arc<dyn StateStore>> = match settings.config.aws.state {
        AwsState::None => None,
        AwsState::DynamoDb => Some(Arc::new(InMemory::default())),
    };
    let handler = Handler::new(settings, recorded.clone(), store);
    let mut code = ExitCode::SUCCESS;
    let mut nth = 0;
    for path in &args.events {
        for event in events_of(path)? {
            nth += 1;
            let id = format!("invoke-{nth}");
            let now = Timestamp::now();
            let call = Call {
                request_id: &id,
                now,
                deadline: now.saturating_add_nanos(PATIENCE),
                max_payload: handler.max_payload(),
            };
            let handled = handler.handle(&event, &call, None);
            let document = document(&recorded.take(), &handled.answer, &handled.line);
            if matches!(handled.answer, Answer::Error { .. }) {
                code = ExitCode::FAILURE;
            }
            let shown = match args.json {
                true => serde_json::to_string_pretty(&document)?,
                false => described(&document),
            };
            output::line(&shown)?;
        }
    }
    Ok(code)
}

/// One event, or one per line of a `.jsonl` file.
fn events_of(path: &Path) -> Result<Vec<Vec<u8>>> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    if path
        .extension()
        .is_none_or(|extension| extension != "jsonl")
    {
        return Ok(vec![bytes]);
    }
    let lines = bytes.split(|byte| *byte == b'\n');
    let lines = lines.filter(|line| !line.trim_ascii().is_empty());
    Ok(lines.map(<[u8]>::to_vec).collect())
}

fn document(record: &Record, answer: &Answer, line: &Value) -> Value {
    let shadows = record.reports.iter().map(|report| {
        let update = serde_json::from_slice(&report.payload).unwrap_or(Value::Null);
        json!({"device": report.device, "update": update})
    });
    let rejected = record.rejected.iter().map(|rejected| {
        let entry = &rejected.entry;
        json!({
            "id": rejected.message_id,
            "device": rejected.device,
            "reason": entry.reason.as_str(),
            "detail": entry.detail,
            "reading": entry.reading,
            "topic": entry.topic,
            "payload": String::from_utf8_lossy(&entry.payload),
        })
    });
    let answer = match answer {
        Answer::Result(value) => value.clone(),
        Answer::Error { kind, message } => json!({"errorType": kind, "errorMessage": message}),
    };
    json!({
        "rows": record.lines,
        "alerts": record.alerts,
        "shadows": shadows.collect::<Vec<_>>(),
        "quarantine": rejected.collect::<Vec<_>>(),
        "answer": answer,
        "log": line,
    })
}

fn described(document: &Value) -> String {
    let mut text = String::new();
    for name in ["rows", "alerts", "shadows", "quarantine"] {
        let items = document[name]
            .as_array()
            .map(Vec::as_slice)
            .unwrap_or_default();
        text.push_str(&format!("{name}: {}\n", items.len()));
        for item in items {
            let item = match item {
                Value::String(line) => line.clone(),
                other => other.to_string(),
            };
            text.push_str(&format!("  {}\n", output::printable(&item)));
        }
    }
    text.push_str(&format!("answer: {}", document["answer"]));
    text
}

fn events(args: &EventsArgs) -> Result<ExitCode> {
    let now = Timestamp::now();
    let payloads = match &args.from {
        Some(path) => {
            let bytes =
                std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
            let lines = bytes.split(|byte| *byte == b'\n');
            let lines = lines.filter(|line| !line.trim_ascii().is_empty());
            lines.map(<[u8]>::to_vec).collect()
        }
        None => vec![reference_event(now).to_string().into_bytes()],
    };
    let topics: Vec<String> = payloads
        .iter()
        .map(|payload| args.topic.clone().unwrap_or_else(|| topic_of(payload)))
        .collect();
    let messages = topics.iter().zip(&payloads);
    let messages: Vec<(&str, &[u8])> = messages
        .map(|(topic, payload)| (topic.as_str(), payload.as_slice()))
        .collect();
    let sample = match args.source {
        EventSource::Sqs => Sample::Sqs,
        EventSource::SqsFifo => Sample::SqsFifo,
        EventSource::Kinesis => Sample::Kinesis,
        EventSource::Iot => Sample::Iot,
        EventSource::Http => Sample::Http,
        EventSource::Tick => Sample::Tick,
    };
    // The numbers make ids: those of two calls differ.
    let first = now.millis().unsigned_abs() % 1_000_000_000_000;
    for event in wrap(sample, &messages, now, first) {
        if !output::line(&event.to_string())? {
            break;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// As the codec takes it: `devices/{deviceId}/telemetry`.
fn topic_of(payload: &[u8]) -> String {
    let value: Value = serde_json::from_slice(payload).unwrap_or_default();
    let device = value["deviceId"].as_str().unwrap_or("device");
    format!("devices/{device}/telemetry")
}

fn reference_event(now: Timestamp) -> Value {
    let reading = |sensor: &str, value: f64, warning: f64, critical: f64| {
        json!({"sensorId": sensor, "value": value, "timestamp": now.millis(),
            "warningThreshold": warning, "criticalThreshold": critical})
    };
    json!({
        "deviceId": "pump-1",
        "data": [
            reading("temperature", 85.5, 70.0, 80.0),
            reading("pressure", 6.2, 5.0, 8.0),
            reading("flow", 12.0, 20.0, 30.0),
        ],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sample_event_is_handled_and_described() {
        let settings = settings::from_text("", "weir").unwrap();
        let recorded = Arc::new(Recorded::new(LineMapping::default()));
        let handler = Handler::new(settings, recorded.clone(), None);
        let now = Timestamp(1_790_000_000_000_000_000);
        let event = reference_event(now).to_string();
        assert_eq!(topic_of(event.as_bytes()), "devices/pump-1/telemetry");
        let call = Call {
            request_id: "r",
            now,
            deadline: Timestamp(i64::MAX),
            max_payload: 1 << 20,
        };
        let handled = handler.handle(event.as_bytes(), &call, None);
        let shown = described(&document(&recorded.take(), &handled.answer, &handled.line));
        for part in [
            "rows: 3\n",
            "alerts: 2\n",
            "shadows: 1\n",
            "quarantine: 0\n",
            "statusCode",
        ] {
            assert!(shown.contains(part), "{part}: {shown}");
        }
    }
}
