//! The embedded broker: the door for devices that have no broker of their own.
//!
//! MQTT 3.1.1 and 5, over TCP and, if configured, WebSocket. The protocol is
//! mqtt5's; the listeners, the limits and the moment of acknowledgement are
//! ours. A publish to a topic of the [`Intake`] is appended to the journal and
//! its PUBACK or PUBREC leaves once the journal has committed it; a journal
//! without room stops the reading of that connection; a journal that has failed
//! closes it. QoS 0 is journaled as well. A QoS 2 publish that is repeated after
//! a reconnect is taken again: readings are deduplicated later, by their time.
//!
//! Other topics are plain broker traffic. Other subscribers of intake topics
//! get a message when it is appended, not when it is committed: until then its
//! sender has no acknowledgement and may send it again. Nobody's publish waits
//! for a slow subscriber, except MQTT 5 and QoS 2 ones for at most 2 s.
//!
//! Who may connect, publish and subscribe, the rules of `weir-auth` say
//! (`login.rs`); without authentication everybody may, but for alerts, `$SYS`
//! and the answers of shadows, which Weir alone writes. What is refused is
//! counted and logged. A publish is then dropped; MQTT 5 is answered "not
//! authorized", MQTT 3.1.1, which has no words for it, an ordinary
//! acknowledgement, as by Mosquitto and EMQX. A subscription is answered 0x87
//! or 0x80.
//!
//! Sessions and retained messages are kept in memory: a restart of Weir ends
//! them, and clients learn it from `session_present = 0`. A message that is
//! published with the retain flag is taken as fresh: the flag asks the broker to
//! keep it for others. The will of a lost connection is taken like a publish of
//! that moment; a will delay (MQTT 5) delays its routing only.

mod claims;
mod connection;
mod gate;
mod interest;
mod login;
mod outlet;
mod roster;
mod shared;
mod transport;
mod websocket;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use mqtt5::broker::transport::BrokerTransport;
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::OwnedSemaphorePermit;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, info, warn};
use weir_auth::common_name;
use weir_journal::Appender;

use self::connection::Connection;
pub use self::outlet::BrokerOutlet;
use self::shared::Shared;
use self::transport::Gated;
use crate::{Guard, Intake, Outlet, OutletError, Publication};

/// How long accepting pauses when it fails: usually file descriptors have run
/// out, and only time brings them back.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// Of TLS, and of WebSocket.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long mqtt5's handlers may take to say goodbye.
const GOODBYE_TIMEOUT: Duration = Duration::from_secs(5);
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

/// How the embedded broker stands, for `/metrics` and `/readyz`. Counters run
/// since the start of the process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BrokerStatus {
    /// Connections now, over TCP and WebSocket.
    pub connections: usize,
    /// Connections that were closed at once: there were `max_connections`.
    pub refused_connections: u64,
    /// Messages that were appended to the journal.
    pub received: u64,
    /// CONNECTs without the right credentials, or with another's client id.
    pub refused_logins: u64,
    /// Publishes to topics that are not the client's to write.
    pub refused_publishes: u64,
    /// Subscriptions to what is not the client's to read.
    pub refused_subscribes: u64,
    /// Messages in the journal that wait for their commit.
    pub uncommitted: usize,
    /// Bytes of acknowledgements that wait for a commit.
    pub held_bytes: usize,
    /// Connections that do not read what they are sent. What they miss is
    /// dropped: at QoS 0 at once, above it when their queue is full.
    pub stalled_subscribers: usize,
    /// Subscribers, connected or away, whose queue is full: each message that
    /// comes now drops their oldest one. Looked at every 10 s.
    pub full_queues: usize,
    /// Sessions that are kept, of clients that are connected or away. Looked
    /// at every 10 s.
    pub sessions: usize,
    /// Publications of Weir's own (alerts, shadows) that were routed.
    pub published: u64,
}

/// See the module. A cheap handle: its clones are the same broker, which runs
/// until the token that it was started with is cancelled or
/// [`stop`](Self::stop) is called.
#[derive(Clone, Debug)]
pub struct EmbeddedBroker {
    shared: Arc<Shared>,
    outlet: BrokerOutlet,
    local_addr: SocketAddr,
    websocket_addr: Option<SocketAddr>,
    tasks: TaskTracker,
}

#[derive(Clone, Copy, Debug)]
enum Carrier {
    Tcp,
    WebSocket,
}

