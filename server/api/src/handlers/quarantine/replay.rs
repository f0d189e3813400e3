//! `POST /api/v1/quarantine/replay`: sends quarantined messages through the
//! pipeline again, after what rejected them was fixed.
//!
//! A message is appended to the journal as it once was: the same bytes, topic,
//! client and received time (so a reading without a timestamp keeps its time).
//! It counts as received again; readings of it that were stored before are
//! deduplicated by their key, and what is still wrong becomes a new entry. An
//! entry is marked only after the commit, so a crash in between sends a message
//! once more and stores nothing twice. A request handles one page; the caller
//! continues from `next`.

use std::collections::BTreeSet;

use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};
use weir_model::{Message, Position, QuarantineReason, Timestamp, parse_oversized_notice};
use weir_quarantine::{RejectedMessage, RejectedPage};

use super::{in_quarantine, is_of, position_of, reason_named};
use crate::api::{Api, Shared};
use crate::handlers::ingest::{Committed, PATIENCE, when_there_is_room};
use crate::middleware::changes::Audited;
use crate::problem::Problem;

/// Messages looked at per request.
const DEFAULT_LIMIT: usize = 1_000;
const MAX_LIMIT: usize = 10_000;
/// Messages that one request may name: each holds up to 64 KiB.
const MAX_IDS: usize = 1_000;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Request {
    /// Only messages with an entry of this reason.
    reason: Option<String>,
    /// Only messages of this device, as their topic names it.
    device: Option<String>,
    /// Only these messages, by the ids of their entries: no other choice, no pages.
    ids: Option<Vec<String>>,
    /// Only count.
    #[serde(default)]
    dry_run: bool,
    /// The `next` of the page before.
    after: Option<u64>,
    /// Messages to look at.
    limit: Option<usize>,
}

/// What became of the messages of a page; each counts once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Outcome {
    /// Of those that were asked for.
    matched: u64,
    /// In the journal again, committed; or would be, in a dry run.
    replayed: u64,
    /// An earlier replay sent them.
    already_replayed: u64,
    skipped: Skipped,
    /// Where the next page begins; absent when there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<u64>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Skipped {
    /// Too large to be kept whole.
    truncated: u64,
    /// Nothing of it was kept, or it was empty.
    no_payload: u64,
    /// Not a message that a device sent: a corrupt record, a line that a store
    /// refused.
    not_a_message: u64,
}

pub(crate) async fn replay(
    State(api): Shared,
    request: Result<Json<Request>, JsonRejection>,
) -> Result<(Extension<Audited>, Json<Outcome>), Problem> {
    let Json(request) = request.map_err(|error| Problem::bad_request(error.body_text()))?;
    let reason = request.reason.as_deref().map(reason_named).transpose()?;
    // One at a time: two would send the same messages.
    let _alone = api.admission.replay.lock().await;
    let (after, limit) = (request.after.map(Position), request.limit);
    let limit = limit.unwrap_or(DEFAULT_LIMIT).clamp(1, MAX_LIMIT);
    let positions = match &request.ids {
        Some(ids) => Some(positions(ids, &request)?),
        None => None,
    };
    let page = in_quarantine(&api, move |api| match positions {
        Some(positions) => api.stores.quarantine.messages_at(&positions),
        None => api.stores.quarantine.messages(after, limit),
    })
    .await?;
    let (mut outcome, chosen) = choose(&api, page, reason, request.device.as_deref());
    if request.dry_run {
        outcome.replayed = chosen.len() as u64;
        return Ok((Extension(Audited::Nothing), Json(outcome)));
    }
    let mut waiting = Vec::with_capacity(chosen.len());
    let mut refused = None;
    for message in &chosen {
        match tokio::time::timeout(PATIENCE, append(&api, message)).await {
            Ok(Ok(committed)) => waiting.push((message.entry.position, committed)),
            Ok(Err(problem)) => refused = Some(problem),
            Err(_) => refused = Some(Problem::unavailable("the journal has no room", 1)),
        }
        if refused.is_some() {
            break;
        }
    }
    let mut committed = Vec::with_capacity(waiting.len());
    for (position, commit) in waiting {
        match tokio::time::timeout(PATIENCE, commit).await {
            Ok(Ok(())) => committed.push(position),
            _ => {
                refused = Some(Problem::unavailable(
                    "the journal did not commit in time",
                    5,
                ))
            }
        }
    }
    outcome.replayed = committed.len() as u64;
    let note = format!("{} of {} messages", outcome.replayed, outcome.matched);
    if !committed.is_empty() {
        let mark = move |api: &Api| {
            api.stores
                .quarantine
                .mark_replayed(&committed, Timestamp::now())
        };
        in_quarantine(&api, mark).await?;
    }
    match refused {
        Some(problem) => Err(problem),
        None => Ok((Extension(Audited::Note(note)), Json(outcome))),
    }
}

/// Of the messages that are chosen by the ids of entries, each once.
fn positions(ids: &[String], request: &Request) -> Result<Vec<Position>, Problem> {
    let others = request.reason.is_some() || request.device.is_some() || request.after.is_some();
    if others {
        let detail = "ids goes without reason, without device and without after";
        return Err(Problem::bad_request(detail));
    }
    if ids.len() > MAX_IDS {
        return Err(Problem::bad_request(format!("at most {MAX_IDS} ids")));
    }
    let positions: Result<BTreeSet<Position>, Problem> =
        ids.iter().map(|id| position_of(id)).collect();
    Ok(positions?.into_iter().collect())
}

/// The messages of a page that can be sent, and what became of the others.
fn choose(
    api: &Api,
    page: RejectedPage,
    reason: Option<QuarantineReason>,
    device: Option<&str>,
) -> (Outcome, Vec<RejectedMessage>) {
    let mut outcome = Outcome {
        next: page.next.map(|position| position.0),
        ..Outcome::default()
    };
    let mut chosen = Vec::new();
    for message in page.messages {
        let entry = &message.entry;
        if reason.is_some_and(|reason| !message.has_reason(reason))
            || device.is_some_and(|device| !is_of(api, &entry.topic, device))
        {
            continue;
        }
        outcome.matched += 1;
        if entry.topic.is_empty() {
            outcome.skipped.not_a_message += 1;
        } else if entry.replayed.is_some() {
            outcome.already_replayed += 1;
        } else if entry.payload.is_empty() {
            outcome.skipped.no_payload += 1;
        } else if !message.is_whole() || parse_oversized_notice(&entry.payload).is_some() {
            outcome.skipped.truncated += 1;
        } else {
            chosen.push(message);
        }
    }
    (outcome, chosen)
}

/// Appends as it once was, waiting for room as long as the caller lets it.
async fn append(
    api: &Api,
    message: &RejectedMessage,
) -> Result<tokio::sync::oneshot::Receiver<()>, Problem> {
    let entry = &message.entry;
    let message = Message {
        received: entry.received,
        ingress: entry.ingress,
        client: &entry.client,
        topic: &entry.topic,
        payload: &entry.payload,
        qos: 1,
        retained: entry.retained,
        duplicate: false,
    };
    when_there_is_room(&*api.stores.journal, || {
        let (listener, committed) = Committed::channel();
        api.stores.journal.append(&[message], Some(&listener))?;
        Ok(committed)
    })
    .await
}
