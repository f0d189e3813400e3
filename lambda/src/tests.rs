//! The handler against the pipeline that the server runs: the same messages have to
//! give the same rows, alerts, shadows and answers.

mod fleet;
mod reference_event;
mod schedules;
mod silence;

use std::sync::Arc;

use serde_json::Value;
use weir_config::Config;
use weir_influxdb::{LineBatch, encode_lines};
use weir_model::{Alert, Position, Timestamp};
use weir_pipeline::{Effects, Pipeline};

use crate::answer::Answer;
use crate::envelope::Call;
use crate::handler::{Handled, Handler, Settings};
use crate::message::{Incoming, MessageId};
use crate::recorded::Recorded;
use crate::settings::digest;
use crate::state::StateStore;

pub(super) const START: Timestamp = Timestamp(1_790_000_000_000_000_000);

pub(super) fn call(request_id: &str) -> Call<'_> {
    Call {
        request_id,
        now: START,
        deadline: Timestamp(i64::MAX),
        max_payload: 1 << 20,
    }
}

/// As in the server: nothing is refused here.
pub(super) fn settings(text: &str) -> Settings {
    let loaded = Config::from_toml_with_env(text, std::iter::empty()).unwrap();
    Settings {
        digest: digest(&loaded),
        config: loaded.config,
        service: "weir".to_owned(),
        clock: || START,
    }
}

pub(super) fn recorded(settings: &Settings) -> Arc<Recorded> {
    let mapping = settings.config.influxdb.clone().unwrap_or_default().mapping;
    Arc::new(Recorded::new(mapping))
}

pub(super) fn handler(
    settings: &Settings,
    recorded: &Arc<Recorded>,
    store: Option<Arc<dyn StateStore>>,
) -> Handler {
    Handler::new(settings.clone(), recorded.clone(), store)
}

/// Handles an event; its result.
#[track_caller]
pub(super) fn result(handler: &Handler, event: &Value, request_id: &str) -> Value {
    let Handled { answer, line } =
        handler.handle(event.to_string().as_bytes(), &call(request_id), None);
    match answer {
        Answer::Result(value) => value,
        Answer::Error { kind, message } => panic!("{kind}: {message}; {line}"),
    }
}

pub(super) fn incoming(id: u64, device: &str, received: Timestamp, payload: String) -> Incoming {
    Incoming {
        id: MessageId::Named(id.to_string()),
        topic: format!("devices/{device}/telemetry"),
        client: String::new(),
        received,
        payload: payload.into_bytes(),
        group: None,
        fault: None,
    }
}

/// What one pipeline made of messages.
pub(super) struct Whole {
    pub(super) lines: Vec<String>,
    pub(super) alerts: Vec<Alert>,
    pub(super) pipeline: Pipeline,
    pub(super) effects: Effects,
}

/// One pipeline, as in the server.
pub(super) fn whole<'m>(
    config: &Config,
    pipeline: Pipeline,
    messages: impl Iterator<Item = &'m Incoming>,
) -> Whole {
    let mut pipeline = pipeline;
    let mut effects = Effects::default();
    for (position, message) in (0..).map(Position).zip(messages) {
        pipeline.on_message(position, &message.message(), &mut effects);
    }
    let mapping = config.influxdb.clone().unwrap_or_default().mapping;
    let mut lines = [LineBatch::default()];
    let catalog = pipeline.engine().catalog();
    encode_lines(&effects.batch.rows, catalog, &mapping, &mut lines);
    let [lines] = lines;
    let lines = lines.body(&(0..lines.len())).lines().map(str::to_owned);
    Whole {
        lines: lines.collect(),
        alerts: effects.alerts.clone(),
        pipeline,
        effects,
    }
}

pub(super) fn json(alert: &Alert) -> String {
    serde_json::to_string(alert).unwrap()
}
