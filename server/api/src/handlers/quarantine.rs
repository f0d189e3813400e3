//! `GET /api/v1/quarantine?reason&device&group&limit&after`: what was rejected, verbatim,
//! and why, the newest first: entries, or with `group=message` messages.
//! `GET /api/v1/quarantine/reasons` counts what is stored.

mod means;
mod replay;

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde_json::{Value, json};
use weir_model::{Position, QuarantineEntry, QuarantineReason, hex};
use weir_quarantine::{Newest, QuarantineError, RejectedMessage, RejectedPage, Rejection};

use crate::api::{Api, Shared};
use crate::extract::Query;
use crate::problem::Problem;

pub(crate) use replay::replay;

const DEFAULT_LIMIT: usize = 100;
const MAX_LIMIT: usize = 10_000;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Params {
    reason: Option<String>,
    /// Only messages of this device, as their topic names it.
    device: Option<String>,
    /// `message`.
    group: Option<String>,
    limit: Option<usize>,
    /// The `next` of the page before.
    after: Option<u64>,
}

pub(crate) async fn list(
    State(api): Shared,
    Query(params): Query<Params>,
) -> Result<Json<Value>, Problem> {
    let reason = params.reason.as_deref().map(reason_named).transpose()?;
    let limit = params.limit.unwrap_or(DEFAULT_LIMIT).min(MAX_LIMIT);
    let by_message = match params.group.as_deref() {
        None => false,
        Some("message") => true,
        Some(other) => {
            return Err(Problem::bad_request(format!(
                "group={other:?} is not message"
            )));
        }
    };
    if !by_message && params.device.is_none() && params.after.is_none() {
        let entries = in_quarantine(&api, move |api| api.stores.quarantine.list(reason, limit));
        let entries: Vec<Value> = entries.await?.iter().map(document).collect();
        return Ok(Json(json!({"entries": entries})));
    }
    let (device, before) = (params.device, params.after.map(Position));
    let page = in_quarantine(&api, move |api| {
        let is_wanted = |topic: &str| match &device {
            None => true,
            Some(device) => !topic.is_empty() && is_of(api, topic, device),
        };
        api.stores.quarantine.newest(Newest {
            reason,
            topic: &is_wanted,
            before,
            limit,
        })
    });
    Ok(Json(page_document(page.await?, by_message, reason)))
}

pub(crate) async fn reasons(State(api): Shared) -> Result<Json<Value>, Problem> {
    let stored = in_quarantine(&api, |api| api.stores.quarantine.stored_reasons()).await?;
    let stored = stored.iter().map(|stored| {
        json!({
            "reason": stored.reason.as_str(),
            "means": means::of(stored.reason),
            "count": stored.entries,
            "newest": stored.newest.to_rfc3339(),
            "replayed": stored.replayed,
        })
    });
    Ok(Json(stored.collect()))
}

