//! The HTTP listener, with and without TLS.
//!
//! Slow clients are bounded: headers must be complete within ten seconds, or two while
//! more than half of the connections are taken. Bodies have a size limit per route and
//! a least rate (`middleware/body.rs`), connections a number.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};
use weir_listener::{Accepted, Listener, client_name};

/// Time for a client to send its headers.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// The same while more than half of the connections are taken.
const CROWDED_HEADER_TIMEOUT: Duration = Duration::from_secs(2);
/// Connections at once; further ones wait to be accepted.
pub(crate) const MAX_CONNECTIONS: usize = 1_024;
/// Time for open requests to finish once Weir stops.
const DRAIN: Duration = Duration::from_secs(5);

/// Serves until `shutdown`, then lets open requests finish for a while.
pub async fn serve(
    socket: TcpListener,
    tls: Option<Arc<ServerConfig>>,
    router: Router,
    shutdown: CancellationToken,
) {
    let graceful = GracefulShutdown::new();
    let listener = Listener::waiting(socket, MAX_CONNECTIONS, "http");
    while let Some(Accepted { stream, place, .. }) = listener.next(&shutdown).await {
        let patience = if listener.is_crowded() {
            CROWDED_HEADER_TIMEOUT
        } else {
            HEADER_TIMEOUT
        };
        let mut builder = http1::Builder::new();
        builder
            .timer(TokioTimer::new())
            .header_read_timeout(patience);
        let router = router.clone();
        let (tls, watcher) = (tls.clone(), graceful.watcher());
        let peer = stream.peer_addr().ok().map(|address| Peer(address.ip()));
        tokio::spawn(async move {
            match tls {
                None => connection(stream, peer, None, &builder, router, watcher).await,
                Some(tls) => {
                    let handshake = TlsAcceptor::from(tls).accept(stream);
                    match tokio::time::timeout(patience, handshake).await {
                        Ok(Ok(stream)) => {
                            let name = client_name(stream.get_ref().1);
                            connection(stream, peer, name, &builder, router, watcher).await;
                        }
                        Ok(Err(error)) => debug!(%error, "refused a TLS handshake"),
                        Err(_) => debug!("a TLS handshake took too long"),
                    }
                }
            }
            drop(place);
        });
    }
    drop(listener);
    if tokio::time::timeout(DRAIN, graceful.shutdown())
        .await
        .is_err()
    {
        warn!("HTTP requests were still open and are cut off");
    }
}

/// The name in the verified certificate of the client.
#[derive(Clone, Debug)]
pub(crate) struct ClientCertificate(pub(crate) String);

/// The address of the client.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(pub(crate) IpAddr);

/// Serves one connection to its end.
async fn connection<S>(
    stream: S,
    peer: Option<Peer>,
    client_name: Option<String>,
    builder: &http1::Builder,
    router: Router,
    watcher: Watcher,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |mut request: hyper::Request<Incoming>| {
        if let Some(peer) = peer {
            request.extensions_mut().insert(peer);
        }
        if let Some(name) = &client_name {
            let certificate = ClientCertificate(name.clone());
            request.extensions_mut().insert(certificate);
        }
        TowerToHyperService::new(router.clone()).call(request)
    });
    let connection = builder.serve_connection(TokioIo::new(stream), service);
    if let Err(error) = watcher.watch(connection).await {
        debug!(%error, "HTTP connection ended");
    }
}
