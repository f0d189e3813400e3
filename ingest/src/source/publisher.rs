//! Publishes to an external broker: alerts and shadow answers leave by the broker
//! that delivered the messages.
//!
//! It has a connection of its own (`{client_id}-out`, a clean session), so that
//! neither direction waits for the other. A publication is kept until the broker
//! has accepted it, which at QoS 1 is its PUBACK. After a reconnect the publications
//! in flight are sent again, in order and before newer ones.
//!
//! A broker may close the connection because of a publication (too large, a
//! forbidden topic), which would then be sent first for ever. So after a connection
//! that ended without a PUBACK only one publication is in flight at a time, and one
//! that ended five such connections in a row moves to the end of the queue, with a
//! warning: delayed, but not lost.

mod sender;

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::error;
use weir_config::Source;

use self::sender::Sender;
use super::link::Link;
use super::options::{Identity, SourceError};
use crate::log_text::shown;
use crate::publisher::Delivered;
use crate::{Publication, PublishError, Publisher};

/// Publications in the queue and in flight at most.
const CAPACITY: usize = 10_000;

/// Publishes to the broker of one `[[source]]`.
#[derive(Debug)]
pub struct SourcePublisher {
    shared: Arc<Shared>,
    task: Mutex<Option<JoinHandle<()>>>,
    stop: CancellationToken,
}

/// State and counters of a publisher, for `/metrics` and `/readyz`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourcePublisherStatus {
    pub client_id: String,
    pub connected: bool,
    /// Why the connection was lost or could not be made the last time.
    pub last_error: Option<String>,
    /// Lost connections and failed attempts.
    pub failures: u64,
    /// Publications in the queue and in flight.
    pub queued: u64,
    /// Publications that the broker accepted since the start of the process.
    pub delivered: u64,
}

struct Entry {
    publication: Publication,
    delivered: Delivered,
}

#[derive(Debug)]
struct Shared {
    client_id: String,
    state: Mutex<State>,
    /// The queue is not empty, or it was closed.
    queued: Notify,
}

#[derive(Default)]
struct State {
    /// Not in flight yet, oldest first.
    queue: VecDeque<Entry>,
    /// How many the task has in flight.
    in_flight: usize,
    closed: bool,
    connected: bool,
    last_error: Option<String>,
    failures: u64,
    delivered: u64,
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State")
            .field("queued", &self.queue.len())
            .field("in_flight", &self.in_flight)
            .field("closed", &self.closed)
            .finish_non_exhaustive()
    }
}

impl SourcePublisher {
    /// Starts the task on the current tokio runtime. An unreachable broker is no
    /// error: publications wait.
    ///
    /// # Errors
    /// A file or certificate that the configuration names cannot be used.
    pub fn start(config: &Source, shutdown: CancellationToken) -> Result<Self, SourceError> {
        let client_id = format!("{}-out", config.client_id);
        let identity = Identity {
            client_id: client_id.clone(),
            clean_session: true,
        };
        let link = Link::new(Arc::new(config.clone()), identity)?;
        let shared = Arc::new(Shared {
            client_id,
            state: Mutex::default(),
            queued: Notify::new(),
        });
        let stop = shutdown.child_token();
        let sender = Sender {
            link,
            shared: shared.clone(),
            stop: stop.clone(),
            in_flight: VecDeque::new(),
            last_pkid: 0,
            failed_connections: 0,
        };
        let task = Mutex::new(Some(tokio::spawn(sender.run())));
        Ok(Self { shared, task, stop })
    }

    pub fn status(&self) -> SourcePublisherStatus {
        let state = self.shared.state.lock();
        SourcePublisherStatus {
            client_id: self.shared.client_id.clone(),
            connected: state.connected,
            last_error: state.last_error.clone(),
            failures: state.failures,
            queued: (state.queue.len() + state.in_flight) as u64,
            delivered: state.delivered,
        }
    }

    /// Refuses further publications, waits up to 5 s until the broker has accepted the
    /// queued ones, and disconnects. The rest is dropped undelivered; its owner still
    /// keeps it.
    pub async fn stop(&self) {
        self.shared.state.lock().closed = true;
        self.stop.cancel();
        let task = self.task.lock().take();
        if let Some(task) = task
            && let Err(error) = task.await
        {
            error!(client_id = self.shared.client_id, %error, "the task of a publisher ended early");
        }
    }
}

impl Publisher for SourcePublisher {
    fn publish(&self, publication: Publication, delivered: Delivered) -> Result<(), PublishError> {
        let mut state = self.shared.state.lock();
        if state.closed {
            return Err(PublishError::Closed);
        }
        if state.queue.len() + state.in_flight >= CAPACITY {
            return Err(PublishError::Full { capacity: CAPACITY });
        }
        if !is_publishable(&publication.topic) {
            // Sending it would end the connection. No retry can succeed, so it counts
            // as delivered.
            drop(state);
            error!(
                topic = ?shown(&publication.topic),
                "publication dropped: its topic is not valid in MQTT"
            );
            if let Some(delivered) = delivered {
                delivered();
            }
            return Ok(());
        }
        state.queue.push_back(Entry {
            publication,
            delivered,
        });
        drop(state);
        self.shared.queued.notify_one();
        Ok(())
    }

    fn room(&self) -> usize {
        let state = self.shared.state.lock();
        CAPACITY.saturating_sub(state.queue.len() + state.in_flight)
    }
}

/// MQTT 3.1.1, sections 3.3.2.1 and 4.7.3.
fn is_publishable(topic: &str) -> bool {
    !topic.is_empty() && topic.len() <= 65_535 && !topic.contains(['+', '#', '\0'])
}

#[cfg(test)]
mod tests;
