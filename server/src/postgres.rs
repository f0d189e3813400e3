//! The door that speaks Postgres' wire protocol: psql, psycopg, SQLAlchemy,
//! Grafana's Postgres source. Queries only: there are no writes, no COPY, and
//! transactions are words without effect.
//!
//! pgwire speaks the protocol. Between it and the client stands `bridge.rs`, which
//! limits what a client may send and ends a query whose client has left.

mod bridge;
mod command;
mod engine;
mod parameters;
mod startup;
mod statement;

use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, info, warn};
use weir_access::Access;
use weir_store::{QueryLimits, Sql};

use engine::Engine;

/// Connections at once; further ones wait to be accepted.
const MAX_CONNECTIONS: usize = 256;

/// Serves until `shutdown`, which ends what is still open: a query can be repeated.
pub(crate) async fn serve(
    listener: TcpListener,
    sql: Sql,
    limits: QueryLimits,
    access: Access,
    shutdown: CancellationToken,
) {
    if let Ok(address) = listener.local_addr() {
        info!(%address, "the Postgres wire protocol is served");
    }
    let engine = Arc::new(Engine::new(sql, limits, access));
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let connections = TaskTracker::new();
    loop {
        let next = async {
            let place = places.clone().acquire_owned().await;
            (listener.accept().await, place.expect("it is never closed"))
        };
        let (accepted, place) = tokio::select! {
            next = next => next,
            () = shutdown.cancelled() => break,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                // Out of file descriptors: wait for some to be closed.
                warn!(%error, "cannot accept a Postgres connection");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let (engine, shutdown) = (engine.clone(), shutdown.clone());
        connections.spawn(async move {
            let connection = bridge::serve(stream, engine);
            tokio::select! {
                ended = connection => if let Err(error) = ended {
                    debug!(%error, "a Postgres connection ended");
                },
                () = shutdown.cancelled() => {}
            }
            drop(place);
        });
    }
    connections.close();
    connections.wait().await;
}
