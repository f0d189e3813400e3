//! `/api/v1/alarms/kpi`, `…/audit`, `…/channels` and `…/dead-letters` with its
//! retry.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::extract::State;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};
use weir_alarms::{AuditAction, AuditEntry, KpiInput, kpi};
use weir_model::{Alert, Timestamp};
use weir_notify::AlarmStoreError;

use super::alarms::{audit_document, blocking};
use super::channel_test;
use crate::api::{Api, Shared};
use crate::extract::{Path, Query};
use crate::problem::Problem;

const DAY_NS: i64 = 24 * 3_600 * Timestamp::NANOS_PER_SECOND;
const DEFAULT_LIMIT: usize = 100;
/// Transitions that are read at a time.
const PAGE: usize = 10_000;

pub(crate) fn routes() -> Router<Arc<Api>> {
    Router::new()
        .route("/api/v1/alarms/kpi", get(figures))
        .route("/api/v1/audit", get(changes))
        .route("/api/v1/alarms/audit", get(audit))
        .route("/api/v1/alarms/channels", get(channels))
        .route(
            "/api/v1/alarms/channels/{name}/test",
            post(channel_test::test),
        )
        .route("/api/v1/alarms/dead-letters", get(dead_letters))
        .route("/api/v1/alarms/dead-letters/{n}/retry", post(retry))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Span {
    from: Option<String>,
    to: Option<String>,
    operators: Option<u32>,
}

/// The last 24 hours unless the request says otherwise.
async fn figures(State(api): Shared, Query(span): Query<Span>) -> Result<Json<Value>, Problem> {
    let instant = |name: &str, text: Option<String>, default: Timestamp| match text {
        None => Ok(default),
        Some(text) => Timestamp::parse_rfc3339(&text).ok_or_else(|| {
            Problem::bad_request(format!("{name} {text:?} is not an RFC 3339 instant"))
        }),
    };
    let to = instant("to", span.to, Timestamp::now())?;
    let from = instant("from", span.from, to.saturating_add_nanos(-DAY_NS))?;
    if from > to {
        return Err(Problem::bad_request("from is after to"));
    }
    let operators = span.operators.unwrap_or(api.config.get().alarms.operators);
    let figures = blocking(move || {
        let transitions = transitions(&api, to)?;
        let acknowledgements: Vec<(String, i64)> = acknowledged(&api)?
            .into_iter()
            .map(|entry| (entry.alarm_id, entry.at))
            .collect();
        Ok(kpi(&KpiInput {
            transitions: &transitions,
            acknowledgements: &acknowledgements,
            from: from.millis(),
            to: to.millis(),
            operators,
        }))
    });
    Ok(Json(json!(figures.await?)))
}

/// Every transition before `to`.
fn transitions(api: &Api, to: Timestamp) -> Result<Vec<Alert>, AlarmStoreError> {
    let (mut found, mut after) = (Vec::new(), 0);
    loop {
        let page = api.stores.alarms.history(PAGE, after)?;
        let Some((last, _)) = page.last() else {
            return Ok(found);
        };
        after = *last;
        let before = |alert: &Alert| alert.timestamp < to.millis();
        found.extend(page.into_iter().map(|(_, alert)| alert).filter(before));
    }
}

fn acknowledged(api: &Api) -> Result<Vec<AuditEntry>, AlarmStoreError> {
    let (mut found, mut after) = (Vec::new(), 0);
    loop {
        let page = api.stores.alarms.actions(PAGE, after)?;
        let Some((last, _)) = page.last() else {
            return Ok(found);
        };
        after = *last;
        let acks = page.into_iter().map(|(_, entry)| entry);
        found.extend(acks.filter(|entry| entry.action == AuditAction::Acknowledge));
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Limit {
    limit: Option<usize>,
}

async fn audit(State(api): Shared, Query(params): Query<Limit>) -> Result<Json<Value>, Problem> {
    let limit = params.limit.unwrap_or(DEFAULT_LIMIT);
    let entries = blocking(move || api.stores.alarms.audit(limit, None)).await?;
    Ok(Json(json!({"audit": audit_document(&entries)})))
}

/// Every channel: what waits, what was delivered since the start, what fails.
async fn channels(State(api): Shared) -> Result<Json<Value>, Problem> {
    let notifications = api.notifications.clone();
    let queued = blocking(move || api.stores.alarms.queue_lengths()).await?;
    let waiting = |name: &str| {
        let found = queued.iter().find(|(channel, _)| channel == name);
        found.map_or(0, |(_, count)| *count)
    };
    let channels = notifications.channels.iter().map(|status| {
        json!({
            "name": status.name,
            "kind": status.kind,
            "queued": waiting(&status.name),
            "delivered": status.delivered.load(Ordering::Relaxed),
            "failedAttempts": status.failed_attempts.load(Ordering::Relaxed),
            "deadLetters": status.dead.load(Ordering::Relaxed),
            "failing": *status.failing.lock(),
        })
    });
    Ok(Json(json!({"channels": channels.collect::<Vec<_>>()})))
}

async fn dead_letters(
    State(api): Shared,
    Query(params): Query<Limit>,
) -> Result<Json<Value>, Problem> {
    let limit = params.limit.unwrap_or(DEFAULT_LIMIT);
    let letters = blocking(move || api.stores.alarms.dead_letters(limit)).await?;
    let letters = letters.iter().map(|letter| {
        let notification = &letter.notification;
        json!({
            "n": letter.n,
            "at": letter.at,
            "channel": notification.channel,
            "reason": letter.reason,
            "id": notification.id,
            "cause": notification.cause,
            "title": notification.title(),
            "createdAt": notification.created_at,
            "alerts": notification.alerts.iter().map(|notified| &notified.alert).collect::<Vec<_>>(),
        })
    });
    Ok(Json(json!({"deadLetters": letters.collect::<Vec<_>>()})))
}

/// `GET /api/v1/audit`: what people changed besides alarms, the newest first.
async fn changes(State(api): Shared, Query(params): Query<Limit>) -> Result<Json<Value>, Problem> {
    let limit = params.limit.unwrap_or(DEFAULT_LIMIT);
    let changes = blocking(move || api.stores.alarms.changes(limit)).await?;
    Ok(Json(json!({"changes": changes})))
}

/// Puts a dead letter, or `all`, back into the outbox.
async fn retry(State(api): Shared, Path(n): Path<String>) -> Result<Json<Value>, Problem> {
    let which = match n.as_str() {
        "all" => None,
        n => Some(n.parse().map_err(|_| {
            Problem::bad_request("name a dead letter by its number, or say \"all\"")
        })?),
    };
    let retried = blocking(move || {
        api.stores
            .alarms
            .retry_dead_letters(which, Timestamp::now().millis())
    })
    .await?;
    if retried == 0 && which.is_some() {
        return Err(Problem::not_found(format!("there is no dead letter {n}")));
    }
    Ok(Json(json!({"retried": retried})))
}
