//! The composition root: opens what is on disk, wires the workers, starts the
//! doors, and takes all of it down again in the order that loses nothing.
//!
//! Starting: data folder → store (its checkpoint) → functions and alarms as of
//! the checkpoint → journal → workers → doors → HTTP. Stopping is the other way
//! round: doors first (what they appended is committed and acknowledged), then
//! the pipeline catches up and checkpoints, then the workers end.

mod doors;
mod recovery;
mod sql_doors;
mod threads;
mod workers;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde::Serialize;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use weir_access::Access;
use weir_config::Config;
use weir_ingest::{Guard, Intake, Outlet, SourceOutlet};
use weir_journal::{Journal, LocalJournal};

use crate::data_dir::DataDir;
use crate::http::{self, Api};
use crate::refusals::Refusals;
use crate::tables;
use crate::ticker;
use crate::watchdog::Watchdog;

use doors::Doors;
use recovery::Opened;
use sql_doors::{Listeners, SqlDoors};
pub(crate) use threads::Fatal;
use workers::{Exchange, Workers};

/// How long stopping may take before it is given up.
const DRAIN: Duration = Duration::from_secs(30);

/// The addresses that Weir listens on, as `--ports-file` writes them.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Addresses {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) mqtt: Option<SocketAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) websocket: Option<SocketAddr>,
    pub(crate) http: SocketAddr,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) flight: Option<SocketAddr>,
}

/// A running Weir.
pub(crate) struct App {
    pub(crate) addresses: Addresses,
    pub(crate) api: Arc<Api>,
    journal: Arc<LocalJournal>,
    workers: Workers,
    source_outlets: Vec<Arc<SourceOutlet>>,
    source_runtime: CancellationToken,
    /// Doors and HTTP.
    doors: CancellationToken,
    http: JoinHandle<()>,
    sql_doors: SqlDoors,
    _data: DataDir,
}

impl App {
    /// Starts everything. When it returns, every listener accepts connections.
    pub(crate) async fn start(config: Config, data_dir: &Path, fatal: Fatal) -> Result<Self> {
        let started = Instant::now();
        let access = Access::load(&config)?;
        if config.http.tls || config.broker.as_ref().is_some_and(|broker| broker.tls) {
            anyhow::bail!("TLS for listeners is under construction");
        }
        let data = DataDir::open(data_dir)?;
        let http_listener = bind("http.listen", config.http.listen).await?;
        let sql_listeners = Listeners::bind(&config).await?;
        let opened = Opened::open(&config, &data)?;
        let journal: Arc<dyn Journal> = opened.journal.clone();
        let intake = Intake::new(&config);
        let doors = CancellationToken::new();
        let guard = Guard {
            access: access.clone(),
            tls: None,
        };
        let Doors {
            broker,
            sources,
            source_outlets,
            source_runtime,
        } = Doors::start(&config, &intake, &guard, &journal, &doors).await?;
        let outlets: Arc<[Arc<dyn Outlet>]> = broker
            .iter()
            .map(|broker| Arc::new(broker.outlet()) as Arc<dyn Outlet>)
            .chain(
                source_outlets
                    .iter()
                    .map(|outlet| outlet.clone() as Arc<dyn Outlet>),
            )
            .collect();
        let exchange = Exchange::default();
        let workers = Workers::start(&config, &opened, &exchange, &intake, &outlets, fatal)?;
        let watchdog = Arc::new(Watchdog::new(&config));
        tokio::spawn(watchdog.clone().run(
            journal.clone(),
            exchange.processed.clone(),
            exchange.health.clone(),
            doors.clone(),
        ));
        tokio::spawn(ticker::run(
            journal.clone(),
            opened.core.clone(),
            doors.clone(),
        ));
        let sql = opened.store.sql();
        let sql = sql.with_concurrency(config.query.max_concurrent);
        tables::register(
            &sql,
            &opened.core,
            &opened.alarms,
            &opened.quarantine,
            &opened.shadows,
        );
        let addresses = Addresses {
            mqtt: broker.as_ref().map(|broker| broker.local_addr()),
            websocket: broker.as_ref().and_then(|broker| broker.websocket_addr()),
            http: http_listener.local_addr()?,
            flight: sql_listeners.flight(),
        };
        let sql_doors = sql_listeners.serve(&config, &sql, &doors);
        let api = Arc::new(Api {
            config,
            access,
            refusals: Refusals::default(),
            core: opened.core,
            flow: opened.flow,
            journal,
            store: opened.store,
            sql,
            alarms: opened.alarms,
            quarantine: opened.quarantine,
            replaying: tokio::sync::Mutex::default(),
            shadows: opened.shadows,
            outlets,
            intake,
            waiters: exchange.waiters,
            live: exchange.live,
            health: exchange.health,
            broker,
            sources,
            influx: exchange.influx,
            watchdog,
            write_places: http::write_places(),
            started,
            shutdown: doors.clone(),
        });
        workers.alert_of(&api)?;
        let router = http::router(api.clone());
        let http = tokio::spawn(http::serve(http_listener, router, doors.clone()));
        info!(took_ms = started.elapsed().as_millis() as u64, "weir is up");
        Ok(Self {
            addresses,
            api,
            journal: opened.journal,
            workers,
            source_outlets,
            source_runtime,
            doors,
            http,
            sql_doors,
            _data: data,
        })
    }

    /// Stops taking messages, finishes what was taken, and ends. False when it
    /// took too long: what was acknowledged is in the journal all the same.
    pub(crate) async fn stop(self) -> bool {
        let begun = Instant::now();
        match tokio::time::timeout(DRAIN, self.drain()).await {
            Ok(()) => {
                info!(
                    took_ms = begun.elapsed().as_millis() as u64,
                    "weir has stopped"
                );
                true
            }
            Err(_) => {
                warn!("stopping took too long and was given up; the journal holds the rest");
                false
            }
        }
    }

    async fn drain(self) {
        self.doors.cancel();
        if let Some(broker) = self.api.broker.clone() {
            broker.stop().await;
        }
        for source in &self.api.sources {
            source.stop().await;
        }
        if self.http.await.is_err() {
            warn!("the HTTP listener had failed");
        }
        self.sql_doors.stop().await;
        self.workers.stop().await;
        for outlet in &self.source_outlets {
            outlet.stop().await;
        }
        self.source_runtime.cancel();
        self.journal.close();
    }
}

async fn bind(key: &str, address: SocketAddr) -> Result<TcpListener> {
    let context = || {
        format!(
            "cannot listen on {address} ({key}); another program may use it: choose another \
             address in the configuration or by WEIR_{}",
            key.replace('.', "_").to_uppercase()
        )
    };
    TcpListener::bind(address).await.with_context(context)
}
