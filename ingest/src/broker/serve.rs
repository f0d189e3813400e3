//! From an accepted socket to the end of its connection: TLS, WebSocket, MQTT.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use mqtt5::broker::transport::BrokerTransport;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::OwnedSemaphorePermit;
use tokio_rustls::TlsAcceptor;
use tokio_util::task::TaskTracker;
use tracing::{debug, info};
use weir_auth::common_name;

use super::connection::Connection;
use super::shared::Shared;
use super::transport::{self, GatedStream};
use super::websocket;
use crate::listener::{Accepted, Listener, WhenFull};
use crate::log_text::shown;

/// Of TLS, and of WebSocket.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long mqtt5's handlers may take to disconnect.
const DISCONNECT_TIMEOUT: Duration = Duration::from_secs(5);

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
    _place: OwnedSemaphorePermit,
}

impl Counted {
    fn new(shared: Arc<Shared>, place: OwnedSemaphorePermit) -> Self {
        shared.counters.connections.change(0, 1);
        Self {
            shared,
            _place: place,
        }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.shared.counters.connections.change(1, 0);
    }
}

async fn serve(shared: Arc<Shared>, accepted: Accepted, carrier: Carrier) {
    let Accepted {
        stream,
        peer,
        place,
    } = accepted;
    let _counted = Counted::new(shared.clone(), place);
    if let Err(error) = stream.set_nodelay(true) {
        debug!(%peer, %error, "connection ended before it was served");
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
        Ok(Err(error)) => debug!(%peer, error = %shown(error), "TLS handshake failed"),
        Err(_) => debug!(%peer, "TLS handshake timed out"),
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
                Ok(Err(error)) => {
                    debug!(%peer, error = %shown(error), "WebSocket handshake failed")
                }
                Err(_) => debug!(%peer, "WebSocket handshake timed out"),
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
    let (gated, returned) = GatedStream::new(stream, connection.clone());
    let transport = BrokerTransport::WebSocket(Box::new(gated));
    let handler = shared.handler(transport, &connection);
    let overdue = async {
        shared.closing.cancelled().await;
        // A client that is still connecting gets no DISCONNECT.
        if connection.is_established() {
            tokio::time::sleep(DISCONNECT_TIMEOUT).await;
        }
    };
    tokio::select! {
        ended = handler.run() => match ended {
            Ok(()) => debug!(%peer, "connection ended"),
            // The error may quote what the peer has sent.
            Err(error) => {
                if let Some(suppressed) = shared.closed_log.admit() {
                    info!(%peer, error = %shown(error), suppressed, "connection closed");
                }
            }
        },
        () = overdue => {}
    }
    // mqtt5 has dropped the transport, which returns the socket.
    if let Ok(socket) = returned.await {
        transport::finish(socket).await;
    }
}
