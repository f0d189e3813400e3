//! Whether the process answers and is ready, and the outcomes of everything it
//! received.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::api::{Api, Shared};

/// `GET /healthz`: the process answers.
pub(crate) async fn healthz() -> Json<Value> {
    Json(json!({"status": "ok"}))
}

/// `GET /readyz`: 200, or 503 with what is wrong, by component. `degraded`
/// lists what needs attention although Weir does its work.
pub(crate) async fn readyz(State(api): Shared) -> Response {
    let document = ready_document(&api);
    let status = if document["ready"] == true {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (status, Json(document)).into_response()
}

pub(crate) fn ready_document(api: &Api) -> Value {
    let mut reasons = api.readiness.reasons();
    let mut degraded = api.readiness.degraded();
    match api.sql.stuck() {
        0 => {}
        stuck if api.sql.is_stuck() => {
            let reason = format!("{stuck} queries do not come back: no further query is planned");
            reasons.insert("queries".to_owned(), reason);
        }
        stuck => {
            let reason = format!("{stuck} queries do not come back and hold a thread each");
            degraded.insert("queries", reason);
        }
    }
    json!({
        "ready": reasons.is_empty(),
        "reasons": reasons,
        "degraded": degraded,
    })
}

/// `GET /api/v1/flow`
pub(crate) async fn flow(State(api): Shared) -> Json<Value> {
    Json(flow_document(&api))
}

/// Messages are read before the journal's counters, so that none of them is
/// processed before it was received.
pub(crate) fn flow_document(api: &Api) -> Value {
    let counts = api.signals.counters.counts();
    let mut document = counts.document(&api.stores.journal.status());
    document["broker"] = broker(api);
    document
}

/// What devices sent to the embedded broker and no route took, and what its
/// subscribers did not get; null without it.
fn broker(api: &Api) -> Value {
    let Some(broker) = &api.gateways.broker else {
        return Value::Null;
    };
    let status = broker.status();
    let dropped = status.dropped.into_iter().filter(|(_, n)| *n > 0);
    let dropped = dropped.map(|(reason, n)| (reason.to_owned(), n));
    json!({
        "unrouted": by_name(status.unrouted),
        "refused_publishes": status.refused_publishes,
        "not_retained": status.not_retained,
        "dropped": by_name(dropped),
        "closed": by_name(status.closed),
    })
}

fn by_name(counts: impl IntoIterator<Item = (String, u64)>) -> Value {
    let counts = counts.into_iter();
    counts.map(|(name, n)| (name, Value::from(n))).collect()
}
