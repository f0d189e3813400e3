//! A shard: one journal with its pipeline and the threads that make the effects
//! durable, started and stopped as one thing.
//!
//! The capacities of the queues between the threads are defined in
//! `pipeline_worker.rs`. Stopping loses nothing: the readers of the journal finish
//! what is in it, the last checkpoint goes down the queues behind them, and the
//! other workers end with their queues. Whoever appends must have stopped before.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use anyhow::{Context, Result};
use tokio_util::sync::CancellationToken;
use tracing::warn;
use weir_auth::Access;
use weir_influxdb::InfluxSink;
use weir_ingest::Publisher;
use weir_journal::LocalJournal;
use weir_model::RowBatch;

use crate::configuration::current::Current;
use crate::configuration::module_watch;
use crate::influx::influx_worker::InfluxWorker;
use crate::notifications::notifier::Notifier;
use crate::notifications::operational_alerts::OperationalAlerts;
use crate::pipeline_worker::{
    Cadence, PipelineWorker, Place, Queues, RECORDER_QUEUE, SHADOW_QUEUE, STORE_QUEUE,
    SharedPipeline,
};
use crate::progress::Progress;
use crate::readiness::Readiness;
use crate::recorder::Recorder;
use crate::recorder_command::RecorderCommand;
use crate::recovery::Recovered;
use crate::shadow_worker::{Answers, ShadowCommand, ShadowWorker};
use crate::signals::Signals;
use crate::store_worker::{StoreCommand, StoreWorker};
use crate::stores::Stores;
use crate::threads::{Fatal, Threads};
use crate::ticker::Ticker;
use crate::watchdog::Watchdog;

/// What a shard is started with.
#[derive(Debug)]
pub struct ShardSettings {
    pub current: Current,
    pub access: Access,
    /// Where alerts and answers of shadows are published.
    pub publishers: Arc<[Arc<dyn Publisher>]>,
    pub signals: Signals,
    pub fatal: Fatal,
    /// Cancelled when nothing shall be appended any longer, before [`Shard::stop`].
    pub shutdown: CancellationToken,
}

/// A running shard.
#[derive(Debug)]
pub struct Shard {
    pub pipeline: SharedPipeline,
    pub stores: Stores,
    pub signals: Signals,
    pub watchdog: Arc<Watchdog>,
    pub current: Current,
    pub shutdown: CancellationToken,
    journal: Arc<LocalJournal>,
    /// They read the journal, and end at its end.
    readers: Threads,
    /// They end when the readers have.
    others: Threads,
    recorder: SyncSender<RecorderCommand>,
    notifier: Notifier,
}

impl Shard {
    /// Starts the threads where `recovered` is in the journal. Must be called
    /// inside a tokio runtime.
    pub fn start(settings: ShardSettings, recovered: Recovered) -> Result<Self> {
        let ShardSettings {
            current,
            access,
            publishers,
            signals,
            fatal,
            shutdown,
        } = &settings;
        let Recovered {
            stores, pipeline, ..
        } = &recovered;
        pipeline.lock().guard_by(access.clone());
        let counts = pipeline.lock().counts().clone();
        signals.counters.restore(&counts, recovered.counts.clone());
        let (queues, received) = queues();
        let notifier = Notifier::new(
            publishers.clone(),
            stores.alarms.clone(),
            queues.recorder.clone(),
        );
        let recorder = queues.recorder.clone();
        let mut others = Threads::new(fatal.clone());
        spawn_writers(&mut others, &settings, stores, &notifier, received)?;
        let mut readers = Threads::new(fatal.clone());
        spawn_pipeline(&mut readers, signals, &recovered, queues, notifier.clone())?;
        spawn_influxdb(&mut readers, &settings, &recovered)?;
        let watchdog = Arc::new(Watchdog::new(current.clone()));
        spawn_watchers(&settings, stores, pipeline, &watchdog);
        let Recovered {
            stores,
            pipeline,
            journal,
            ..
        } = recovered;
        Ok(Self {
            pipeline,
            stores,
            signals: signals.clone(),
            watchdog,
            current: current.clone(),
            shutdown: shutdown.clone(),
            journal,
            readers,
            others,
            recorder,
            notifier,
        })
    }

    /// Raises what is wrong with Weir itself as alarms of this shard.
    pub fn raise_operational_alerts(&self, readiness: Readiness) -> Result<()> {
        let alerts = OperationalAlerts {
            config: self.current.clone(),
            readiness,
            alarms: self.stores.alarms.clone(),
            notifier: self.notifier.clone(),
            recorder: self.recorder.clone(),
        };
        alerts.start(self.shutdown.clone())
    }

    /// Finishes what is in the journal and in the queues, commits a last
    /// checkpoint and ends the threads. The journal stays open for reading until
    /// [`StoppedShard::close`]. Whoever appends has stopped before.
    pub async fn stop(self) -> StoppedShard {
        self.shutdown.cancel();
        self.signals.stop.store(true, Ordering::Release);
        self.readers.join().await;
        // The queues of the readers are closed; this one also has other senders.
        if self.recorder.send(RecorderCommand::Stop).is_err() {
            warn!("the recorder had ended before");
        }
        self.others.join().await;
        StoppedShard(self.journal)
    }
}

/// A shard whose threads have ended: its databases can still be read.
#[derive(Debug)]
pub struct StoppedShard(Arc<LocalJournal>);

