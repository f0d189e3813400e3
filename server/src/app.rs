//! The composition root: opens what is on disk, wires the workers, starts the
//! doors, and takes all of it down again in the order that loses nothing.
//!
//! Starting: data folder → store (its checkpoint) → functions and alarms as of
//! the checkpoint → journal → workers → doors → HTTP. Stopping is the other way
//! round: doors first (what they appended is committed and acknowledged), then
//! the pipeline catches up and checkpoints, then the workers end.

mod alarm_desk;
mod doors;
mod recovery;
mod sql_doors;
mod threads;
mod workers;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde::Serialize;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use weir_auth::Access;
use weir_config::Loaded;
use weir_ingest::{Guard, Intake, Outlet, SourceDoor, SourceOutlet};
use weir_journal::{Journal, LocalJournal};

use crate::access_watch;
use crate::data_dir::DataDir;
use crate::http::{self, Api};
use crate::module_watch;
use crate::refusals::Refusals;
use crate::reload::{self, Current, ReloadStatus, Reloader};
use crate::tables;
use crate::ticker;
use crate::tls;
use crate::watchdog::Watchdog;

pub(crate) use alarm_desk::AlarmDesk;
use alarm_desk::DeskThreads;
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
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) postgres: Option<SocketAddr>,
}

/// Where a configuration was read from.
#[derive(Clone, Debug)]
pub(crate) struct Origin {
    pub(crate) file: PathBuf,
    pub(crate) variables: Vec<(String, String)>,
}

/// A running Weir.
pub(crate) struct App {
    pub(crate) addresses: Addresses,
    pub(crate) api: Arc<Api>,
    /// None without a configuration file.
    pub(crate) reloader: Option<Arc<Reloader>>,
    journal: Arc<LocalJournal>,
    workers: Workers,
    desk: DeskThreads,
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
    /// `origin` is where a reload finds the configuration again.
    pub(crate) async fn start(
        loaded: Loaded,
        origin: Option<Origin>,
        data_dir: &Path,
        fatal: Fatal,
    ) -> Result<Self> {
        let Loaded {
            config, settings, ..
        } = loaded;
        let started = Instant::now();
        let access = Access::load(&config)?;
        let tls = config.tls.as_ref().map(tls::server_config).transpose()?;
        let data = DataDir::open(data_dir)?;
        let http_listener = bind("http.listen", config.http.listen).await?;
        let sql_listeners = Listeners::bind(&config).await?;
        let opened = Opened::open(&config, &settings, &data)?;
        opened.core.lock().engine.guard_by(access.clone());
        let journal: Arc<dyn Journal> = opened.journal.clone();
        let intake = Intake::new(&config);
        let doors = CancellationToken::new();
        let guard = Guard {
            access: access.clone(),
            tls: config
                .broker
                .as_ref()
                .and_then(|b| tls.clone().filter(|_| b.tls)),
        };
        let Doors {
            broker,
            sources,
            source_outlets,
            source_runtime,
        } = Doors::start(&config, &opened.history, &intake, &guard, &journal, &doors).await?;
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
        let (desk, desk_threads) = AlarmDesk::start(
            &config,
            http_listener.local_addr()?,
            &opened.alarms,
            &exchange.health,
            fatal.clone(),
        )?;
        let current = Current::new(config.clone());
        let workers = Workers::start(&current, &opened, &exchange, &access, &outlets, fatal)?;
        tokio::spawn(access_watch::watch(
            access.clone(),
            config.clone(),
            doors.clone(),
        ));
        let watchdog = Arc::new(Watchdog::new(current.clone()));
        tokio::spawn(watchdog.clone().run(
            journal.clone(),
            exchange.processed.clone(),
            exchange.health.clone(),
            doors.clone(),
        ));
        tokio::spawn(module_watch::run(
            opened.core.clone(),
            exchange.health.clone(),
            doors.clone(),
        ));
        tokio::spawn(ticker::run(
            journal.clone(),
            opened.core.clone(),
            doors.clone(),
        ));
        let sql = opened.store.sql();
        let sql = sql.with_concurrency(current.get().query.max_concurrent);
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
            postgres: sql_listeners.postgres(),
        };
        let sql_doors = sql_listeners.serve(&current.get(), &sql, &access, &doors);
        let sources: Arc<[SourceDoor]> = sources.into();
        let reloads = Arc::new(ReloadStatus::new());
        let reloader = origin.map(|Origin { file, variables }| {
            Arc::new(Reloader {
                file,
                variables,
                current: current.clone(),
                history: opened.history.clone(),
                journal: journal.clone(),
                intake: intake.clone(),
                broker: broker.clone(),
                sources: sources.clone(),
                status: reloads.clone(),
                running: tokio::sync::Mutex::default(),
            })
        });
        if let Some(reloader) = &reloader {
            tokio::spawn(reload::watch(reloader.clone(), doors.clone()));
        }
        let api = Arc::new(Api {
            config: current,
            reloads,
            access,
            refusals: Refusals::default(),
            core: opened.core,
            flow: opened.flow,
            journal,
            store: opened.store,
            sql,
            alarms: opened.alarms,
            desk,
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
            explain_places: http::explain_places(),
            started,
            shutdown: doors.clone(),
        });
        workers.alert_of(&api)?;
        let http_tls = tls.filter(|_| api.config.get().http.tls);
        let router = http::router(api.clone());
        let http = tokio::spawn(http::serve(http_listener, http_tls, router, doors.clone()));
        info!(took_ms = started.elapsed().as_millis() as u64, "weir is up");
        Ok(Self {
            addresses,
            api,
            reloader,
            journal: opened.journal,
            workers,
            desk: desk_threads,
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
        for source in self.api.sources.iter() {
            source.stop().await;
        }
        if self.http.await.is_err() {
            warn!("the HTTP listener had failed");
        }
        self.sql_doors.stop().await;
        self.workers.stop().await;
        self.desk.stop().await;
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
