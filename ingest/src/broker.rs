//! The embedded broker: the MQTT endpoint for devices that have no broker of their
//! own.
//!
//! MQTT 3.1, 3.1.1 and 5, over TCP and, if configured, WebSocket. The protocol is
//! `weir-mqtt-broker`; the listeners, TLS, the access rules and the journal behind it
//! are here. A publish to an accepted topic ([`LiveTopics`]) is appended to the
//! journal, and its PUBACK or PUBREC is sent once the journal has committed it
//! (`broker/journal_log.rs`). A journal without room stops reading from that
//! connection; a journal that has failed closes it. QoS 0 is journaled as well.
//!
//! Other topics are plain broker traffic. Subscribers get a message when what was
//! appended before it is committed. No publish waits for a slow subscriber: its
//! queue drops the oldest, counted by reason. A publish that neither a route nor a
//! subscriber takes is counted by the first level of its topic; MQTT 5 is answered
//! "no matching subscribers".
//!
//! The rules of `weir-auth` decide who may connect, publish and subscribe
//! (`broker/login.rs`). Without authentication everybody may, except that only Weir
//! publishes alerts, `$SYS` and the answers of shadows. Refusals are counted and
//! logged. A refused publish is dropped; MQTT 5 is answered "not authorized", and
//! MQTT 3.1.1, which has no such answer, an ordinary acknowledgement, as by
//! Mosquitto and EMQX. A refused subscription is answered 0x87 or 0x80.
//!
//! Sessions and retained messages are kept in memory: a restart of Weir ends them,
//! which `session_present = 0` shows to clients. A message that is published with
//! the retain flag is fresh: the flag asks the broker to keep it for others. The
//! will of a lost connection is handled like a publish of the moment it is due.

mod arrivals;
mod housekeeping;
mod journal_log;
mod login;
mod publisher;
mod serve;
mod shared;
mod websocket;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{info, warn};
use weir_journal::Appender;

pub use self::publisher::BrokerPublisher;
use self::serve::{Carrier, accept};
use self::shared::Shared;
use crate::{Guard, LiveTopics, Publication, PublishError, Publisher};

/// How long [`EmbeddedBroker::stop`] waits for connections to end.
const STOP_TIMEOUT: Duration = Duration::from_secs(20);

/// Why the embedded broker did not start.
#[derive(Debug, Error)]
pub enum BrokerError {
    #[error(
        "the embedded broker does not listen on {address}, where others than this machine can \
         connect, without authentication and TLS; add [auth] and [tls], or listen on 127.0.0.1"
    )]
    Unguarded { address: SocketAddr },
    #[error("the embedded broker cannot listen on {address}: {source}")]
    Bind {
        address: SocketAddr,
        source: io::Error,
    },
}

/// State and counters of the embedded broker, for `/metrics` and `/readyz`. Counters
/// start with the process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BrokerStatus {
    /// Open connections, over TCP and WebSocket.
    pub connections: usize,
    /// Connections that were closed at once: `max_connections` was reached, or half of
    /// it by one address without a login.
    pub refused_connections: u64,
    /// Messages that were appended to the journal.
    pub received: u64,
    /// CONNECTs with wrong credentials, or with the client id of another identity.
    pub refused_logins: u64,
    /// Publishes to topics that the client may not write.
    pub refused_publishes: u64,
    /// Subscriptions to topics that the client may not read.
    pub refused_subscribes: u64,
    /// Messages in the journal that wait for their commit.
    pub uncommitted: usize,
    /// Bytes of acknowledgements that wait for a commit.
    pub held_bytes: usize,
    /// Connections that do not read. Messages for them are dropped: at QoS 0 at once,
    /// above it when their queue is full.
    pub stalled_subscribers: usize,
    /// Subscribers, connected or not, with a full queue: each further message drops
    /// their oldest one.
    pub full_queues: usize,
    /// Sessions of connected and disconnected clients.
    pub sessions: usize,
    /// Publications by Weir (alerts, shadows) that were routed.
    pub published: u64,
    /// Subscriptions in force.
    pub subscriptions: usize,
    /// Retained messages, ...
    pub retained: usize,
    /// ... and their bytes.
    pub retained_bytes: usize,
    /// Messages that were not retained: the store was full.
    pub not_retained: u64,
    /// Connections that Weir has closed or refused, by reason.
    pub closed: Vec<(String, u64)>,
    /// Messages that subscribers did not get, by reason.
    pub dropped: Vec<(&'static str, u64)>,
    /// Publishes that neither a route nor a subscriber takes, by the first level of
    /// their topic, and `(other)` beyond 100 of these.
    pub unrouted: Vec<(String, u64)>,
    /// Messages in memory, each counted once: queued, in flight or retained, and
    /// their bytes.
    pub messages: usize,
    pub message_bytes: usize,
}

/// See the module. A cheap handle: its clones are the same broker, which runs until
/// the token of its start is cancelled or [`stop`](Self::stop) is called.
#[derive(Clone, Debug)]
pub struct EmbeddedBroker {
    shared: Arc<Shared>,
    publisher: BrokerPublisher,
    local_addr: SocketAddr,
    websocket_addr: Option<SocketAddr>,
    tasks: TaskTracker,
}