impl StoppedShard {
    /// Ends the thread of the journal.
    pub fn close(self) {
        self.0.close();
    }
}

/// The receiving ends of [`Queues`].
struct Received {
    rows: Receiver<StoreCommand>,
    spare_rows: SyncSender<RowBatch>,
    recorder: Receiver<RecorderCommand>,
    shadows: Receiver<ShadowCommand>,
}

fn queues() -> (Queues, Received) {
    let (rows, rows_received) = sync_channel(STORE_QUEUE);
    let (spare_rows, spare_rows_received) = sync_channel(STORE_QUEUE);
    let (recorder, recorder_received) = sync_channel(RECORDER_QUEUE);
    let (shadows, shadows_received) = sync_channel(SHADOW_QUEUE);
    let queues = Queues {
        rows,
        spare_rows: spare_rows_received,
        recorder,
        shadows,
    };
    let received = Received {
        rows: rows_received,
        spare_rows,
        recorder: recorder_received,
        shadows: shadows_received,
    };
    (queues, received)
}

/// The threads that make effects durable.
fn spawn_writers(
    threads: &mut Threads,
    settings: &ShardSettings,
    stores: &Stores,
    notifier: &Notifier,
    received: Received,
) -> Result<()> {
    let ShardSettings {
        current,
        access,
        publishers,
        signals,
        ..
    } = settings;
    let config = current.get();
    let (recorded, shadows_durable) = (Progress::default(), Progress::default());
    let recorder = Recorder {
        journal: stores.journal.clone(),
        alarms: stores.alarms.clone(),
        quarantine: stores.quarantine.clone(),
        commands: received.recorder,
        notifier: notifier.clone(),
        progress: recorded.clone(),
        health: signals.health.clone(),
        stop: signals.stop.clone(),
    };
    threads.spawn("recorder", move || recorder.run())?;
    let shadow_worker = ShadowWorker {
        shadows: stores.shadows.clone(),
        access: access.clone(),
        journal: stores.journal.clone(),
        commands: received.shadows,
        answers: Answers::new(publishers.clone(), signals.stop.clone()),
        prefix: config.shadows.prefix.clone(),
        progress: shadows_durable.clone(),
        health: signals.health.clone(),
        stop: signals.stop.clone(),
    };
    threads.spawn("shadows", move || shadow_worker.run())?;
    stores.series.keep(&config.retention);
    let store_worker = StoreWorker {
        store: stores.series.clone(),
        journal: stores.journal.clone(),
        commands: received.rows,
        spare_rows: received.spare_rows,
        counters: signals.counters.clone(),
        config: current.clone(),
        health: signals.health.clone(),
        others: vec![recorded, shadows_durable],
        checkpointing: signals.checkpointing.clone(),
        stop: signals.stop.clone(),
    };
    threads.spawn("store", move || store_worker.run())
}

fn spawn_pipeline(
    threads: &mut Threads,
    signals: &Signals,
    recovered: &Recovered,
    queues: Queues,
    notifier: Notifier,
) -> Result<()> {
    let stores = &recovered.stores;
    let reader = stores.journal.reader(recovered.position);
    let worker = PipelineWorker {
        pipeline: recovered.pipeline.clone(),
        reader: reader.context("cannot read the journal")?,
        cadence: Cadence::new(recovered.configs.config()),
        configs: recovered.configs.clone(),
        series: stores.series.clone(),
        queues,
        notifier,
        signals: signals.clone(),
        place: Place {
            position: recovered.position,
            live_from: recovered.live_from,
            alerts_recorded: stores.alarms.position(),
            reconciled: false,
            checkpoint_due: false,
        },
    };
    threads.try_spawn("pipeline", move || worker.run())
}

fn spawn_influxdb(
    threads: &mut Threads,
    settings: &ShardSettings,
    recovered: &Recovered,
) -> Result<()> {
    let config = settings.current.get();
    let Some(influxdb) = &config.influxdb else {
        return Ok(());
    };
    let (stores, signals) = (&recovered.stores, &settings.signals);
    let worker = InfluxWorker {
        sink: InfluxSink::new(influxdb).context("store.influxdb")?,
        config: (*config).clone(),
        access: settings.access.clone(),
        history: recovered.history.clone(),
        journal: stores.journal.clone(),
        quarantine: stores.quarantine.clone(),
        health: signals.health.clone(),
        stats: signals.influx.clone(),
        stop: signals.stop.clone(),
    };
    threads.try_spawn("influxdb", move || worker.run())
}

/// The tasks that look at the shard from time to time.
fn spawn_watchers(
    settings: &ShardSettings,
    stores: &Stores,
    pipeline: &SharedPipeline,
    watchdog: &Arc<Watchdog>,
) {
    let (signals, shutdown) = (&settings.signals, &settings.shutdown);
    tokio::spawn(watchdog.clone().run(
        stores.journal.clone(),
        signals.processed.clone(),
        signals.health.clone(),
        shutdown.clone(),
    ));
    tokio::spawn(module_watch::run(
        pipeline.clone(),
        signals.health.clone(),
        shutdown.clone(),
    ));
    let ticker = Ticker {
        journal: stores.journal.clone(),
        pipeline: pipeline.clone(),
        processed: signals.processed.clone(),
    };
    tokio::spawn(ticker.run(shutdown.clone()));
}
