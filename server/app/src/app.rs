//! A running Weir.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use weir_api::{Admission, Api, FunctionRates, Process};
use weir_auth::Access;
use weir_config::{Config, Loaded};
use weir_ingest::Guard;
use weir_listener::server_config;
use weir_sql::Sql;
use weir_sql_endpoints::tables;
use weir_workers::{
    ConfigHistory, Current, DataDir, Fatal, NotificationService, NotificationThreads, Readiness,
    Recovered, ReloadStatus, Reloader, Shard, ShardSettings, SharedPipeline, Signals,
    watch_access_file, watch_config_file,
};

use crate::addresses::Addresses;
use crate::bind::bind;
use crate::ingress::Ingress;
use crate::sql_endpoints::{SqlEndpoints, SqlListeners};

/// Limit for stopping.
const DRAIN: Duration = Duration::from_secs(30);

/// Where a configuration was read from.
#[derive(Clone, Debug)]
pub struct Origin {
    pub file: PathBuf,
    pub variables: Vec<(String, String)>,
}

/// A running Weir.
#[derive(Debug)]
pub struct App {
    pub addresses: Addresses,
    /// None without a configuration file.
    pub reloader: Option<Arc<Reloader>>,
    shard: Shard,
    notifications: NotificationThreads,
    ingress: Ingress,
    http: JoinHandle<()>,
    sql_endpoints: SqlEndpoints,
    /// Ends everything that accepts messages and requests.
    shutdown: CancellationToken,
    _data: DataDir,
}

impl App {
    /// Starts everything. When it returns, every listener accepts connections.
    /// `origin` is where a reload finds the configuration again.
    pub async fn start(
        loaded: Loaded,
        origin: Option<Origin>,
        data_dir: &Path,
        fatal: Fatal,
    ) -> Result<Self> {
        let Loaded {
            config,
            settings,
            keys,
            ..
        } = loaded;
        let started = Instant::now();
        let security = Security::load(&config)?;
        let data = DataDir::open(data_dir)?;
        let http = bind("http.listen", config.http.listen).await?;
        let sql_listeners = SqlListeners::bind(&config).await?;
        let recovered = Recovered::open(&config, &settings, &data)?;
        let history = recovered.history.clone();
        let shutdown = CancellationToken::new();
        let journal = &recovered.stores.journal;
        let guard = security.guard(&config);
        let ingress = Ingress::start(&config, &history, guard, journal, &shutdown).await?;
        let addresses = Addresses {
            mqtt: ingress.gateways.broker.as_ref().map(|b| b.local_addr()),
            websocket: ingress
                .gateways
                .broker
                .as_ref()
                .and_then(|b| b.websocket_addr()),
            http: http.local_addr()?,
            flight: sql_listeners.flight(),
            postgres: sql_listeners.postgres(),
        };
        let signals = Signals::default();
        let (service, notifications) = NotificationService::start(
            &config,
            addresses.http,
            &recovered.stores.alarms,
            &signals.health,
            fatal.clone(),
        )?;
        let current = Current::new(config, keys);
        let settings = ShardSettings {
            current: current.clone(),
            access: security.access.clone(),
            publishers: ingress.gateways.publishers.clone(),
            signals,
            fatal,
            shutdown: shutdown.clone(),
        };
        let shard = Shard::start(settings, recovered)?;
        let sql = sql(&current.get(), &shard);
        let sql_endpoints = sql_listeners.serve(&current.get(), &sql, &security.access, &shutdown);
        let process = Process {
            addresses: addresses.by_listener(),
            data_dir: data_dir.to_owned(),
            config_file: origin.as_ref().map(|origin| origin.file.clone()),
        };
        let start = (started, process);
        let api = api(&security, &shard, &ingress, service, sql, start);
        shard.raise_operational_alerts(api.readiness.clone())?;
        let reloader = origin.map(|origin| reloader(origin, &api, history));
        spawn_file_watchers(&api, reloader.as_ref());
        tokio::spawn(weir_api::watch_function_rates(api.clone()));
        let http = serve_http(http, &security, &api);
        info!(took_ms = started.elapsed().as_millis() as u64, "weir is up");
        Ok(Self {
            addresses,
            reloader,
            shard,
            notifications,
            ingress,
            http,
            sql_endpoints,
            shutdown,
            _data: data,
        })
    }