fn reason_named(name: &str) -> Result<QuarantineReason, Problem> {
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

/// The id of an entry; `m` for the message as a whole.
fn id(position: Position, reading: Option<u32>) -> String {
    let reading = reading.map_or("m".to_owned(), |reading| reading.to_string());
    format!("{position}-{reading}")
}

/// The message of an entry's id, or of a message's.
fn position_of(id: &str) -> Result<Position, Problem> {
    let (position, reading) = id.split_once('-').unwrap_or((id, "m"));
    let is_reading = reading == "m" || reading.parse::<u32>().is_ok();
    match position.parse() {
        Ok(position) if is_reading => Ok(Position(position)),
        _ => Err(Problem::bad_request(format!(
            "{id:?} is not the id of a quarantine entry"
        ))),
    }
}

fn page_document(page: RejectedPage, by_message: bool, reason: Option<QuarantineReason>) -> Value {
    let next = page.next.map(|position| position.0);
    if by_message {
        let messages: Vec<Value> = page.messages.iter().map(message).collect();
        return json!({"messages": messages, "next": next});
    }
    let entries = page.messages.iter().flat_map(|message| {
        let wanted = message.rejections.iter();
        let wanted = wanted.filter(move |rejection| reason.is_none_or(|r| rejection.reason == r));
        wanted.map(|rejection| document(&entry_of(message, rejection)))
    });
    json!({"entries": entries.collect::<Vec<_>>(), "next": next})
}

/// One of the entries of a message; only one of them has the bytes.
fn entry_of(message: &RejectedMessage, rejection: &Rejection) -> QuarantineEntry {
    let mut entry = message.entry.clone();
    let holds_bytes = entry.reading == rejection.reading && entry.reason == rejection.reason;
    if !holds_bytes {
        entry.payload.clear();
    }
    entry.reading = rejection.reading;
    entry.reason = rejection.reason;
    entry.detail.clone_from(&rejection.detail);
    entry
}

fn message(message: &RejectedMessage) -> Value {
    let entry = &message.entry;
    let entries = message.rejections.iter().map(|rejection| {
        json!({
            "id": id(entry.position, rejection.reading),
            "reading": rejection.reading,
            "reason": rejection.reason.as_str(),
            "detail": rejection.detail,
        })
    });
    let mut document = origin(entry);
    // Without a topic it is an entry that only shares the position of a message.
    document["id"] = Value::String(if entry.topic.is_empty() {
        format!("{}-{}", id(entry.position, entry.reading), entry.reason)
    } else {
        entry.position.to_string()
    });
    document["entries"] = entries.collect();
    document
}

fn document(entry: &QuarantineEntry) -> Value {
    let mut document = origin(entry);
    document["id"] = Value::String(id(entry.position, entry.reading));
    document["message"] = json!(entry.position.0);
    document["reason"] = json!(entry.reason.as_str());
    document["detail"] = json!(entry.detail);
    document["reading"] = json!(entry.reading);
    document
}

/// Where the message came from, and its bytes.
fn origin(entry: &QuarantineEntry) -> Value {
    let text = std::str::from_utf8(&entry.payload).ok();
    let mut document = json!({
        "received": entry.received.to_rfc3339(),
        "topic": entry.topic,
        "client": entry.client,
        "door": entry.ingress.as_str(),
        "retained": entry.retained,
        "replayed": entry.replayed.map(|at| at.to_rfc3339()),
        "payloadBytes": entry.payload_bytes,
        "payload": text,
    });
    if entry.payload.is_empty() && entry.payload_bytes > 0 {
        // Another entry of the same message holds the bytes.
        document["payload"] = Value::Null;
    } else if text.is_none() {
        document["payloadHex"] = Value::String(hex(&entry.payload));
    }
    document
}

/// The topic names the device where its route says; a topic that no route
/// takes, or whose route says nothing, in any of its levels.
fn is_of(api: &Api, topic: &str, device: &str) -> bool {
    let config = api.config.get();
    let mut routes = config.routes.iter();
    let captures = routes.find_map(|route| route.topic.captures(topic));
    match captures.and_then(|captures| captures.device) {
        Some(named) => named == device,
        None => topic.split('/').any(|level| level == device),
    }
}

/// Reading and writing the quarantine block.
async fn in_quarantine<T: Send + 'static>(
    api: &Arc<Api>,
    action: impl FnOnce(&Api) -> Result<T, QuarantineError> + Send + 'static,
) -> Result<T, Problem> {
    let api = api.clone();
    tokio::task::spawn_blocking(move || action(&api))
        .await
        .map_err(Problem::internal)?
        .map_err(Problem::internal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_names_a_message_or_one_of_its_entries() {
        for (text, expect) in [
            ("120-m", Some(120)),
            ("120-7", Some(120)),
            ("120", Some(120)),
            ("120-", None),
            ("120-m-empty", None),
            ("x-m", None),
            ("", None),
        ] {
            let position = position_of(text).ok().map(|position| position.0);
            assert_eq!(position, expect, "{text:?}");
        }
        assert_eq!(id(Position(5), None), "5-m");
        assert_eq!(id(Position(5), Some(0)), "5-0");
    }

    #[test]
    fn every_reason_is_a_sentence_of_its_own() {
        let mut sentences: Vec<_> = QuarantineReason::ALL
            .iter()
            .map(|r| means::of(*r))
            .collect();
        let count = sentences.len();
        sentences.sort_unstable();
        sentences.dedup();
        assert_eq!(sentences.len(), count);
        assert!(
            sentences
                .iter()
                .all(|text| !text.is_empty() && !text.ends_with('.'))
        );
    }
}
