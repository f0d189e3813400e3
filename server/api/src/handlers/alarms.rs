//! `GET /api/v1/alarms`, `GET …/{id}`, and what operators do to an alarm:
//! `POST …/{id}/ack` and so on. The audit records who did it.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};
use weir_alarms::{AlarmFilter, AlarmRecord, AlarmStateFilter, Suppression};
use weir_auth::Identity;
use weir_clock::now;
use weir_config::parse_duration;
use weir_model::Severity;
use weir_notify::{AlarmStoreError, Operator};

use crate::api::{Api, Shared};
use crate::problem::Problem;

const DEFAULT_LIMIT: usize = 1_000;
/// Of an answer that the disk could not take it.
const RETRY_SECONDS: u32 = 5;
/// How long an alarm is shelved when the request does not say.
const DEFAULT_SHELF: Duration = Duration::from_secs(3_600);

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Params {
    state: Option<StateParam>,
    severity: Option<SeverityParam>,
    device: Option<String>,
    limit: Option<usize>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum StateParam {
    Open,
    Cleared,
    Any,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum SeverityParam {
    #[serde(alias = "WARNING")]
    Warning,
    #[serde(alias = "CRITICAL")]
    Critical,
}

/// What the bodies of all actions may hold; an action takes what it needs.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Action {
    by: Option<String>,
    note: Option<String>,
    /// Of a shelving.
    duration: Option<String>,
    /// Of an assignment.
    to: Option<String>,
}

pub(crate) fn routes() -> Router<Arc<Api>> {
    Router::new()
        .route("/api/v1/alarms/{id}", get(one))
        .route("/api/v1/alarms/{id}/{action}", post(act))
}

pub(crate) async fn list(
    State(api): Shared,
    Query(params): Query<Params>,
) -> Result<Json<Value>, Problem> {
    let filter = AlarmFilter {
        state: match params.state {
            Some(StateParam::Open) => AlarmStateFilter::Open,
            Some(StateParam::Cleared) => AlarmStateFilter::Cleared,
            Some(StateParam::Any) | None => AlarmStateFilter::Any,
        },
        severity: params.severity.map(|severity| match severity {
            SeverityParam::Warning => Severity::Warning,
            SeverityParam::Critical => Severity::Critical,
        }),
        device: params.device,
        limit: params.limit.unwrap_or(DEFAULT_LIMIT),
    };
    let alarms = blocking(move || {
        let alarms = api.stores.alarms.alarms(&filter)?;
        let shown = alarms.into_iter().map(|record| shown(&api, record));
        Ok(shown.collect::<Vec<_>>())
    });
    Ok(Json(json!({"alarms": alarms.await?})))
}

/// `GET /api/v1/alarms/{id}`: the alarm, and what was done to it.
async fn one(State(api): Shared, Path(id): Path<String>) -> Result<Json<Value>, Problem> {
    let found = blocking(move || {
        let mut alarm = shown(&api, api.stores.alarms.alarm(&id)?);
        alarm["audit"] = json!(api.stores.alarms.audit(100, Some(&id))?);
        Ok(alarm)
    });
    Ok(Json(found.await?))
}

/// The record, with what the configuration and routing say of the alarm.
/// Shelving is in the record, which is ahead of routing.
fn shown(api: &Api, record: AlarmRecord) -> Value {
    let router = api.notifications.router.lock();
    let alert = record.alert();
    let (meaning, priority) = (
        router.policy().meaning(&alert),
        router.policy().priority(&alert),
    );
    let by_design =
        |by: &Suppression| matches!(by, Suppression::Maintenance | Suppression::Inhibited);
    let held_back = match meaning {
        Some(meaning) if meaning.out_of_service => Some(Suppression::OutOfService),
        _ => router.held_back(&record.alarm_id).filter(by_design),
    };
    let mut shown = json!(record.held_back(held_back));
    shown["priority"] = json!(priority.as_str());
    if let Some(action) = meaning.and_then(|meaning| meaning.action.as_ref()) {
        shown["action"] = json!(action);
    }
    if let Some(held_back) = held_back {
        shown["heldBack"] = json!(held_back);
    }
    shown
}

/// `POST /api/v1/alarms/{id}/{action}`
async fn act(
    State(api): Shared,
    Path((id, name)): Path<(String, String)>,
    Extension(identity): Extension<Identity>,
    body: Bytes,
) -> Result<Json<Value>, Problem> {
    let mut action = optional(&body)?;
    if api.access.is_required() {
        // Whoever has proven who they are is not asked.
        action.by = Some(identity.name().to_owned());
    }
    let shelf = match action.duration.as_deref() {
        None => DEFAULT_SHELF,
        Some(text) => parse_duration(text).ok_or_else(|| {
            Problem::bad_request(format!("duration {text:?} is not one such as 30m or 8h"))
        })?,
    };
    let said = action.note.as_deref().is_some_and(|note| !note.is_empty());
    if name == "comment" && !said {
        return Err(Problem::bad_request(
            "a comment needs a note, which is its text",
        ));
    }
    let known = ACTIONS.contains(&name.as_str());
    if !known {
        let actions = ACTIONS.join(", ");
        return Err(Problem::not_found(format!(
            "an alarm has no action {name:?}; there are {actions}"
        )));
    }
    let record = blocking(move || {
        let at = now();
        let operator = Operator {
            by: action.by.as_deref().unwrap_or("api"),
            note: action.note.as_deref(),
            at,
        };
        let shelf = i64::try_from(shelf.as_nanos()).unwrap_or(i64::MAX);
        let alarms = &api.stores.alarms;
        let record = match name.as_str() {
            "ack" => alarms.acknowledge(&id, operator),
            "unack" => alarms.unacknowledge(&id, operator),
            "shelve" => alarms.shelve(&id, at.saturating_add_nanos(shelf), operator),
            "unshelve" | "in-service" => alarms.shelve(&id, at, operator),
            "out-of-service" => alarms.out_of_service(&id, operator),
            "comment" => alarms.comment(&id, operator),
            _ => alarms.assign(&id, action.to.as_deref(), operator),
        };
        Ok(shown(&api, record?))
    });
    Ok(Json(record.await?))
}

pub(crate) const ACTIONS: [&str; 8] = [
    "ack",
    "unack",
    "shelve",
    "unshelve",
    "out-of-service",
    "in-service",
    "comment",
    "assign",
];

/// A body may be left out.
fn optional(body: &[u8]) -> Result<Action, Problem> {
    if body.is_empty() {
        return Ok(Action::default());
    }
    serde_json::from_slice(body).map_err(|error| Problem::bad_request(error.to_string()))
}

pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, AlarmStoreError> + Send + 'static,
) -> Result<T, Problem> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(Problem::internal)?
        .map_err(|error| match error {
            AlarmStoreError::NotFound { .. } => Problem::not_found(error.to_string()),
            AlarmStoreError::TooLong { .. } => Problem::bad_request(error.to_string()),
            // Such as a full disk: it may be mended, and the same sent again.
            AlarmStoreError::Storage(_) => {
                Problem::unavailable(format!("nothing was changed: {error}"), RETRY_SECONDS)
            }
            other => Problem::internal(other),
        })
}
