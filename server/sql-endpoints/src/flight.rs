//! The Arrow Flight SQL endpoint, for Grafana's InfluxDB source, InfluxDB 3's clients,
//! ADBC and whatever else speaks it. Queries only.
//!
//! It keeps nothing between requests: the handle of a prepared statement, and the
//! ticket of its result, are the statement itself with its parameters, so no
//! state can be exhausted or lost. One query has one endpoint.
//! A result is streamed while it is made; a client that leaves ends its query.

mod edge;
mod info;
mod service;
mod status;
mod ticket;

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use arrow_flight::flight_service_server::FlightServiceServer;
use futures::Stream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Sleep;
use tokio_util::sync::CancellationToken;
use tonic::metadata::MetadataMap;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Server;
use tonic::transport::server::Connected;
use tonic::{Request, Status};
use tracing::{info, warn};
use weir_auth::Access;
use weir_listener::Listener;
use weir_sql::{QueryLimits, Sql};

use crate::query_access;
use service::{Endpoint, Service};

/// Connections at once; further ones wait to be accepted.
const MAX_CONNECTIONS: usize = 256;
/// Requests of one connection at once.
const MAX_STREAMS: u32 = 64;
/// Bytes of one request: a statement with its parameters is far smaller.
const MAX_REQUEST: usize = 1 << 20;
/// A connection that does not answer for so long is closed.
const KEEP_ALIVE: Duration = Duration::from_secs(30);
/// Time for a client to send its part of the handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// The preface of HTTP/2 and the header of the first SETTINGS.
const HANDSHAKE_BYTES: usize = 24 + 9;
/// Time for open requests to finish once Weir stops.
const DRAIN: Duration = Duration::from_secs(5);

/// Serves until `shutdown`, then lets open requests finish for a while.
pub async fn serve(
    socket: TcpListener,
    sql: Sql,
    limits: QueryLimits,
    access: Access,
    shutdown: CancellationToken,
) {
    if let Ok(address) = socket.local_addr() {
        info!(%address, "Flight SQL accepts connections");
    }
    let service = FlightServiceServer::new(Endpoint::new(Service::new(sql, limits)))
        .max_decoding_message_size(MAX_REQUEST);
    let service = InterceptedService::new(service, move |request: Request<()>| {
        admit(&access, request.metadata())?;
        Ok(request)
    });
    let server = Server::builder()
        .max_concurrent_streams(MAX_STREAMS)
        .http2_keepalive_interval(Some(KEEP_ALIVE))
        .http2_keepalive_timeout(Some(KEEP_ALIVE))
        .tcp_nodelay(true)
        .add_service(service)
        .serve_with_incoming_shutdown(connections(socket, shutdown.clone()), shutdown.cancelled());
    let out_of_time = async {
        shutdown.cancelled().await;
        tokio::time::sleep(DRAIN).await;
    };
    tokio::select! {
        ended = server => if let Err(error) = ended {
            warn!(%error, "the Flight SQL listener failed");
        },
        () = out_of_time => warn!("Flight SQL requests were still open and are cut off"),
    }
}

/// By `authorization: Bearer …`, where credentials are needed.
fn admit(access: &Access, metadata: &MetadataMap) -> Result<(), Status> {
    let authorization = metadata.get("authorization");
    let token = authorization.and_then(|value| {
        let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    });
    let admitted = query_access::admit(access, token).map_err(|reason| {
        Status::unauthenticated(format!(
            "{reason}: send a token that may read as \"authorization: Bearer TOKEN\""
        ))
    });
    admitted.map(drop)
}

/// Accepts a bounded number of connections, until `shutdown`.
fn connections(
    socket: TcpListener,
    shutdown: CancellationToken,
) -> impl Stream<Item = io::Result<Connection>> {
    let listener = Listener::waiting(socket, MAX_CONNECTIONS, "flight");
    futures::stream::unfold((listener, shutdown), async |(listener, shutdown)| {
        let accepted = listener.next(&shutdown).await?;
        let connection = Connection {
            stream: accepted.stream,
            handshake: Some((Box::pin(tokio::time::sleep(HANDSHAKE)), 0)),
            _place: accepted.place,
        };
        Some((Ok(connection), (listener, shutdown)))
    })
}

/// A connection and its permit. It fails when the client does not complete the
/// handshake in time; afterwards HTTP/2's pings find out whether the client is there.
struct Connection {
    stream: TcpStream,
    /// Until [`HANDSHAKE_BYTES`] have arrived.
    handshake: Option<(Pin<Box<Sleep>>, usize)>,
    _place: OwnedSemaphorePermit,
}

impl Connected for Connection {
    type ConnectInfo = ();

    fn connect_info(&self) {}
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        if let Some((deadline, received)) = &mut self.handshake {
            *received += buffer.filled().len() - before;
            if *received >= HANDSHAKE_BYTES {
                self.handshake = None;
            } else if deadline.as_mut().poll(context).is_ready() {
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
        }
        read
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
