//! From an accepted socket to the end of its connection: TLS, WebSocket, MQTT.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::OwnedSemaphorePermit;
use tokio_rustls::TlsAcceptor;
use tokio_util::task::TaskTracker;
use tracing::{debug, warn};
use weir_auth::common_name;
use weir_mqtt_broker::Origin;

use super::shared::Shared;
use super::websocket;
use crate::listener::{Accepted, Listener, WhenFull};
use crate::log_text::shown;

/// Of TLS, and of WebSocket.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// What carries MQTT.
#[derive(Clone, Copy, Debug)]
pub(super) enum Carrier {
    Tcp,
    WebSocket,
}

pub(super) async fn accept(
    shared: Arc<Shared>,
    tasks: TaskTracker,
    socket: TcpListener,
    carrier: Carrier,
) {
    let name = match carrier {
        Carrier::Tcp => "mqtt",
        Carrier::WebSocket => "mqtt over websocket",
    };
    let listener = Listener::new(socket, shared.places.clone(), WhenFull::Close, name);
    while let Some(accepted) = listener.next(&shared.closing).await {
        tasks.spawn(serve(shared.clone(), accepted, carrier));
    }
}

/// Counts a connection for as long as it lives, however it ends.
struct Counted {
    shared: Arc<Shared>,
    peer: SocketAddr,
    _place: OwnedSemaphorePermit,
}

impl Counted {
    /// `None` when its address has too many connections without a login.
    fn new(shared: Arc<Shared>, peer: SocketAddr, place: OwnedSemaphorePermit) -> Option<Self> {
        if !shared.arrivals.begin(peer) {
            shared.arrival_refused();
            if let Some(suppressed) = shared.arrival_log.admit() {
                warn!(%peer, suppressed, "closed a connection: its address has too many without a login");
            }
            return None;
        }
        shared.connection_began();
        Some(Self {
            shared,
            peer,
            _place: place,
        })
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.shared.arrivals.end(self.peer);
        self.shared.connection_ended();
    }
}

async fn serve(shared: Arc<Shared>, accepted: Accepted, carrier: Carrier) {
    let Accepted {
        stream,
        peer,
        place,
    } = accepted;
    let Some(_counted) = Counted::new(shared.clone(), peer, place) else {
        return;
    };
    if let Err(error) = stream.set_nodelay(true) {
        debug!(%peer, %error, "connection ended before it was served");
        return;
    }
    let origin = Origin {
        address: peer,
        certificate_name: None,
    };
    // Each way in a box of its own: the task of a connection holds only its own.
    match shared.tls.clone() {
        None => Box::pin(serve_carrier(&shared, stream, origin, carrier)).await,
        Some(tls) => Box::pin(serve_encrypted(&shared, tls, stream, origin, carrier)).await,
    }
}

async fn serve_encrypted(
    shared: &Shared,
    tls: Arc<ServerConfig>,
    stream: TcpStream,
    mut origin: Origin,
    carrier: Carrier,
) {
    let peer = origin.address;
    let handshake = Box::pin(TlsAcceptor::from(tls).accept(stream));
    match tokio::time::timeout(HANDSHAKE_TIMEOUT, handshake).await {
        Ok(Ok(stream)) => {
            let certificates = stream.get_ref().1.peer_certificates();
            let first = certificates.and_then(<[_]>::first);
            origin.certificate_name = first.and_then(|certificate| common_name(certificate));
            Box::pin(serve_carrier(shared, stream, origin, carrier)).await;
        }
        Ok(Err(error)) => debug!(%peer, error = %shown(error), "TLS handshake failed"),
        Err(_) => debug!(%peer, "TLS handshake timed out"),
    }
}

async fn serve_carrier<S>(shared: &Shared, stream: S, origin: Origin, carrier: Carrier)
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    match carrier {
        Carrier::Tcp => shared.broker.serve(stream, origin).await,
        Carrier::WebSocket => Box::pin(serve_websocket(shared, stream, origin)).await,
    }
}

async fn serve_websocket<S>(shared: &Shared, stream: S, origin: Origin)
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    let peer = origin.address;
    let handshake = websocket::accept(stream, shared.max_packet, shared.access.is_required());
    match tokio::time::timeout(HANDSHAKE_TIMEOUT, Box::pin(handshake)).await {
        Ok(Ok(stream)) => shared.broker.serve(stream, origin).await,
        Ok(Err(error)) => debug!(%peer, error = %shown(error), "WebSocket handshake failed"),
        Err(_) => debug!(%peer, "WebSocket handshake timed out"),
    }
}
