//! Applies shadow requests and Weir's own reports, a batch per transaction, and
//! publishes the answers once the transaction is durable.
//!
//! Both have a position and the time of their record. Applying the same journal
//! again, from any position and in any chunks, gives the same versions and
//! documents.

mod answers;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::Receiver;

use tracing::{debug, error, warn};
use weir_auth::{Access, Action};
use weir_ingest::{Publication, PublishError, Publisher};
use weir_journal::Journal;
use weir_model::Position;
use weir_pipeline::{ShadowCause, ShadowRequest, ShadowUpdate};
use weir_shadow_document::{Operation, Rejected, Request, parse_topic, rejected_answer};
use weir_shadow_store::ShadowStore;

pub(crate) use answers::Answers;

use crate::health::Health;
use crate::insist::Insist;
use crate::progress::Progress;

#[derive(Debug)]
pub(crate) enum ShadowCommand {
    /// Requests and reports of a chunk that ends at `position`.
    Updates {
        position: Position,
        updates: Vec<ShadowUpdate>,
    },
    /// Tell [`Progress`] once everything before is durable.
    Barrier(Position),
}

pub(crate) struct ShadowWorker {
    pub(crate) shadows: Arc<ShadowStore>,
    pub(crate) access: Access,
    pub(crate) journal: Arc<dyn Journal>,
    pub(crate) commands: Receiver<ShadowCommand>,
    pub(crate) answers: Answers,
    pub(crate) prefix: String,
    pub(crate) progress: Progress,
    pub(crate) health: Arc<Health>,
    pub(crate) stop: Arc<AtomicBool>,
}

impl ShadowWorker {
    /// Runs until the pipeline is gone.
    pub(crate) fn run(self) {
        while let Ok(command) = self.commands.recv() {
            match command {
                ShadowCommand::Updates { position, updates } => self.update(position, updates),
                ShadowCommand::Barrier(position) => self.progress.advance(position),
            }
        }
        self.progress.close();
    }

    fn update(&self, position: Position, updates: Vec<ShadowUpdate>) {
        // Durable only behind the commit: a position that power took back would be
        // given to another message, whose updates would pass for applied.
        if let Err(error) = self.journal.wait_committed(position) {
            error!(%error, "shadow updates are not applied");
            self.progress.close();
            return;
        }
        for batch in batches(self.shadows.position(), position, updates) {
            let (mut allowed, mut refused) = (Vec::new(), Vec::new());
            for cause in batch.causes {
                match cause {
                    ShadowCause::Report(report) => allowed.push(report),
                    ShadowCause::Request(request) => {
                        let Some(read) = read_request(&self.prefix, &request) else {
                            continue;
                        };
                        match self.admit(&request.client, &read) {
                            Ok(()) => allowed.push(read),
                            Err(rejected) => refused.push((read, rejected)),
                        }
                    }
                }
            }
            self.apply(batch.end, batch.second, &allowed);
            for (request, rejected) in refused {
                let answer = rejected_answer(&self.prefix, &request, &rejected, batch.second);
                self.answers.publish(answer);
            }
        }
    }

    /// The broker accepts requests from clients that may read a shadow. Whether the
    /// client may change it, or has lost its rights since, is decided here.
    fn admit(&self, client: &str, request: &Request) -> Result<(), Rejected> {
        if client.is_empty() {
            return Ok(());
        }
        let identity = self.access.named(client).ok_or(Rejected::Unauthorized)?;
        let thing = &request.thing;
        let action = match request.operation {
            Operation::Get => Action::ReadShadow { thing },
            Operation::Update | Operation::Delete | Operation::Report => {
                Action::WriteShadow { thing }
            }
        };
        if self.access.allows(&identity, action) {
            Ok(())
        } else {
            Err(Rejected::Forbidden)
        }
    }

    /// Retries until it succeeds, or Weir stops.
    fn apply(&self, end: Position, second: i64, requests: &[Request]) {
        let insist = Insist {
            stop: &self.stop,
            health: &self.health,
            component: "shadows",
        };
        let apply = || self.shadows.apply(Some(end), requests, second * 1_000);
        let Some(answers) = insist.on("cannot update shadows", apply) else {
            self.progress.close();
            return;
        };
        for answer in answers.into_iter().flatten() {
            self.answers.publish(answer);
        }
    }
}

/// Updates of one second that are one transaction.
#[derive(Debug, PartialEq, Eq)]
struct Batch {
    /// In the time of the records.
    second: i64,
    /// Every update before it is in this batch or an earlier one.
    end: Position,
    causes: Vec<ShadowCause>,
}

/// Groups the updates of a chunk that ends at `end` by their seconds, the unit of
/// time in a shadow. So a document does not depend on where a chunk ends, or on
/// when it is read. After a crash the journal brings updates again that were
/// applied: they are before `applied`.
fn batches(applied: Position, end: Position, updates: Vec<ShadowUpdate>) -> Vec<Batch> {
    let mut batches: Vec<Batch> = Vec::new();
    for update in updates {
        let ShadowUpdate {
            position,
            received,
            cause,
        } = update;
        if position < applied {
            continue;
        }
        let second = received.seconds();
        match batches.last_mut() {
            Some(last) if last.second == second => last.causes.push(cause),
            last => {
                if let Some(last) = last {
                    last.end = position;
                }
                batches.push(Batch {
                    second,
                    end,
                    causes: vec![cause],
                });
            }
        }
    }
    batches
}

/// The request of a message; `None` when its topic names no shadow.
fn read_request(prefix: &str, request: &ShadowRequest) -> Option<Request> {
    let target = parse_topic(prefix, &request.topic)?;
    Some(Request {
        thing: target.thing.into(),
        name: target.name.map(Into::into),
        operation: target.operation,
        payload: request.payload.to_vec(),
        publish: true,
    })
}

/// Sends a shadow answer to every publisher.
pub fn publish(publishers: &[Arc<dyn Publisher>], topic: String, payload: Vec<u8>) {
    let payload = bytes::Bytes::from(payload);
    for publisher in publishers {
        let publication = Publication {
            topic: topic.clone(),
            payload: payload.clone(),
            qos: 1,
            retain: false,
        };
        match publisher.publish(publication, None) {
            Ok(()) => {}
            // Weir is stopping, and the client is disconnected.
            Err(error @ PublishError::Closed) => {
                debug!(topic, %error, "shadow answer not published")
            }
            Err(error) => warn!(topic, %error, "shadow answer not published"),
        }
    }
}

#[cfg(test)]
mod tests;
