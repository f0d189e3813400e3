//! The HTTP interface (DESIGN section 6): the router, what handlers share, and
//! the listener.
//!
//! Slow clients are bounded: headers must be complete within ten seconds, bodies
//! have a size limit per route, connections a number. Errors are RFC 9457 problem documents.

mod access;
mod alarm_figures;
mod alarms;
mod channel_test;
mod devices;
mod encode;
mod explain;
mod flow;
mod functions;
mod guard;
mod ingest;
mod metrics;
mod openapi;
mod problem;
mod quarantine;
mod query;
mod query_v3;
mod readings;
mod replay;
mod shadow;
mod stream;
mod write;

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use parking_lot::Mutex;
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};
use weir_alerts::AlarmStore;
use weir_auth::Access;
use weir_ingest::{EmbeddedBroker, Intake, Outlet, SourceDoor};
use weir_journal::Journal;
use weir_shadows::ShadowStore;
use weir_store::{EmbeddedStore, Quarantine, Sql};

use crate::accept::Doorway;
use crate::app::AlarmDesk;
use crate::core::Core;
use crate::flow::Flow;
use crate::health::Health;
use crate::influx_worker::InfluxStats;
use crate::live::Live;
use crate::refusals::Refusals;
use crate::reload::{Current, ReloadStatus};
use crate::tls::client_name;
use crate::waiters::Waiters;
use crate::watchdog::Watchdog;

pub(crate) use explain::explain_places;
pub(crate) use flow::reasons;
use problem::Problem;
pub(crate) use write::write_places;

/// Bytes of a request body where a route does not say otherwise.
const BODY_LIMIT: usize = 1 << 20;
/// Time for a client to send its headers.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// Connections at once; further ones wait to be accepted.
const MAX_CONNECTIONS: usize = 1_024;
/// Time for open requests to finish once Weir stops.
const DRAIN: Duration = Duration::from_secs(5);

/// What the handlers work with. Everything in it is shared with the workers.
#[derive(Debug)]
pub(crate) struct Api {
    pub(crate) config: Current,
    pub(crate) reloads: Arc<ReloadStatus>,
    pub(crate) access: Access,
    pub(crate) refusals: Refusals,
    pub(crate) core: Arc<Mutex<Core>>,
    pub(crate) flow: Arc<Flow>,
    pub(crate) journal: Arc<dyn Journal>,
    pub(crate) store: Arc<EmbeddedStore>,
    pub(crate) sql: Sql,
    pub(crate) alarms: Arc<AlarmStore>,
    pub(crate) desk: Arc<AlarmDesk>,
    pub(crate) quarantine: Arc<Quarantine>,
    /// Held while a replay of the quarantine is under way.
    pub(crate) replaying: tokio::sync::Mutex<()>,
    pub(crate) shadows: Arc<ShadowStore>,
    pub(crate) outlets: Arc<[Arc<dyn Outlet>]>,
    pub(crate) intake: Intake,
    pub(crate) waiters: Arc<Waiters>,
    pub(crate) live: Arc<Live>,
    pub(crate) health: Arc<Health>,
    pub(crate) broker: Option<EmbeddedBroker>,
    pub(crate) sources: Arc<[SourceDoor]>,
    pub(crate) influx: Arc<InfluxStats>,
    pub(crate) watchdog: Arc<Watchdog>,
    pub(crate) write_places: Arc<Semaphore>,
    pub(crate) explain_places: Arc<Semaphore>,
    pub(crate) started: Instant,
    pub(crate) shutdown: CancellationToken,
}

type Shared = axum::extract::State<Arc<Api>>;

pub(crate) fn router(api: Arc<Api>) -> Router {
    Router::new()
        .route("/healthz", get(flow::healthz))
        .route("/readyz", get(flow::readyz))
        .route("/metrics", get(metrics::metrics))
        .route("/api/openapi.json", get(openapi::openapi))
        .route("/api/v1/flow", get(flow::flow))
        .route("/api/v1/functions", get(functions::functions))
        .route("/api/v1/devices", get(devices::list))
        .route("/api/v1/devices/{id}", get(devices::one))
        .route("/api/v1/devices/{id}/readings", get(readings::readings))
        .route("/api/v1/devices/{id}/explain", get(explain::explain))
        .route("/api/v1/alarms", get(alarms::list))
        .merge(alarms::routes())
        .merge(alarm_figures::routes())
        .route("/api/v1/quarantine", get(quarantine::list))
        .route("/api/v1/quarantine/replay", post(replay::replay))
        .route("/api/v1/query", post(query::query))
        .route("/api/v3/query_sql", get(query_v3::get).post(query_v3::post))
        .route("/api/v1/stream", get(stream::stream))
        .route(
            "/things/{thing}/shadow",
            get(shadow::get).post(shadow::update).delete(shadow::delete),
        )
        .route(
            "/api/things/shadow/ListNamedShadowsForThing/{thing}",
            get(shadow::list_named),
        )
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .route(
            "/api/v1/ingest/{*topic}",
            // Its limit is configured, and may change: the handler keeps it.
            post(ingest::ingest).layer(DefaultBodyLimit::disable()),
        )
        // Line protocol: the handler bounds the bodies itself.
        .route("/api/v2/write", post(write::write))
        .route("/write", post(write::write))
        .route("/query", get(write::query).post(write::query))
        .route("/ping", get(write::ping))
        .route("/health", get(write::health))
        .fallback(async || Problem::not_found("there is nothing at this path"))
        .method_not_allowed_fallback(async || Problem::method_not_allowed())
        .layer(from_fn_with_state(api.clone(), access::check))
        .layer(from_fn_with_state(api.clone(), guard::only_local))
        .with_state(api)
}

/// Serves until `shutdown`, then lets open requests finish for a while.
pub(crate) async fn serve(
    listener: TcpListener,
    tls: Option<Arc<ServerConfig>>,
    router: Router,
    shutdown: CancellationToken,
) {
    let graceful = GracefulShutdown::new();
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT);
    let doorway = Doorway::new(listener, MAX_CONNECTIONS, "http");
    while let Some((stream, place)) = doorway.next(&shutdown).await {
        let (builder, router) = (builder.clone(), router.clone());
        let (tls, watcher) = (tls.clone(), graceful.watcher());
        tokio::spawn(async move {
            match tls {
                None => connection(stream, None, &builder, router, watcher).await,
                Some(tls) => {
                    let handshake = TlsAcceptor::from(tls).accept(stream);
                    match tokio::time::timeout(HEADER_TIMEOUT, handshake).await {
                        Ok(Ok(stream)) => {
                            let name = client_name(stream.get_ref().1);
                            connection(stream, name, &builder, router, watcher).await;
                        }
                        Ok(Err(error)) => debug!(%error, "refused a TLS handshake"),
                        Err(_) => debug!("a TLS handshake took too long"),
                    }
                }
            }
            drop(place);
        });
    }
    drop(doorway);
    if tokio::time::timeout(DRAIN, graceful.shutdown())
        .await
        .is_err()
    {
        warn!("HTTP requests were still open and are cut off");
    }
}

/// Who TLS says that the client is.
#[derive(Clone, Debug)]
struct ClientCertificate(String);

/// Serves one connection to its end.
async fn connection<S>(
    stream: S,
    client_name: Option<String>,
    builder: &http1::Builder,
    router: Router,
    watcher: Watcher,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |mut request: hyper::Request<Incoming>| {
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
