//! `GET /api/v1/alarms/{id}`, and what operators do to alarms:
//! `POST /api/v1/alarms/{id}/ack` and so on, `POST /api/v1/alarms/actions` for several.
//! The audit records who did it. The list is in `alarm_list.rs`.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::State;
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};
use weir_alarms::{AlarmRecord, AuditAction, AuditEntry, OUT_OF_SERVICE};
use weir_auth::Identity;
use weir_config::parse_duration;
use weir_model::Timestamp;
use weir_notify::{ActedOn, AlarmStoreError, Operator, OperatorAction};

use super::alarm_list::{self, Filter, ListParams, Listed};
use crate::api::{Api, Shared};
use crate::extract::Path;
use crate::problem::Problem;

/// Of an answer that the disk could not take it.
const RETRY_SECONDS: u32 = 5;
/// How long an alarm is shelved when the request does not say.
const DEFAULT_SHELF: Duration = Duration::from_secs(3_600);
/// Entries of the audit in the answer for one alarm.
const AUDIT_ENTRIES: usize = 100;
/// Alarms that one request may act on.
const MAX_ACTED_ON: usize = 100_000;
/// Alarms that are changed in one transaction: others wait for it.
const ACTED_ON_AT_ONCE: usize = 500;

/// What the bodies of all actions may hold; an action uses what it needs.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct ActionBody {
    by: Option<String>,
    note: Option<String>,
    /// Of a shelving.
    duration: Option<String>,
    /// Of an assignment.
    to: Option<String>,
}

/// The body of `POST /api/v1/alarms/actions`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ManyBody {
    action: String,
    /// Either these alarms, or those that fit `filter`.
    ids: Option<Vec<String>>,
    filter: Option<ListParams>,
    by: Option<String>,
    note: Option<String>,
    duration: Option<String>,
    to: Option<String>,
}

pub(crate) fn routes() -> Router<Arc<Api>> {
    Router::new()
        .route("/api/v1/alarms", get(alarm_list::list))
        .route("/api/v1/alarms/actions", post(act_on_many))
        .route("/api/v1/alarms/{id}", get(one))
        .route("/api/v1/alarms/{id}/{action}", post(act))
}

/// `GET /api/v1/alarms/{id}`: the alarm, its transitions, and what was done to it.
async fn one(State(api): Shared, Path(id): Path<String>) -> Result<Json<Value>, Problem> {
    let found = blocking(move || {
        let alarms = &api.stores.alarms;
        let mut alarm = shown(&api, alarms.alarm(&id)?);
        alarm["transitions"] = json!(alarms.transitions(&id)?);
        alarm["audit"] = audit_document(&alarms.audit(AUDIT_ENTRIES, Some(&id))?);
        Ok(alarm)
    });
    Ok(Json(found.await?))
}

/// The record, with what the configuration and routing say of the alarm.
fn shown(api: &Api, record: AlarmRecord) -> Value {
    let listed = Listed::new(&api.notifications.router.lock(), record);
    listed.document(api)
}

/// Entries of the audit as JSON. `until` is null where no end is set.
pub(crate) fn audit_document(entries: &[AuditEntry]) -> Value {
    let entries = entries.iter().map(|entry| {
        let mut document = json!(entry);
        if entry.until == Some(OUT_OF_SERVICE) {
            document["until"] = Value::Null;
        }
        document
    });
    entries.collect()
}

/// An action that was asked for, checked.
#[derive(Debug)]
struct Wanted {
    action: AuditAction,
    shelf: Duration,
    by: Option<String>,
    note: Option<String>,
    to: Option<String>,
}

impl Wanted {
    fn new(api: &Api, identity: &Identity, name: &str, body: ActionBody) -> Result<Self, Problem> {
        let known = ACTIONS.iter().find(|(known, _)| *known == name);
        let Some((_, action)) = known else {
            return Err(Problem::not_found(format!(
                "an alarm has no action {name:?}; there are {}",
                ACTIONS.map(|(name, _)| name).join(", ")
            )));
        };
        let shelf = match body.duration.as_deref() {
            None => DEFAULT_SHELF,
            Some(text) => parse_duration(text).ok_or_else(|| {
                Problem::bad_request(format!("duration {text:?} is not one such as 30m or 8h"))
            })?,
        };
        let has_note = body.note.as_deref().is_some_and(|note| !note.is_empty());
        if *action == AuditAction::Comment && !has_note {
            return Err(Problem::bad_request(
                "a comment needs a note, which is its text",
            ));
        }
        // Whoever has proven who they are is not asked.
        let by = match api.access.is_required() {
            true => Some(identity.name().to_owned()),
            false => body.by,
        };
        Ok(Self {
            action: *action,
            shelf,
            by,
            note: body.note,
            to: body.to,
        })
    }