    /// Counters and events, as they change.
    pub fn signals(&self) -> &Signals {
        &self.shard.signals
    }

    pub fn pipeline(&self) -> &SharedPipeline {
        &self.shard.pipeline
    }

    /// Stops accepting messages, finishes what was accepted, and ends. False when
    /// it took too long: what was acknowledged is in the journal all the same.
    pub async fn stop(self) -> bool {
        let started = Instant::now();
        match tokio::time::timeout(DRAIN, self.drain()).await {
            Ok(()) => {
                let took_ms = started.elapsed().as_millis() as u64;
                info!(took_ms, "weir has stopped");
                true
            }
            Err(_) => {
                warn!("stopping took too long and was abandoned; the journal holds the rest");
                false
            }
        }
    }

    async fn drain(self) {
        self.shutdown.cancel();
        self.ingress.stop_receiving().await;
        if self.http.await.is_err() {
            warn!("the HTTP listener had failed");
        }
        self.sql_endpoints.stop().await;
        let shard = self.shard.stop().await;
        self.notifications.stop().await;
        self.ingress.stop_publishing().await;
        shard.close();
    }
}

/// Who may do what, and the certificate of the listeners.
struct Security {
    access: Access,
    tls: Option<Arc<rustls::ServerConfig>>,
}

impl Security {
    fn load(config: &Config) -> Result<Self> {
        Ok(Self {
            access: Access::load(config)?.with_sign_in(config)?,
            tls: config.tls.as_ref().map(server_config).transpose()?,
        })
    }

    fn guard(&self, config: &Config) -> Guard {
        let has_tls = config.broker.as_ref().is_some_and(|broker| broker.tls);
        Guard {
            access: self.access.clone(),
            tls: self.tls.clone().filter(|_| has_tls),
        }
    }
}

/// SQL over the series and the other tables.
fn sql(config: &Config, shard: &Shard) -> Sql {
    let stores = &shard.stores;
    let sql = Sql::new(stores.series.reader()).with_concurrency(config.query.max_concurrent);
    tables::register(
        &sql,
        &shard.pipeline,
        &stores.alarms,
        &stores.quarantine,
        &stores.shadows,
    );
    sql
}

fn api(
    security: &Security,
    shard: &Shard,
    ingress: &Ingress,
    notifications: Arc<NotificationService>,
    sql: Sql,
    (started, process): (Instant, Process),
) -> Arc<Api> {
    let reloads = Arc::new(ReloadStatus::default());
    Arc::new(Api {
        config: shard.current.clone(),
        reloads: reloads.clone(),
        access: security.access.clone(),
        pipeline: shard.pipeline.clone(),
        stores: shard.stores.clone(),
        sql,
        gateways: ingress.gateways.clone(),
        signals: shard.signals.clone(),
        readiness: Readiness {
            health: shard.signals.health.clone(),
            journal: shard.stores.journal.clone(),
            sources: ingress.gateways.sources.clone(),
            reloads,
        },
        watchdog: shard.watchdog.clone(),
        notifications,
        admission: Admission::default(),
        rates: FunctionRates::default(),
        started,
        process,
        shutdown: shard.shutdown.clone(),
    })
}

fn reloader(origin: Origin, api: &Api, history: Arc<ConfigHistory>) -> Arc<Reloader> {
    Arc::new(Reloader {
        file: origin.file,
        variables: origin.variables,
        current: api.config.clone(),
        history,
        journal: api.stores.journal.clone(),
        gateways: api.gateways.clone(),
        status: api.reloads.clone(),
        running: tokio::sync::Mutex::default(),
    })
}

/// The tasks that follow the configuration and the access file.
fn spawn_file_watchers(api: &Api, reloader: Option<&Arc<Reloader>>) {
    let config = (*api.config.get()).clone();
    let (access, shutdown) = (api.access.clone(), api.shutdown.clone());
    tokio::spawn(watch_access_file(access, config, shutdown));
    if let Some(reloader) = reloader {
        tokio::spawn(watch_config_file(reloader.clone(), api.shutdown.clone()));
    }
}

fn serve_http(listener: TcpListener, security: &Security, api: &Arc<Api>) -> JoinHandle<()> {
    let has_tls = api.config.get().http.tls;
    let tls = security.tls.clone().filter(|_| has_tls);
    let router = weir_api::router(api.clone());
    tokio::spawn(weir_api::serve(listener, tls, router, api.shutdown.clone()))
}
