//! Tables of messages and what becomes of them. `properties` holds the laws.

use std::time::Duration;

use weir_config::{Config, Function, FunctionKind, Limits, Route, Threshold, TopicPattern};
use weir_model::{
    Flags, Ingress, Level, QuarantineReason, Severity, Side, Timestamp, Value, ValueKind,
};

use super::*;
use crate::inspect::latest::LatestValue;

mod absence;
mod bad_inputs;
mod derived;
mod descriptions;
mod devices;
mod effects;
mod every_kind;
mod field_cases;
mod forms;
mod hot_change;
mod latest_values;
mod metering;
mod properties;
mod reconfigure;
mod rights;
mod route_options;
mod rules_and_restore;
mod sequences;
mod times;

const WARNING: Level = Some(Severity::Warning);
const CRITICAL: Level = Some(Severity::Critical);

/// 2023-11-14T22:13:20Z in milliseconds: where the tests' readings begin.
const T0: i64 = 1_700_000_000_000;
/// 100 s later.
const RECEIVED: Timestamp = Timestamp(1_700_000_100_000_000_000);
const TOPIC: &str = "devices/p1/telemetry";

fn message<'a>(topic: &'a str, payload: &'a [u8]) -> Message<'a> {
    Message {
        received: RECEIVED,
        ingress: Ingress::Broker,
        client: "",
        topic,
        payload,
        qos: 1,
        retained: false,
        duplicate: false,
    }
}

fn config_with_topics(topics: &[&str]) -> Config {
    let route = |topic: &&str| Route {
        topic: TopicPattern::parse(topic).unwrap(),
        ..Route::default()
    };
    Config {
        routes: topics.iter().map(route).collect(),
        ..Config::default()
    }
}

fn overheat() -> Function {
    Function {
        name: "overheat".to_owned(),
        device: None,
        sensor: Some("temp*".to_owned()),
        location: None,
        kind: FunctionKind::Threshold(Threshold {
            warning_high: Some(80.0),
            critical_high: Some(90.0),
            deadband: 2.0,
            ..Threshold::default()
        }),
        on_delay: Duration::from_secs(10),
        off_delay: Duration::from_secs(30),
        longest_gap: None,
    }
}

/// An engine with a batch per message, so that tests read as message → outcome.
struct Bench {
    engine: Engine,
    position: u64,
}

impl Bench {
    fn new() -> Self {
        Self::with(&Config::default())
    }

    fn with(config: &Config) -> Self {
        Self {
            engine: Engine::new(config),
            position: 0,
        }
    }

    #[track_caller]
    fn send_message(&mut self, message: Message<'_>) -> Batch {
        let mut batch = Batch::default();
        self.engine
            .on_message(Position(self.position), &message, &mut batch);
        self.position += 100;
        let ended = batch.rows.readings() + batch.quarantined.len() as u64 + batch.deduplicated;
        assert_eq!(batch.received, ended, "every reading has one outcome");
        batch
    }

    #[track_caller]
    fn send_to(&mut self, topic: &str, payload: &str) -> Batch {
        self.send_message(message(topic, payload.as_bytes()))
    }

    #[track_caller]
    fn send(&mut self, payload: &str) -> Batch {
        self.send_to(TOPIC, payload)
    }

    #[track_caller]
    fn send_retained(&mut self, payload: &str, received: Timestamp) -> Batch {
        let message = Message {
            retained: true,
            received,
            ..message(TOPIC, payload.as_bytes())
        };
        self.send_message(message)
    }

    /// One temperature at `T0` plus so many milliseconds.
    #[track_caller]
    fn temperature(&mut self, millis: i64, value: f64) -> Batch {
        let time = T0 + millis;
        self.send(&format!(
            r#"{{"temperature": {value}, "timestamp": {time}}}"#
        ))
    }

    /// The rows as a person would write them down.
    fn show(&self, batch: &Batch) -> Vec<String> {
        let catalog = self.engine.catalog();
        let cell = |cell: &weir_model::Cell| {
            let column = catalog.column(cell.column);
            let unit = column
                .unit
                .as_deref()
                .map(|unit| format!(" {unit}"))
                .unwrap_or_default();
            let kind_fits =
                matches!(cell.value, Value::Text(_)) == (column.kind == ValueKind::Text);
            assert!(kind_fits, "a column holds one kind");
            match cell.value {
                Value::Number(value) => format!("{}={value}{unit}", column.sensor),
                Value::Text(text) => {
                    format!(
                        "{}={:?}{unit}",
                        column.sensor, batch.rows.texts[text as usize]
                    )
                }
            }
        };
        let row = |row: &weir_model::Row| {
            let cells: Vec<String> = batch.rows.cells_of(row).iter().map(cell).collect();
            format!(
                "{}@{:?} {:+}ms [{}] {}",
                catalog.device(row.device),
                &*catalog.location(row.location),
                row.time.millis() - T0,
                row.flags.names(),
                cells.join(" ")
            )
        };
        batch.rows.rows.iter().map(row).collect()
    }
}

fn reasons(batch: &Batch) -> Vec<(Option<u32>, QuarantineReason)> {
    batch
        .quarantined
        .iter()
        .map(|q| (q.reading, q.reason))
        .collect()
}

fn levels(batch: &Batch) -> Vec<Level> {
    batch.verdicts.iter().map(|verdict| verdict.level).collect()
}
