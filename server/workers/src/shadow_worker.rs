//! Applies shadow requests and Weir's own reports, a batch per transaction, and
//! publishes the answers once the transaction is durable.

mod answers;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Receiver;
use std::thread;
use std::time::Duration;

use tracing::{debug, error, warn};
use weir_auth::{Access, Action};
use weir_clock::now;
use weir_ingest::{Outlet, OutletError, Publication};
use weir_journal::Journal;
use weir_model::Position;
use weir_pipeline::ShadowRequest;
use weir_shadows::{Operation, Rejected, Request, ShadowStore, parse_topic, refusal};

pub(crate) use answers::Answers;

use crate::health::Health;
use crate::log_throttle::LogThrottle;
use crate::progress::Progress;

/// Waits between tries of a transaction that failed.
const RETRY: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(crate) enum ShadowCommand {
    /// Requests of a chunk that ends at `position`.
    Requests {
        position: Position,
        requests: Vec<ShadowRequest>,
    },
    /// Weir's own updates: what changed since the last ones.
    Reports(Vec<Request>),
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
                ShadowCommand::Requests { position, requests } => {
                    self.requests(position, &requests)
                }
                ShadowCommand::Reports(reports) => self.apply(None, &reports),
                ShadowCommand::Barrier(position) => self.progress.advance(position),
            }
        }
        self.progress.close();
    }

    /// After a crash the journal brings requests again that were applied: they
    /// lie before the position that the shadows are durable up to.
    fn requests(&self, position: Position, requests: &[ShadowRequest]) {
        let applied = self.shadows.position();
        let (mut allowed, mut refused) = (Vec::new(), Vec::new());
        for message in requests
            .iter()
            .filter(|request| request.position >= applied)
        {
            let Some(target) = parse_topic(&self.prefix, &message.topic) else {
                continue;
            };
            let request = Request {
                thing: target.thing.into(),
                name: target.name.map(Into::into),
                operation: target.operation,
                payload: message.payload.to_vec(),
                publish: true,
            };
            match self.admit(&message.client, &request) {
                Ok(()) => allowed.push(request),
                Err(rejected) => refused.push((request, rejected)),
            }
        }
        // A request is answered as done only when nothing can undo it.
        if let Err(error) = self.journal.wait_committed(position) {
            error!(%error, "shadow requests are not applied");
            self.progress.close();
            return;
        }
        self.apply(Some(position), &allowed);
        for (request, rejected) in refused {
            let answer = refusal(&self.prefix, &request, &rejected, now().seconds());
            self.answers.publish(answer);
        }
    }

    /// The door lets requests in from those who may read a shadow; whether they
    /// may change it, or have lost their rights since, is told by an answer.
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

    fn apply(&self, position: Option<Position>, requests: &[Request]) {
        let mut log_throttle = LogThrottle::default();
        let answers = loop {
            match self.shadows.apply(position, requests, now().millis()) {
                Ok(answers) => {
                    self.health.clear("shadows");
                    break answers;
                }
                Err(error) => {
                    if log_throttle.is_due() {
                        error!(%error, "cannot update shadows; trying again");
                    }
                    self.health
                        .set("shadows", format!("cannot update shadows: {error}"));
                    if self.stop.load(Ordering::Acquire) {
                        self.progress.close();
                        return;
                    }
                    thread::sleep(RETRY);
                }
            }
        };
        for answer in answers.into_iter().flatten() {
            self.answers.publish(answer);
        }
    }
}

/// Sends a shadow answer to every publisher.
pub fn publish(publishers: &[Arc<dyn Outlet>], topic: String, payload: Vec<u8>) {
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
            // Weir is stopping, and whoever asked is disconnected.
            Err(error @ OutletError::Closed) => {
                debug!(topic, %error, "shadow answer not published")
            }
            Err(error) => warn!(topic, %error, "shadow answer not published"),
        }
    }
}
