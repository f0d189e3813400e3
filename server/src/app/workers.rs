//! Wires the worker threads: who sends what to whom. The queues' capacities
//! stand in `pipeline.rs`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};

use anyhow::{Context, Result};
use tracing::warn;
use weir_auth::Access;
use weir_ingest::{Intake, Outlet};
use weir_journal::Journal;
use weir_store::InfluxSink;

use super::recovery::Opened;
use super::threads::{Fatal, Threads};
use crate::effects_worker::{EffectsCommand, EffectsWorker};
use crate::health::Health;
use crate::http::Api;
use crate::influx_worker::{InfluxStats, InfluxWorker};
use crate::live::Live;
use crate::notifier::Notifier;
use crate::operational_alerts::OperationalAlerts;
use crate::pipeline::{Cadence, EFFECTS_QUEUE, Pipeline, SHADOW_QUEUE, STORE_QUEUE};
use crate::progress::Progress;
use crate::reload::Current;
use crate::shadow_worker::{Answers, ShadowWorker};
use crate::store_worker::StoreWorker;
use crate::waiters::Waiters;

/// What the workers share with the HTTP interface.
#[derive(Clone, Debug, Default)]
pub(super) struct Exchange {
    pub(super) waiters: Arc<Waiters>,
    pub(super) live: Arc<Live>,
    pub(super) health: Arc<Health>,
    pub(super) influx: Arc<InfluxStats>,
    /// The pipeline's position.
    pub(super) processed: Arc<AtomicU64>,
}

/// The running threads.
pub(super) struct Workers {
    /// They read the journal, and end when it has nothing more.
    readers: Threads,
    /// They end when the readers have.
    others: Threads,
    effects: SyncSender<EffectsCommand>,
    notifier: Notifier,
    stop: Arc<AtomicBool>,
}

impl Workers {
    pub(super) fn start(
        current: &Current,
        opened: &Opened,
        exchange: &Exchange,
        access: &Access,
        outlets: &Arc<[Arc<dyn Outlet>]>,
        fatal: Fatal,
    ) -> Result<Self> {
        let config = current.get();
        let stop = Arc::new(AtomicBool::new(false));
        let checkpointing = Arc::new(AtomicBool::new(false));
        let journal: Arc<dyn Journal> = opened.journal.clone();
        let health = &exchange.health;
        let (rows, row_commands) = sync_channel(STORE_QUEUE);
        let (spare_sender, spare_rows) = sync_channel(STORE_QUEUE);
        let (effects, effects_commands) = sync_channel(EFFECTS_QUEUE);
        let (shadows, shadow_commands) = sync_channel(SHADOW_QUEUE);
        let notifier = Notifier::new(outlets.clone(), opened.alarms.clone(), effects.clone());
        let alerting = notifier.clone();
        let (effects_progress, shadows_progress) = (Progress::default(), Progress::default());

        let mut others = Threads::new(fatal.clone());
        let effects_worker = EffectsWorker {
            journal: journal.clone(),
            alarms: opened.alarms.clone(),
            quarantine: opened.quarantine.clone(),
            commands: effects_commands,
            notifier: notifier.clone(),
            progress: effects_progress.clone(),
            health: health.clone(),
            stop: stop.clone(),
        };
        others.spawn("effects", move || effects_worker.run())?;
        let shadow_worker = ShadowWorker {
            shadows: opened.shadows.clone(),
            access: access.clone(),
            journal: journal.clone(),
            commands: shadow_commands,
            answers: Answers::new(outlets.clone(), stop.clone()),
            prefix: config.shadows.prefix.clone(),
            progress: shadows_progress.clone(),
            health: health.clone(),
            stop: stop.clone(),
        };
        others.spawn("shadows", move || shadow_worker.run())?;
        opened.store.keep(&config.retention);
        let store_worker = StoreWorker {
            store: opened.store.clone(),
            journal: journal.clone(),
            commands: row_commands,
            spare_rows: spare_sender,
            flow: opened.flow.clone(),
            config: current.clone(),
            health: health.clone(),
            others: vec![effects_progress, shadows_progress],
            checkpointing: checkpointing.clone(),
            stop: stop.clone(),
        };
        others.spawn("store", move || store_worker.run())?;

        let mut readers = Threads::new(fatal);
        let pipeline = Pipeline {
            core: opened.core.clone(),
            reader: journal
                .reader(opened.position)
                .context("cannot read the journal")?,
            intake: Intake::new(opened.configs.config()),
            configs: opened.configs.clone(),
            store: opened.store.clone(),
            rows,
            spare_rows,
            effects: effects.clone(),
            shadows,
            notifier,
            alerts_recorded: opened.alarms.position(),
            flow: opened.flow.clone(),
            waiters: exchange.waiters.clone(),
            live: exchange.live.clone(),
            cadence: Cadence::new(opened.configs.config()),
            position: opened.position,
            processed: exchange.processed.clone(),
            live_from: opened.live_from,
            reconciled: false,
            checkpoint_due: false,
            stop: stop.clone(),
            checkpointing,
        };
        readers.try_spawn("pipeline", move || pipeline.run())?;
        if let Some(influxdb) = &config.influxdb {
            let worker = InfluxWorker {
                sink: InfluxSink::new(influxdb).context("store.influxdb")?,
                config: (*config).clone(),
                access: access.clone(),
                history: opened.history.clone(),
                journal,
                quarantine: opened.quarantine.clone(),
                health: health.clone(),
                stats: exchange.influx.clone(),
                stop: stop.clone(),
            };
            readers.try_spawn("influxdb", move || worker.run())?;
        }
        Ok(Self {
            readers,
            others,
            effects,
            notifier: alerting,
            stop,
        })
    }

    /// Lets Weir raise alarms of its own.
    pub(super) fn alert_of(&self, api: &Arc<Api>) -> Result<()> {
        let alerts = OperationalAlerts {
            api: api.clone(),
            notifier: self.notifier.clone(),
            effects: self.effects.clone(),
        };
        alerts.start()
    }

    /// Lets them finish what is in the journal and in their queues. The doors
    /// have stopped before.
    pub(super) async fn stop(self) {
        self.stop.store(true, Ordering::Release);
        self.readers.join().await;
        // The readers' queues are closed; this one also has other senders.
        if self.effects.send(EffectsCommand::Stop).is_err() {
            warn!("the effects worker had ended before");
        }
        self.others.join().await;
    }
}
