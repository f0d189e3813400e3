//! The doors for SQL besides HTTP: those that the configuration turns on.

use std::net::SocketAddr;

use anyhow::Result;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::warn;
use weir_auth::Access;
use weir_config::{Config, SqlDoor};
use weir_store::Sql;

use super::bind;
use crate::{flight, postgres, queries};

/// Their listeners: bound before anything is opened, so that a port that is taken
/// is told at once.
pub(super) struct Listeners {
    flight: Option<TcpListener>,
    postgres: Option<TcpListener>,
}

impl Listeners {
    pub(super) async fn bind(config: &Config) -> Result<Self> {
        Ok(Self {
            flight: listen("flight.listen", config.flight.as_ref()).await?,
            postgres: listen("postgres.listen", config.postgres.as_ref()).await?,
        })
    }

    pub(super) fn flight(&self) -> Option<SocketAddr> {
        self.flight.as_ref()?.local_addr().ok()
    }

    pub(super) fn postgres(&self) -> Option<SocketAddr> {
        self.postgres.as_ref()?.local_addr().ok()
    }

    /// Serves until `shutdown`.
    pub(super) fn serve(
        self,
        config: &Config,
        sql: &Sql,
        access: &Access,
        shutdown: &CancellationToken,
    ) -> SqlDoors {
        let limits = queries::limits(&config.query);
        let flight = self.flight.map(|listener| {
            tokio::spawn(flight::serve(
                listener,
                sql.clone(),
                limits,
                access.clone(),
                shutdown.clone(),
            ))
        });
        let postgres = self.postgres.map(|listener| {
            tokio::spawn(postgres::serve(
                listener,
                sql.clone(),
                limits,
                access.clone(),
                shutdown.clone(),
            ))
        });
        SqlDoors {
            doors: flight.into_iter().chain(postgres).collect(),
        }
    }
}

async fn listen(key: &str, door: Option<&SqlDoor>) -> Result<Option<TcpListener>> {
    match door {
        Some(door) => Ok(Some(bind(key, door.listen).await?)),
        None => Ok(None),
    }
}

/// The running ones.
pub(super) struct SqlDoors {
    doors: Vec<JoinHandle<()>>,
}

impl SqlDoors {
    /// Waits until they have stopped, which `shutdown` has told them.
    pub(super) async fn stop(self) {
        for door in self.doors {
            if door.await.is_err() {
                warn!("a door for SQL had failed");
            }
        }
    }
}
