//! `GET /api/v1/alarms`, `POST …/{id}/ack`, `POST …/{id}/shelve`.

use std::time::Duration;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use weir_alerts::{AlarmFilter, AlarmStateFilter, AlarmStoreError};
use weir_config::parse_duration;
use weir_model::Severity;

use super::{Problem, Shared};
use crate::store_worker::now;

const DEFAULT_LIMIT: usize = 1_000;
/// How long an alarm is shelved when the request does not say.
const DEFAULT_SHELF: Duration = Duration::from_secs(3_600);

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Params {
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

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Acknowledge {
    by: Option<String>,
    note: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Shelve {
    by: Option<String>,
    note: Option<String>,
    duration: Option<String>,
}

pub(super) async fn list(
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
    let alarms = blocking(move || api.alarms.alarms(&filter)).await?;
    Ok(Json(json!({"alarms": alarms})))
}

pub(super) async fn acknowledge(
    State(api): Shared,
    Path(id): Path<String>,
    body: Bytes,
) -> Result<Json<Value>, Problem> {
    let Acknowledge { by, note } = optional(&body)?;
    let by = by.unwrap_or_else(|| "api".to_owned());
    let record = blocking(move || api.alarms.acknowledge(&id, &by, note.as_deref(), now())).await?;
    Ok(Json(json!(record)))
}

pub(super) async fn shelve(
    State(api): Shared,
    Path(id): Path<String>,
    body: Bytes,
) -> Result<Json<Value>, Problem> {
    let Shelve { by, note, duration } = optional(&body)?;
    let shelf = match duration.as_deref() {
        None => DEFAULT_SHELF,
        Some(text) => parse_duration(text).ok_or_else(|| {
            Problem::bad_request(format!("duration {text:?} is not one such as 30m or 8h"))
        })?,
    };
    let by = by.unwrap_or_else(|| "api".to_owned());
    let shelf = i64::try_from(shelf.as_nanos()).unwrap_or(i64::MAX);
    let until = now().saturating_add_nanos(shelf);
    let record =
        blocking(move || api.alarms.shelve(&id, until, &by, note.as_deref(), now())).await?;
    Ok(Json(json!(record)))
}

/// A body may be left out.
fn optional<T: DeserializeOwned + Default>(body: &[u8]) -> Result<T, Problem> {
    if body.is_empty() {
        return Ok(T::default());
    }
    serde_json::from_slice(body).map_err(|error| Problem::bad_request(error.to_string()))
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, AlarmStoreError> + Send + 'static,
) -> Result<T, Problem> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(Problem::internal)?
        .map_err(|error| match error {
            AlarmStoreError::NotFound { .. } => Problem::not_found(error.to_string()),
            AlarmStoreError::TooLong { .. } => Problem::bad_request(error.to_string()),
            other => Problem::internal(other),
        })
}