    /// Acts on alarms in one transaction, and reports it to those who watch. Blocks.
    fn apply(
        &self,
        api: &Api,
        ids: &[String],
        at: Timestamp,
    ) -> Result<Vec<(ActedOn, Value)>, AlarmStoreError> {
        let operator = Operator {
            by: self.by.as_deref().unwrap_or("api"),
            note: self.note.as_deref(),
            at,
        };
        let shelf = i64::try_from(self.shelf.as_nanos()).unwrap_or(i64::MAX);
        let action = match self.action {
            AuditAction::Shelve => OperatorAction::shelve(at.saturating_add_nanos(shelf), at),
            action => OperatorAction {
                to: self.to.as_deref().filter(|_| action == AuditAction::Assign),
                ..OperatorAction::plain(action)
            },
        };
        let acted = api.stores.alarms.act_on(ids, &action, operator)?;
        let acted = acted.into_iter().map(|acted| {
            let document = acted.record.clone().map_or(Value::Null, |record| {
                let (device, sensor) = (record.device_id.clone(), record.sensor.clone());
                let document = shown(api, record);
                api.signals
                    .events
                    .publish_action(&device, &sensor, &document);
                document
            });
            (acted, document)
        });
        Ok(acted.collect())
    }
}

/// `POST /api/v1/alarms/{id}/{action}`
async fn act(
    State(api): Shared,
    Path((id, name)): Path<(String, String)>,
    Extension(identity): Extension<Identity>,
    body: Bytes,
) -> Result<Json<Value>, Problem> {
    let wanted = Wanted::new(&api, &identity, &name, optional(&body)?)?;
    let record = blocking(move || {
        let acted = wanted.apply(&api, std::slice::from_ref(&id), Timestamp::now())?;
        match acted.into_iter().next() {
            Some((
                ActedOn {
                    record: Some(_), ..
                },
                document,
            )) => Ok(document),
            _ => Err(AlarmStoreError::NotFound { alarm_id: id }),
        }
    });
    Ok(Json(record.await?))
}

/// `POST /api/v1/alarms/actions`: one action on several alarms.
async fn act_on_many(
    State(api): Shared,
    Extension(identity): Extension<Identity>,
    body: Bytes,
) -> Result<Json<Value>, Problem> {
    let body: ManyBody =
        serde_json::from_slice(&body).map_err(|error| Problem::bad_request(error.to_string()))?;
    let action = ActionBody {
        by: body.by,
        note: body.note,
        duration: body.duration,
        to: body.to,
    };
    let wanted = Wanted::new(&api, &identity, &body.action, action)?;
    let chosen = match (body.ids, body.filter) {
        (Some(ids), None) => Chosen::Ids(ids),
        (None, Some(filter)) => Chosen::Fitting(Box::new(Filter::new(filter)?)),
        _ => {
            return Err(Problem::bad_request(
                "name the alarms by ids or by filter, one of the two",
            ));
        }
    };
    if matches!(&chosen, Chosen::Ids(ids) if ids.len() > MAX_ACTED_ON) {
        return Err(Problem::unprocessable(format!(
            "more than {MAX_ACTED_ON} alarms in one request"
        )));
    }
    let answer = blocking(move || {
        let (ids, is_filtered) = match chosen {
            Chosen::Ids(ids) => (ids, false),
            Chosen::Fitting(filter) => {
                let found = filter.matching(&api)?.alarms.into_iter();
                let ids = found.take(MAX_ACTED_ON).map(|alarm| alarm.record.alarm_id);
                (ids.collect(), true)
            }
        };
        let (mut done, mut failed) = (Vec::new(), Vec::new());
        for ids in ids.chunks(ACTED_ON_AT_ONCE) {
            for (acted, _) in wanted.apply(&api, ids, Timestamp::now())? {
                if acted.record.is_some() {
                    done.push(acted.alarm_id);
                } else {
                    let alarm_id = acted.alarm_id.clone();
                    let detail = AlarmStoreError::NotFound { alarm_id }.to_string();
                    failed.push(json!({"id": acted.alarm_id, "detail": detail}));
                }
            }
        }
        let mut answer = json!({"done": done.len(), "failed": failed});
        if is_filtered {
            answer["ids"] = json!(done);
        }
        Ok(answer)
    });
    Ok(Json(answer.await?))
}

enum Chosen {
    Ids(Vec<String>),
    Fitting(Box<Filter>),
}

pub(crate) const ACTIONS: [(&str, AuditAction); 8] = [
    ("ack", AuditAction::Acknowledge),
    ("unack", AuditAction::Unacknowledge),
    ("shelve", AuditAction::Shelve),
    ("unshelve", AuditAction::Unshelve),
    ("out-of-service", AuditAction::OutOfService),
    ("in-service", AuditAction::InService),
    ("comment", AuditAction::Comment),
    ("assign", AuditAction::Assign),
];

/// A body may be left out.
fn optional(body: &[u8]) -> Result<ActionBody, Problem> {
    if body.is_empty() {
        return Ok(ActionBody::default());
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn out_of_service_has_no_end() {
        let entry = |until| AuditEntry {
            action: AuditAction::OutOfService,
            alarm_id: "a".to_owned(),
            by: "ann".to_owned(),
            note: None,
            at: 1,
            until,
            to: None,
        };
        let document = audit_document(&[entry(Some(OUT_OF_SERVICE)), entry(Some(5)), entry(None)]);
        assert_eq!(document[0]["until"], Value::Null);
        assert!(document[0].get("until").is_some());
        assert_eq!(document[1]["until"], 5);
        assert!(document[2].get("until").is_none());
    }
}
