//! The SQL endpoints besides HTTP: those that the configuration turns on.

use std::net::SocketAddr;

use anyhow::Result;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::warn;
use weir_auth::Access;
use weir_config::{Config, SqlListener};
use weir_sql::Sql;
use weir_sql_endpoints::{flight, postgres, query_access};

use crate::bind::bind;

/// Their listeners: bound before anything is opened, so that a port in use is
/// reported at once.
pub(crate) struct SqlListeners {
    flight: Option<TcpListener>,
    postgres: Option<TcpListener>,
}

impl SqlListeners {
    pub(crate) async fn bind(config: &Config) -> Result<Self> {
        Ok(Self {
            flight: listen("flight.listen", config.flight.as_ref()).await?,
            postgres: listen("postgres.listen", config.postgres.as_ref()).await?,
        })
    }

    pub(crate) fn flight(&self) -> Option<SocketAddr> {
        self.flight.as_ref()?.local_addr().ok()
    }

    pub(crate) fn postgres(&self) -> Option<SocketAddr> {
        self.postgres.as_ref()?.local_addr().ok()
    }

    /// Serves until `shutdown`.
    pub(crate) fn serve(
        self,
        config: &Config,
        sql: &Sql,
        access: &Access,
        shutdown: &CancellationToken,
    ) -> SqlEndpoints {
        let limits = query_access::limits(&config.query);
        let flight = self.flight.map(|listener| {
            let (sql, access, shutdown) = (sql.clone(), access.clone(), shutdown.clone());
            tokio::spawn(flight::serve(listener, sql, limits, access, shutdown))
        });
        let postgres = self.postgres.map(|listener| {
            let (sql, access, shutdown) = (sql.clone(), access.clone(), shutdown.clone());
            tokio::spawn(postgres::serve(listener, sql, limits, access, shutdown))
        });
        SqlEndpoints(flight.into_iter().chain(postgres).collect())
    }
}

async fn listen(key: &str, endpoint: Option<&SqlListener>) -> Result<Option<TcpListener>> {
    match endpoint {
        Some(endpoint) => Ok(Some(bind(key, endpoint.listen).await?)),
        None => Ok(None),
    }
}

/// The running endpoints.
#[derive(Debug)]
pub(crate) struct SqlEndpoints(Vec<JoinHandle<()>>);

impl SqlEndpoints {
    /// Waits until they have stopped; `shutdown` has told them.
    pub(crate) async fn stop(self) {
        for endpoint in self.0 {
            if endpoint.await.is_err() {
                warn!("a SQL endpoint had failed");
            }
        }
    }
}
