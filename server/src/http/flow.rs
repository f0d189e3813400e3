//! Whether Weir lives, is ready, and what became of everything it received.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::{Api, Shared};
use crate::flow::document;

/// `GET /healthz`: the process answers.
pub(super) async fn healthz() -> Json<Value> {
    Json(json!({"status": "ok"}))
}

/// `GET /readyz`: 200, or 503 with what is wrong, by component. `degraded` tells
/// what somebody should look at though Weir does its work.
pub(super) async fn readyz(State(api): Shared) -> Response {
    let reasons = reasons(&api);
    let status = if reasons.is_empty() {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (
        status,
        Json(json!({
            "ready": reasons.is_empty(),
            "reasons": reasons,
            "degraded": degraded(&api),
        })),
    )
        .into_response()
}

/// `GET /api/v1/flow`
pub(super) async fn flow(State(api): Shared) -> Json<Value> {
    Json(flow_document(&api))
}

/// Messages are read before the journal's counters, so that none of them is
/// processed before it was received.
pub(super) fn flow_document(api: &Api) -> Value {
    let counts = api.flow.counts();
    document(&counts, &api.journal.status())
}

/// By component, as [`reasons`].
pub(super) fn degraded(api: &Api) -> BTreeMap<&'static str, String> {
    let config = api.reloads.refused().map(|reason| ("config", reason));
    config.into_iter().collect()
}

/// What is wrong, by component.
pub(crate) fn reasons(api: &Api) -> BTreeMap<String, String> {
    let mut reasons = api.health.reasons();
    let journal = api.journal.status();
    if let Some(stalled) = journal.stalled {
        reasons.insert("journal".to_owned(), stalled);
    }
    for source in api.sources.iter() {
        for (connection, reason) in source.status().unhealthy() {
            reasons.insert(format!("source {connection}"), reason);
        }
    }
    reasons
}
