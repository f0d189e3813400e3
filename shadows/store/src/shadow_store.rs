//! All shadows in one redb file.
//!
//! ```text
//! meta     name -> u64                    format, position
//! shadows  (thing, name) -> Document      postcard; the classic shadow's name is ""
//! deleted  (thing, name) -> Document      its version is kept for 48 hours
//! expiry   (deleted_at s, thing, name)    deleted documents by age
//! ```
//!
//! A batch of requests is one durable transaction: all or nothing. A batch that ends
//! at or before the stored position has been applied before: it is skipped and has
//! no answers (`batch.rs`).

mod batch;

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use redb::ReadableTable;
use serde_json::{Value, json};
use weir_config::Shadows;
use weir_kv::Database;
use weir_model::{Position, check_device};
use weir_shadow_document::{Answer, Document, Rejected, Request, check_shadow};

use self::batch::Outcome;
use crate::in_flight::InFlight;
use crate::shadow_tables::{SHADOWS, open};
use crate::store_error::StoreError;

/// The shadow database. Calls block on the disk.
#[derive(Debug)]
pub struct ShadowStore {
    database: Database,
    limits: Shadows,
    /// The stored position; updated after the commit.
    position: AtomicU64,
    dropped_reports: AtomicU64,
    /// Calls of [`ShadowStore::get`] and [`ShadowStore::change`].
    in_flight: InFlight,
}

/// The result of one change by HTTP.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// To publish, in this order.
    pub answers: Vec<Answer>,
    /// The accepted document.
    pub result: Result<Value, Rejected>,
}

impl ShadowStore {
    /// Opens or creates the database, and recovers from a crash.
    pub fn open(path: &Path, limits: &Shadows) -> Result<Self, StoreError> {
        let (database, position) = open(path)?;
        let position = AtomicU64::new(position);
        Ok(Self {
            database,
            limits: limits.clone(),
            position,
            dropped_reports: AtomicU64::new(0),
            in_flight: InFlight::new(limits.max_inflight),
        })
    }

    /// The end of the last applied batch; 0 before the first.
    pub fn position(&self) -> Position {
        Position(self.position.load(Ordering::Acquire))
    }

    /// Reports of Weir that did not fit their shadow, since the start.
    pub fn dropped_reports(&self) -> u64 {
        self.dropped_reports.load(Ordering::Relaxed)
    }

    /// Applies a batch that ends at `position` in one durable transaction; reports of
    /// Weir have no position. Returns the answers of each request, to publish now:
    /// delta, documents, accepted; or rejected.
    pub fn apply(
        &self,
        position: Option<Position>,
        requests: &[Request],
        now_ms: i64,
    ) -> Result<Vec<Vec<Answer>>, StoreError> {
        let outcomes = self.apply_batch(position, requests, now_ms)?;
        Ok(outcomes
            .into_iter()
            .map(|outcome| outcome.answers)
            .collect())
    }

    /// One update or delete, durable when it returns: a batch of one that also returns
    /// its result.
    pub fn change(&self, request: &Request, now_ms: i64) -> Result<Change, StoreError> {
        let _slot = match self.in_flight.enter(&request.thing) {
            Ok(slot) => slot,
            Err(rejected) => {
                return Ok(Change {
                    answers: Vec::new(),
                    result: Err(rejected),
                });
            }
        };
        let request = Request {
            publish: true,
            ..request.clone()
        };
        let outcomes = self.apply_batch(None, std::slice::from_ref(&request), now_ms)?;
        let Outcome { answers, rejected } = outcomes.into_iter().next().unwrap_or_default();
        let accepted = answers
            .last()
            .map(|answer| serde_json::from_slice(&answer.payload));
        let result = match (rejected, accepted) {
            (Some(rejected), _) => Err(rejected),
            (None, Some(Ok(accepted))) => Ok(accepted),
            (None, _) => Err(Rejected::Internal),
        };
        Ok(Change { answers, result })
    }

    /// `get/accepted` of one shadow.
    pub fn get(&self, thing: &str, name: Option<&str>, now_ms: i64) -> Result<Value, Rejected> {
        check_names(thing, name)?;
        let _slot = self.in_flight.enter(thing)?;
        let document = self
            .read(thing, name.unwrap_or_default())
            .map_err(internal)?;
        let now_s = now_ms.div_euclid(1_000);
        let payload = document.get(now_s, None, || shadow_name(thing, name))?;
        serde_json::from_slice(&payload).map_err(|_| Rejected::Internal)
    }

    /// `{"results": [name, …], "nextToken"?, "timestamp"}`: the named shadows of
    /// a thing, `page_size` (1 to 100) at a time.
    pub fn list_named(
        &self,
        thing: &str,
        page_size: usize,
        next_token: Option<&str>,
        now_ms: i64,
    ) -> Result<Value, Rejected> {
        check_names(thing, None)?;
        if !(1..=100).contains(&page_size) {
            return Err(Rejected::InvalidPageSize);
        }
        if next_token.is_some_and(|token| !check_shadow(token)) {
            return Err(Rejected::InvalidNextToken);
        }
        let after = next_token.unwrap_or_default();
        let mut names = self.names(thing, after, page_size + 1).map_err(internal)?;
        let more = names.len() > page_size;
        names.truncate(page_size);
        let mut page = json!({"timestamp": now_ms.div_euclid(1_000)});
        if more && let Some(last) = names.last() {
            page["nextToken"] = json!(last);
        }
        page["results"] = json!(names);
        Ok(page)
    }

    /// Visits every shadow in order: thing, name (empty for the classic shadow),
    /// document.
    pub fn for_each(&self, mut visit: impl FnMut(&str, &str, &Document)) -> Result<(), StoreError> {
        let shadows = self.database.begin_read()?.open_table(SHADOWS)?;
        for entry in shadows.iter()? {
            let (key, bytes) = entry?;
            let (thing, name) = key.value();
            visit(thing, name, &postcard::from_bytes(bytes.value())?);
        }
        Ok(())
    }

    fn read(&self, thing: &str, name: &str) -> Result<Document, StoreError> {
        let shadows = self.database.begin_read()?.open_table(SHADOWS)?;
        let bytes = shadows.get((thing, name))?;
        Ok(bytes
            .map(|bytes| postcard::from_bytes(bytes.value()))
            .transpose()?
            .unwrap_or_default())
    }

    fn names(&self, thing: &str, after: &str, limit: usize) -> Result<Vec<String>, StoreError> {
        let shadows = self.database.begin_read()?.open_table(SHADOWS)?;
        let mut names = Vec::new();
        for entry in shadows.range((thing, after)..)? {
            let (key, _) = entry?;
            let (owner, name) = key.value();
            if owner != thing || names.len() == limit {
                break;
            }
            // Not the classic shadow, and not the last name of the previous page.
            if name != after {
                names.push(name.to_owned());
            }
        }
        Ok(names)
    }
}

fn check_names(thing: &str, name: Option<&str>) -> Result<(), Rejected> {
    check_device(thing).map_err(|_| Rejected::InvalidThing)?;
    if name.is_some_and(|name| !check_shadow(name)) {
        return Err(Rejected::InvalidShadow);
    }
    Ok(())
}

/// The name in AWS's messages: `thing` or `thing~shadow`.
fn shadow_name(thing: &str, name: Option<&str>) -> String {
    match name {
        None => thing.to_owned(),
        Some(name) => format!("{thing}~{name}"),
    }
}

fn internal(error: StoreError) -> Rejected {
    tracing::error!(%error, "cannot read a shadow");
    Rejected::Internal
}

#[cfg(test)]
mod tests;
