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
//! no answers.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use redb::{ReadableTable, WriteTransaction};
use serde_json::{Value, json};
use weir_config::Shadows;
use weir_kv::Database;
use weir_model::{Position, check_device};
use weir_shadow_document::{
    Answer, AnswerKind, Document, Operation, Rejected, Request, UpdateRequest, Wanted,
    answer_topic, check_shadow, client_token,
};

use crate::in_flight::InFlight;
use crate::shadow_tables::{DELETED, Loaded, SHADOWS, Working, advance, delete_expired, open};
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

/// The result of one request of a batch.
#[derive(Debug, Default)]
struct Outcome {
    answers: Vec<Answer>,
    rejected: Option<Rejected>,
}

impl Outcome {
    fn of(answers: impl IntoIterator<Item = Answer>) -> Self {
        Self {
            answers: answers.into_iter().collect(),
            rejected: None,
        }
    }
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

    fn apply_batch(
        &self,
        position: Option<Position>,
        requests: &[Request],
        now_ms: i64,
    ) -> Result<Vec<Outcome>, StoreError> {
        if requests.is_empty() && position.is_none() {
            return Ok(Vec::new());
        }
        let txn = self.database.begin_write()?;
        if let Some(position) = position
            && !advance(&txn, position)?
        {
            txn.abort()?;
            return Ok(requests.iter().map(|_| Outcome::default()).collect());
        }
        let now_s = now_ms.div_euclid(1_000);
        let outcomes = self.apply_all(&txn, requests, now_s)?;
        delete_expired(&txn, now_s)?;
        txn.commit()?;
        if let Some(position) = position {
            self.position.store(position.0, Ordering::Release);
        }
        Ok(outcomes)
    }

    fn apply_all(
        &self,
        txn: &WriteTransaction,
        requests: &[Request],
        now_s: i64,
    ) -> Result<Vec<Outcome>, StoreError> {
        let mut working = Working::default();
        let mut in_flight = BTreeMap::new();
        let mut outcomes = Vec::with_capacity(requests.len());
        {
            let (shadows, deleted) = (txn.open_table(SHADOWS)?, txn.open_table(DELETED)?);
            for request in requests {
                let outcome = match self.admit(request, &mut in_flight) {
                    Ok(()) => {
                        let name = request.name.as_deref().unwrap_or_default();
                        let key = (request.thing.as_str(), name);
                        self.apply_one(working.get(key, &shadows, &deleted)?, request, now_s)
                    }
                    Err(rejected) => {
                        let token = client_token(&request.payload).unwrap_or_default();
                        self.reject(request, rejected, now_s, token.as_deref())
                    }
                };
                outcomes.push(outcome);
            }
        }
        working.write(txn)?;
        Ok(outcomes)
    }

    /// Checks the request without the shadow. The requests of one batch are in flight
    /// together; reports of Weir do not count.
    fn admit<'a>(
        &self,
        request: &'a Request,
        in_flight: &mut BTreeMap<&'a str, usize>,
    ) -> Result<(), Rejected> {
        check_names(&request.thing, request.name.as_deref())?;
        if request.operation == Operation::Report {
            return Ok(());
        }
        let waiting = in_flight.entry(request.thing.as_str()).or_default();
        *waiting += 1;
        if *waiting > self.limits.max_inflight {
            return Err(Rejected::TooManyRequests {
                max: self.limits.max_inflight,
            });
        }
        Ok(())
    }

    fn apply_one(&self, shadow: &mut Loaded, request: &Request, now_s: i64) -> Outcome {
        let name = || shadow_name(&request.thing, request.name.as_deref());
        let (token, result) = match request.operation {
            Operation::Update | Operation::Report => return self.update(shadow, request, now_s),
            Operation::Get => match client_token(&request.payload) {
                Ok(token) => {
                    let got = shadow.document.get(now_s, token.as_deref(), name);
                    (token, got)
                }
                Err(rejected) => (None, Err(rejected)),
            },
            Operation::Delete => {
                // The body is ignored, except for a well-formed token.
                let token = client_token(&request.payload).unwrap_or_default();
                let gone = shadow.document.delete(now_s, token.as_deref(), name);
                shadow.changed |= gone.is_ok();
                (token, gone)
            }
        };
        match result {
            Ok(payload) if request.publish => {
                Outcome::of([self.answer(request, AnswerKind::Accepted, payload)])
            }
            Ok(_) => Outcome::default(),
            Err(rejected) => self.reject(request, rejected, now_s, token.as_deref()),
        }
    }

    fn update(&self, shadow: &mut Loaded, request: &Request, now_s: i64) -> Outcome {
        let parsed = UpdateRequest::parse(&request.payload, &self.limits);
        let wanted = if request.publish {
            Wanted::All
        } else {
            Wanted::Delta
        };
        let document = &mut shadow.document;
        let updated = parsed.request.and_then(|mut update| {
            if request.operation == Operation::Report {
                document.report(&mut update, now_s, &self.limits, wanted)
            } else {
                let updated = document.update(&update, now_s, &self.limits, wanted);
                updated.map(Some)
            }
        });
        let updated = match updated {
            Ok(Some(updated)) => updated,
            // The shadow has newer values.
            Ok(None) => return Outcome::default(),
            Err(rejected) => {
                return self.reject(request, rejected, now_s, parsed.client_token.as_deref());
            }
        };
        shadow.changed = true;
        let delta = updated
            .delta
            .map(|payload| self.answer(request, AnswerKind::Delta, payload));
        if !request.publish {
            return Outcome::of(delta);
        }
        let documents = self.answer(request, AnswerKind::Documents, updated.documents);
        let accepted = self.answer(request, AnswerKind::Accepted, updated.accepted);
        Outcome::of(delta.into_iter().chain([documents, accepted]))
    }

    fn answer(&self, request: &Request, kind: AnswerKind, payload: Vec<u8>) -> Answer {
        let Request {
            thing,
            name,
            operation,
            ..
        } = request;
        let topic = answer_topic(
            &self.limits.prefix,
            thing,
            name.as_deref(),
            *operation,
            kind,
        );
        Answer { topic, payload }
    }

    fn reject(
        &self,
        request: &Request,
        rejected: Rejected,
        now_s: i64,
        token: Option<&str>,
    ) -> Outcome {
        let mut answers = Vec::new();
        if request.operation == Operation::Report {
            let dropped = self.dropped_reports.fetch_add(1, Ordering::Relaxed) + 1;
            // A device that does not fit is reported every second.
            if dropped.is_power_of_two() {
                let thing = &request.thing;
                tracing::warn!(thing, dropped, reason = %rejected, "report dropped: it does not fit its shadow");
            }
        } else if request.publish {
            let payload = rejected.payload(now_s, token);
            answers.push(self.answer(request, AnswerKind::Rejected, payload));
        }
        Outcome {
            answers,
            rejected: Some(rejected),
        }
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
