//! `GET /api/v1/quarantine?reason&limit`: what was rejected, verbatim, and why.

use axum::Json;
use axum::extract::{Query, State};
use serde::Deserialize;
use serde_json::{Value, json};
use weir_model::QuarantineEntry;
use weir_model::{QuarantineReason, hex};

use crate::api::Shared;
use crate::problem::Problem;

const DEFAULT_LIMIT: usize = 100;
const MAX_LIMIT: usize = 10_000;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Params {
    reason: Option<String>,
    limit: Option<usize>,
}

pub(crate) async fn list(
    State(api): Shared,
    Query(params): Query<Params>,
) -> Result<Json<Value>, Problem> {
    let reason = params.reason.as_deref().map(reason_named).transpose()?;
    let limit = params.limit.unwrap_or(DEFAULT_LIMIT).min(MAX_LIMIT);
    let listed =
        tokio::task::spawn_blocking(move || api.stores.quarantine.list(reason, limit)).await;
    let entries = listed
        .map_err(Problem::internal)?
        .map_err(Problem::internal)?;
    let entries: Vec<Value> = entries.iter().map(document).collect();
    Ok(Json(json!({"entries": entries})))
}

pub(crate) fn reason_named(name: &str) -> Result<QuarantineReason, Problem> {
    QuarantineReason::from_name(name).ok_or_else(|| {
        let names: Vec<_> = QuarantineReason::ALL
            .iter()
            .map(|reason| reason.as_str())
            .collect();
        Problem::bad_request(format!(
            "there is no reason {name:?}; there are {}",
            names.join(", ")
        ))
    })
}

fn document(entry: &QuarantineEntry) -> Value {
    let text = std::str::from_utf8(&entry.payload).ok();
    let mut document = json!({
        "id": format!("{}-{}", entry.position, entry.reading.map_or("m".to_owned(), |n| n.to_string())),
        "message": entry.position.0,
        "received": entry.received.to_rfc3339(),
        "reason": entry.reason.as_str(),
        "detail": entry.detail,
        "topic": entry.topic,
        "client": entry.client,
        "door": entry.ingress.as_str(),
        "reading": entry.reading,
        "retained": entry.retained,
        "replayed": entry.replayed.map(|at| at.to_rfc3339()),
        "payloadBytes": entry.payload_bytes,
        "payload": text,
    });
    if entry.payload.is_empty() && entry.payload_bytes > 0 {
        // Another entry of the same message holds the bytes.
        document["payload"] = Value::Null;
        return document;
    }
    if text.is_none() {
        document["payloadHex"] = Value::String(hex(&entry.payload));
    }
    document
}
