//! A batch of requests as one transaction: what each request does to its shadow, and
//! its answers.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use redb::WriteTransaction;
use weir_model::Position;
use weir_shadow_document::{
    Answer, AnswerKind, Operation, Rejected, Request, UpdateRequest, Wanted, answer_topic,
    client_token,
};

use super::{ShadowStore, check_names, shadow_name};
use crate::shadow_tables::{DELETED, Loaded, SHADOWS, Working, advance, delete_expired};
use crate::store_error::StoreError;

/// The result of one request of a batch.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    pub(super) answers: Vec<Answer>,
    pub(super) rejected: Option<Rejected>,
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
    pub(super) fn apply_batch(
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
