//! The Postgres endpoint, for psql, psycopg, SQLAlchemy,
//! Grafana's Postgres source. Queries only: there are no writes, no COPY, and
//! transactions are words without effect.
//!
//! pgwire speaks the protocol. `bridge.rs` between it and the client limits what
//! a client may send and ends a query whose client has disconnected.

mod admission;
mod answers;
mod bridge;
mod command;
mod cursor_words;
mod cursors;
mod engine;
mod kept;
mod parameters;
mod startup;
mod statement;

use std::sync::Arc;

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, info};
use weir_auth::Access;
use weir_listener::{Accepted, Listener};
use weir_sql::{QueryLimits, Sql};

use engine::Engine;

/// Connections at once; further ones wait to be accepted.
const MAX_CONNECTIONS: usize = 256;

/// Serves until `shutdown`, which ends what is still open: a query can be repeated.
pub async fn serve(
    socket: TcpListener,
    sql: Sql,
    limits: QueryLimits,
    access: Access,
    shutdown: CancellationToken,
) {
    if let Ok(address) = socket.local_addr() {
        info!(%address, "the Postgres wire protocol is served");
    }
    let engine = Arc::new(Engine::new(sql, limits, access));
    let listener = Listener::waiting(socket, MAX_CONNECTIONS, "postgres");
    let connections = TaskTracker::new();
    while let Some(Accepted { stream, place, .. }) = listener.next(&shutdown).await {
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
    // New connections are refused at once.
    drop(listener);
    connections.close();
    connections.wait().await;
}