impl EmbeddedBroker {
    /// Binds the listeners and serves them on the current Tokio runtime.
    pub async fn start(
        config: &weir_config::Broker,
        topics: LiveTopics,
        guard: Guard,
        journal: Arc<dyn Appender>,
        shutdown: CancellationToken,
    ) -> Result<Self, BrokerError> {
        let tcp = listen(config.listen, &guard).await?;
        let websocket = match config.websocket_listen {
            Some(address) => Some(listen(address, &guard).await?),
            None => None,
        };
        let local_addr = local_addr(&tcp, config.listen)?;
        let websocket_addr = match (&websocket, config.websocket_listen) {
            (Some(listener), Some(address)) => Some(self::local_addr(listener, address)?),
            _ => None,
        };
        let shared = Arc::new(Shared::new(
            config,
            topics,
            guard,
            journal,
            shutdown.child_token(),
        ));
        let publisher = BrokerPublisher::new(shared.broker.clone(), shared.closing.clone());
        let tasks = TaskTracker::new();
        let broker = shared.broker.clone();
        tasks.spawn(async move { broker.run().await });
        tasks.spawn(shared.clone().close_with_weir());
        if shared.access.is_required() {
            tasks.spawn(shared.clone().review_access());
        }
        tasks.spawn(accept(shared.clone(), tasks.clone(), tcp, Carrier::Tcp));
        if let Some(listener) = websocket {
            tasks.spawn(accept(
                shared.clone(),
                tasks.clone(),
                listener,
                Carrier::WebSocket,
            ));
        }
        info!(%local_addr, ?websocket_addr, "embedded broker started");
        Ok(Self {
            shared,
            publisher,
            local_addr,
            websocket_addr,
            tasks,
        })
    }

    /// The address for MQTT over TCP, with the port that was picked for 0.
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// The address for MQTT over WebSocket, at the path `/mqtt`.
    pub fn websocket_addr(&self) -> Option<SocketAddr> {
        self.websocket_addr
    }

    /// Publishes to the subscribers of this broker.
    pub fn publisher(&self) -> BrokerPublisher {
        self.publisher.clone()
    }

    /// The former name of [`Self::publisher`].
    pub fn outlet(&self) -> BrokerPublisher {
        self.publisher()
    }

    pub fn status(&self) -> BrokerStatus {
        let status = self.shared.broker.status();
        BrokerStatus {
            connections: self.shared.connections(),
            refused_connections: self.shared.places.refused() + self.shared.refused_arrivals(),
            received: self.shared.log.appended(),
            refused_logins: status.refused_logins,
            refused_subscribes: status.refused_subscribes,
            refused_publishes: status.refused_publishes,
            uncommitted: status.uncommitted,
            held_bytes: status.held_bytes,
            stalled_subscribers: status.stalled_subscribers,
            full_queues: status.full_queues,
            sessions: status.sessions,
            published: status.published,
            subscriptions: status.subscriptions,
            retained: status.retained,
            retained_bytes: status.retained_bytes,
            not_retained: status.not_retained,
            closed: closed(&status.closed),
            messages: status.messages,
            message_bytes: status.message_bytes,
            dropped: status
                .dropped
                .iter()
                .map(|(reason, count)| (reason.as_str(), *count))
                .collect(),
            unrouted: status.unrouted,
        }
    }

    /// Stops accepting, appends the pending publishes, waits (for at most 20 s) until
    /// they are committed and their acknowledgements are written, and closes. The
    /// journal must still run.
    pub async fn stop(self) {
        self.shared.closing.cancel();
        self.tasks.close();
        if tokio::time::timeout(STOP_TIMEOUT, self.tasks.wait())
            .await
            .is_err()
        {
            let connections = self.shared.connections();
            warn!(
                connections,
                "embedded broker stopped before all connections had ended"
            );
        }
    }
}

impl Publisher for EmbeddedBroker {
    fn publish(
        &self,
        publication: Publication,
        delivered: Option<Box<dyn FnOnce() + Send>>,
    ) -> Result<(), PublishError> {
        self.publisher.publish(publication, delivered)
    }

    fn room(&self) -> usize {
        self.publisher.room()
    }
}

/// Names as in `reason` of a metric: `packet_too_large`.
fn closed(counts: &[(weir_mqtt_broker::ReasonCode, u64)]) -> Vec<(String, u64)> {
    let counts = counts.iter();
    counts
        .map(|(reason, count)| {
            (
                reason.as_str().to_lowercase().replace([' ', '-'], "_"),
                *count,
            )
        })
        .collect()
}

/// The configuration refuses such an address before; this is the last check.
async fn listen(address: SocketAddr, guard: &Guard) -> Result<TcpListener, BrokerError> {
    if !address.ip().to_canonical().is_loopback() && !guard.is_closed() {
        return Err(BrokerError::Unguarded { address });
    }
    TcpListener::bind(address)
        .await
        .map_err(|source| BrokerError::Bind { address, source })
}

fn local_addr(listener: &TcpListener, address: SocketAddr) -> Result<SocketAddr, BrokerError> {
    listener
        .local_addr()
        .map_err(|source| BrokerError::Bind { address, source })
}

#[cfg(test)]
mod tests;
