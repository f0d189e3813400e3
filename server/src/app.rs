//! The composition root: opens what is on disk, wires the workers, starts the
//! doors, and takes all of it down again in the order that loses nothing.
//!
//! Starting: data folder → store (its checkpoint) → functions and alarms as of
//! the checkpoint → journal → workers → doors → HTTP. Stopping is the other way
//! round: doors first (what they appended is committed and acknowledged), then
//! the pipeline catches up and checkpoints, then the workers end.

mod doors;
mod recovery;
mod threads;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use parking_lot::Mutex;
use serde::Serialize;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use weir_alerts::AlarmStore;
use weir_config::Config;
use weir_ingest::{Intake, Outlet, SourceOutlet};
use weir_journal::{Journal, LocalJournal};
use weir_shadows::ShadowStore;
use weir_store::{InfluxSink, Quarantine};

use crate::data_dir::DataDir;
use crate::effects_worker::{EffectsCommand, EffectsWorker};
use crate::flow::Flow;
use crate::health::Health;
use crate::http::{self, Api};
use crate::influx_worker::{INFLUX_CONSUMER, InfluxWorker};
use crate::live::Live;
use crate::notifier::Notifier;
use crate::pipeline::{Cadence, Core, EFFECTS_QUEUE, Pipeline, SHADOW_QUEUE, STORE_QUEUE};
use crate::progress::Progress;
use crate::shadow_worker::ShadowWorker;
use crate::store_worker::{PIPELINE_CONSUMER, StoreWorker};
use crate::tables;
use crate::waiters::Waiters;

use doors::Doors;
use recovery::Recovered;
pub(crate) use threads::Fatal;
use threads::Threads;

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
}

/// A running Weir.
pub(crate) struct App {
    pub(crate) addresses: Addresses,
    pub(crate) api: Arc<Api>,
    journal: Arc<LocalJournal>,
    source_outlets: Vec<Arc<SourceOutlet>>,
    source_runtime: CancellationToken,
    effects: SyncSender<EffectsCommand>,
    /// Doors and HTTP.
    doors: CancellationToken,
    http: JoinHandle<()>,
    stop: Arc<AtomicBool>,
    pipeline: Threads,
    workers: Threads,
    _data: DataDir,
}

