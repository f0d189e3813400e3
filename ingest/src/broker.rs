//! The embedded broker: the MQTT endpoint for devices that have no broker of their
//! own.
//!
//! MQTT 3.1.1 and 5, over TCP and, if configured, WebSocket. The protocol is
//! implemented by mqtt5; the listeners, the limits and the time of acknowledgement
//! are Weir's. A publish to an accepted topic ([`LiveTopics`]) is appended to the
//! journal, and its PUBACK or PUBREC is sent once the journal has committed it. A
//! journal without room stops reading from that connection; a journal that has
//! failed closes it. QoS 0 is journaled as well. A QoS 2 publish that is repeated
//! after a reconnect is accepted again: readings are deduplicated later, by time.
//!
//! Other topics are plain broker traffic. Subscribers of accepted topics get a
//! message when it is appended, not when it is committed: until then its sender has
//! no acknowledgement and may send it again. No publish waits for a slow
//! subscriber, except MQTT 5 and QoS 2 ones for at most 2 s.
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
//! will of a lost connection is handled like a publish of that moment; a will delay
//! (MQTT 5) delays its routing only.

mod ack_gate;
mod client_ids;
mod connection;
mod housekeeping;
mod login;
mod publisher;
mod serve;
mod session_registry;
mod shared;
mod telemetry_subscribers;
mod transport;
mod websocket;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BrokerStatus {
    /// Open connections, over TCP and WebSocket.
    pub connections: usize,
    /// Connections that were closed at once: `max_connections` was reached.
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
    /// their oldest one. Counted every 10 s.
    pub full_queues: usize,
    /// Sessions of connected and disconnected clients. Counted every 10 s.
    pub sessions: usize,
    /// Publications by Weir (alerts, shadows) that were routed.
    pub published: u64,
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
        let (publisher, router) = BrokerPublisher::new();
        let tasks = TaskTracker::new();
        tasks.spawn(router.run(shared.clone()));
        tasks.spawn(shared.clone().run_housekeeping());
        if shared.access.is_required() {
            tasks.spawn(shared.clone().revoke_sessions());
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
        let counters = &self.shared.counters;
        BrokerStatus {
            connections: counters.connections.get(),
            refused_connections: self.shared.places.refused(),
            received: counters.received.load(Ordering::Relaxed),
            refused_logins: counters.refused_logins.load(Ordering::Relaxed),
            refused_subscribes: counters.refused_subscribes.load(Ordering::Relaxed),
            refused_publishes: counters.refused_publishes.load(Ordering::Relaxed),
            uncommitted: counters.uncommitted.get(),
            held_bytes: counters.held_bytes.get(),
            stalled_subscribers: counters.stalled_subscribers.get(),
            full_queues: counters.full_queues.load(Ordering::Relaxed),
            sessions: counters.sessions.load(Ordering::Relaxed),
            published: counters.published.load(Ordering::Relaxed),
        }
    }

    /// Call it when further topics are accepted: earlier subscribers of these topics
    /// were not noted as subscribers of telemetry.
    pub fn topics_have_grown(&self) {
        self.shared.telemetry_subscribers.assume_any();
    }

    /// The former name of [`Self::topics_have_grown`].
    pub fn intake_has_grown(&self) {
        self.topics_have_grown();
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
            let connections = self.shared.counters.connections.get();
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