impl EmbeddedBroker {
    /// Binds the listeners and serves them on the current Tokio runtime.
    pub async fn start(
        config: &weir_config::Broker,
        intake: Intake,
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
            intake,
            guard,
            journal,
            shutdown.child_token(),
        ));
        let (outlet, router) = BrokerOutlet::new();
        let tasks = TaskTracker::new();
        tasks.spawn(router.run(shared.clone()));
        tasks.spawn(shared.clone().keep_house());
        if shared.access.is_required() {
            tasks.spawn(shared.clone().keep_out());
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
        info!(%local_addr, ?websocket_addr, "the embedded broker accepts connections");
        Ok(Self {
            shared,
            outlet,
            local_addr,
            websocket_addr,
            tasks,
        })
    }

    /// Where MQTT over TCP is accepted, with the port that was picked for 0.
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// Where MQTT over WebSocket is accepted, at the path `/mqtt`.
    pub fn websocket_addr(&self) -> Option<SocketAddr> {
        self.websocket_addr
    }

    /// The way out to this broker's subscribers.
    pub fn outlet(&self) -> BrokerOutlet {
        self.outlet.clone()
    }

    pub fn status(&self) -> BrokerStatus {
        let counters = &self.shared.counters;
        BrokerStatus {
            connections: counters.connections.get(),
            refused_connections: counters.refused_connections.load(Ordering::Relaxed),
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

    /// To be called when the intake takes topics that it did not take before:
    /// who subscribed to them meanwhile is not known as a reader of telemetry.
    pub fn intake_has_grown(&self) {
        self.shared.interest.assume();
    }

    /// Stops accepting, appends what was taken, waits (for at most 20 s) until
    /// it is committed and its acknowledgements are written, and closes. The
    /// journal must still run.
    pub async fn stop(self) {
        self.shared.closing.cancel();
        self.tasks.close();
        if tokio::time::timeout(STOP_TIMEOUT, self.tasks.wait())
            .await
            .is_err()
        {
            let connections = self.shared.counters.connections.get();
            warn!(connections, "the embedded broker left connections behind");
        }
    }
}

impl Outlet for EmbeddedBroker {
    fn publish(
        &self,
        publication: Publication,
        delivered: Option<Box<dyn FnOnce() + Send>>,
    ) -> Result<(), OutletError> {
        self.outlet.publish(publication, delivered)
    }

    fn room(&self) -> usize {
        self.outlet.room()
    }
}

/// The configuration refuses it before; this is the last door.
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

async fn accept(shared: Arc<Shared>, tasks: TaskTracker, listener: TcpListener, carrier: Carrier) {
    loop {
        let accepted = tokio::select! {
            biased;
            () = shared.closing.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                if let Some(suppressed) = shared.accept_log.admit() {
                    warn!(%error, suppressed, "no connection could be accepted");
                }
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let Ok(slot) = shared.slots.clone().try_acquire_owned() else {
            shared
                .counters
                .refused_connections
                .fetch_add(1, Ordering::Relaxed);
            if let Some(suppressed) = shared.accept_log.admit() {
                warn!(%peer, suppressed, "closed a connection: there are max_connections");
            }
            continue;
        };
        tasks.spawn(serve(shared.clone(), stream, peer, carrier, slot));
    }
}

/// Counts a connection for as long as it lives, however it ends.
struct Counted {
    shared: Arc<Shared>,
    _slot: OwnedSemaphorePermit,
}

impl Counted {
    fn new(shared: Arc<Shared>, slot: OwnedSemaphorePermit) -> Self {
        shared.counters.connections.change(0, 1);
        Self {
            shared,
            _slot: slot,
        }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.shared.counters.connections.change(1, 0);
    }
}

async fn serve(
    shared: Arc<Shared>,
    stream: TcpStream,
    peer: SocketAddr,
    carrier: Carrier,
    slot: OwnedSemaphorePermit,
) {
    let _counted = Counted::new(shared.clone(), slot);
    if let Err(error) = stream.set_nodelay(true) {
        debug!(%peer, %error, "a connection ended before it was served");
        return;
    }
    let Some(tls) = shared.tls.clone() else {
        return serve_carrier(shared, stream, peer, None, carrier).await;
    };
    let handshake = TlsAcceptor::from(tls).accept(stream);
    match tokio::time::timeout(HANDSHAKE_TIMEOUT, handshake).await {
        Ok(Ok(stream)) => {
            let certificates = stream.get_ref().1.peer_certificates();
            let first = certificates.and_then(<[_]>::first);
            let name = first.and_then(|certificate| common_name(certificate));
            serve_carrier(shared, stream, peer, name, carrier).await;
        }
        Ok(Err(error)) => debug!(%peer, %error, "refused a TLS handshake"),
        Err(_) => debug!(%peer, "a TLS handshake took too long"),
    }
}

async fn serve_carrier<S>(
    shared: Arc<Shared>,
    stream: S,
    peer: SocketAddr,
    common_name: Option<String>,
    carrier: Carrier,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + Sync + 'static,
{
    match carrier {
        Carrier::Tcp => serve_mqtt(shared, stream, peer, common_name).await,
        Carrier::WebSocket => {
            let handshake =
                websocket::accept(stream, shared.max_packet, shared.access.is_required());
            match tokio::time::timeout(HANDSHAKE_TIMEOUT, handshake).await {
                Ok(Ok(stream)) => serve_mqtt(shared, stream, peer, common_name).await,
                Ok(Err(error)) => debug!(%peer, %error, "refused a WebSocket handshake"),
                Err(_) => debug!(%peer, "a WebSocket handshake took too long"),
            }
        }
    }
}

async fn serve_mqtt<S>(
    shared: Arc<Shared>,
    stream: S,
    peer: SocketAddr,
    common_name: Option<String>,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + Sync + 'static,
{
    let connection = Connection::new(shared.clone(), peer, common_name);
    let (gated, returned) = Gated::new(stream, connection.clone());
    let transport = BrokerTransport::WebSocket(Box::new(gated));
    let handler = shared.handler(transport, &connection);
    let overdue = async {
        shared.closing.cancelled().await;
        // A client that is still connecting has nothing to be told.
        if connection.is_established() {
            tokio::time::sleep(GOODBYE_TIMEOUT).await;
        }
    };
    tokio::select! {
        ended = handler.run() => match ended {
            Ok(()) => debug!(%peer, "a connection ended"),
            Err(error) => info!(%peer, %error, "a connection was closed"),
        },
        () = overdue => {}
    }
    // mqtt5 has dropped the transport, so the wire is back.
    if let Ok(wire) = returned.await {
        transport::finish(wire).await;
    }
}

#[cfg(test)]
mod tests;