impl App {
    /// Starts everything. When it returns, every listener accepts connections.
    pub(crate) async fn start(config: Config, data_dir: &Path, fatal: Fatal) -> Result<Self> {
        let started = Instant::now();
        let data = DataDir::open(data_dir)?;
        let http_listener = bind("http.listen", config.http.listen).await?;
        let Recovered {
            store,
            engine,
            alarms,
            flow,
            position,
        } = Recovered::open(&config, &data)?;
        let store = Arc::new(store);
        let mut consumers = vec![PIPELINE_CONSUMER];
        consumers.extend(config.influxdb.is_some().then_some(INFLUX_CONSUMER));
        let journal = LocalJournal::open(&data.journal(), &config.journal, &consumers)
            .context("cannot open the journal")?;
        let journal = Arc::new(journal);
        let position = recovery::replay_from(position, journal.as_ref())
            .context("cannot place the pipeline in the journal")?;
        let live_from = journal.status().written;
        info!(
            position = position.0,
            replay_bytes = live_from.0 - position.0,
            "journal opened"
        );

        let alarm_store =
            Arc::new(AlarmStore::open(&data.alarms()).context("cannot open the alarms")?);
        let quarantine =
            Arc::new(Quarantine::open(&data.quarantine()).context("cannot open the quarantine")?);
        let shadows = ShadowStore::open(&data.shadows(), &config.shadows)
            .context("cannot open the shadows")?;
        let shadows = Arc::new(shadows);

        let doors = CancellationToken::new();
        let shared_journal: Arc<dyn Journal> = journal.clone();
        let intake = Intake::new(&config);
        let Doors {
            broker,
            sources,
            source_outlets,
            source_runtime,
        } = Doors::start(&config, &intake, &shared_journal, &doors).await?;
        let mut outlets: Vec<Arc<dyn Outlet>> = Vec::new();
        outlets.extend(
            broker
                .as_ref()
                .map(|broker| Arc::new(broker.outlet()) as Arc<dyn Outlet>),
        );
        outlets.extend(
            source_outlets
                .iter()
                .map(|outlet| outlet.clone() as Arc<dyn Outlet>),
        );
        let outlets: Arc<[Arc<dyn Outlet>]> = outlets.into();

        let stop = Arc::new(AtomicBool::new(false));
        let checkpointing = Arc::new(AtomicBool::new(false));
        let health = Arc::new(Health::default());
        let waiters = Arc::new(Waiters::default());
        let live = Arc::new(Live::default());
        let core = Arc::new(Mutex::new(Core { engine, alarms }));
        let flow: Arc<Flow> = Arc::new(flow);
        let influx_written = Arc::new(AtomicU64::new(0));
        let (rows, row_commands) = sync_channel(STORE_QUEUE);
        let (spare_sender, spare_rows) = sync_channel(STORE_QUEUE);
        let (effects, effects_commands) = sync_channel(EFFECTS_QUEUE);
        let (shadow_sender, shadow_commands) = sync_channel(SHADOW_QUEUE);
        let notifier = Notifier::new(outlets.clone(), alarm_store.clone(), effects.clone());
        let (effects_progress, shadows_progress) = (Progress::default(), Progress::default());

        let mut workers = Threads::new(fatal.clone());
        let mut pipeline = Threads::new(fatal);
        let effects_worker = EffectsWorker {
            alarms: alarm_store.clone(),
            quarantine: quarantine.clone(),
            commands: effects_commands,
            notifier: notifier.clone(),
            progress: effects_progress.clone(),
            health: health.clone(),
            stop: stop.clone(),
        };
        let shadow_worker = ShadowWorker {
            shadows: shadows.clone(),
            journal: shared_journal.clone(),
            commands: shadow_commands,
            outlets: outlets.clone(),
            prefix: config.shadows.prefix.clone(),
            progress: shadows_progress.clone(),
            health: health.clone(),
            stop: stop.clone(),
        };
        let store_worker = StoreWorker {
            store: store.clone(),
            journal: shared_journal.clone(),
            commands: row_commands,
            spare_rows: spare_sender,
            flow: flow.clone(),
            health: health.clone(),
            others: vec![effects_progress, shadows_progress],
            checkpointing: checkpointing.clone(),
            stop: stop.clone(),
        };
        let pipeline_worker = Pipeline {
            core: core.clone(),
            reader: journal
                .reader(position)
                .context("cannot read the journal")?,
            intake: intake.clone(),
            shadow_prefix: config.shadows.prefix.clone(),
            store: store.clone(),
            rows,
            spare_rows,
            effects: effects.clone(),
            shadows: shadow_sender,
            notifier,
            alerts_recorded: alarm_store.position(),
            flow: flow.clone(),
            waiters: waiters.clone(),
            live: live.clone(),
            cadence: Cadence {
                shadow_interval: config.shadows.interval,
                flush_interval: config.embedded_store.flush_interval,
                flush_readings: config.embedded_store.flush_readings,
            },
            position,
            live_from,
            stop: stop.clone(),
            checkpointing,
        };
        if let Some(influxdb) = &config.influxdb {
            let worker = InfluxWorker {
                sink: InfluxSink::new(influxdb).context("store.influxdb")?,
                config: config.clone(),
                journal: shared_journal.clone(),
                effects: effects.clone(),
                health: health.clone(),
                written: influx_written.clone(),
                stop: stop.clone(),
            };
            pipeline.spawn("influxdb", move || worker.run())?;
        }
        workers.spawn("effects", move || {
            effects_worker.run();
            Ok(())
        })?;
        workers.spawn("shadows", move || {
            shadow_worker.run();
            Ok(())
        })?;
        workers.spawn("store", move || {
            store_worker.run();
            Ok(())
        })?;
        pipeline.spawn("pipeline", move || pipeline_worker.run())?;

        let sql = store.sql();
        tables::register(&sql, &core, &alarm_store, &quarantine, &shadows);
        let addresses = Addresses {
            mqtt: broker.as_ref().map(|broker| broker.local_addr()),
            websocket: broker.as_ref().and_then(|broker| broker.websocket_addr()),
            http: http_listener.local_addr()?,
        };
        let api = Arc::new(Api {
            config,
            core,
            flow,
            journal: shared_journal,
            store,
            sql,
            alarms: alarm_store,
            quarantine,
            shadows,
            outlets,
            intake,
            waiters,
            live,
            health,
            broker,
            sources,
            influx_written,
            started,
            shutdown: doors.clone(),
        });
        let http = tokio::spawn(http::serve(
            http_listener,
            http::router(api.clone()),
            doors.clone(),
        ));
        info!(took_ms = started.elapsed().as_millis() as u64, "weir is up");
        Ok(Self {
            addresses,
            api,
            journal,
            source_outlets,
            source_runtime,
            effects,
            doors,
            http,
            stop,
            pipeline,
            workers,
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
        self.stop.store(true, Ordering::Release);
        self.pipeline.join().await;
        // The pipeline's queues are closed; this one also has other senders.
        if self.effects.send(EffectsCommand::Stop).is_err() {
            warn!("the effects worker had ended before");
        }
        self.workers.join().await;
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
