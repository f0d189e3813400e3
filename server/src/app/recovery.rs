//! Where a start picks up: the last checkpoint, and the journal behind it.

use std::io;
use std::sync::Arc;

use anyhow::{Context, Result};
use parking_lot::Mutex;
use tracing::{error, info};
use weir_alerts::{AlarmEngine, AlarmStore};
use weir_config::{Config, Settings};
use weir_functions::Engine;
use weir_journal::{Journal, LocalJournal};
use weir_model::{Position, ReadingCounts};
use weir_shadows::ShadowStore;
use weir_store::{Checkpoint, EmbeddedStore, Quarantine};

use crate::config_history::{ConfigCursor, ConfigHistory, Extent};
use crate::core::{Core, delays};
use crate::data_dir::DataDir;
use crate::flow::{Counts, Flow};
use crate::influx_worker::INFLUX_CONSUMER;
use crate::metering;
use crate::snapshot::Snapshot;
use crate::store_worker::PIPELINE_CONSUMER;

/// Everything that is on disk, opened, with memory as of the last checkpoint.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) store: Arc<EmbeddedStore>,
    pub(super) core: Arc<Mutex<Core>>,
    /// Which configuration decides where.
    pub(super) history: Arc<ConfigHistory>,
    /// Where the memory stands in it.
    pub(super) configs: ConfigCursor,
    pub(super) flow: Arc<Flow>,
    pub(super) journal: Arc<LocalJournal>,
    pub(super) alarms: Arc<AlarmStore>,
    pub(super) quarantine: Arc<Quarantine>,
    pub(super) shadows: Arc<ShadowStore>,
    /// The pipeline reads the journal from here.
    pub(super) position: Position,
    /// What lies before was appended by an earlier process.
    pub(super) live_from: Position,
}

impl Opened {
    pub(super) fn open(config: &Config, settings: &Settings, data: &DataDir) -> Result<Self> {
        // Opening the store writes its manifest anew: a folder of a newer version
        // is to be refused as it is.
        LocalJournal::check_version(&data.journal()).context("cannot open the journal")?;
        let (store, checkpoint) = EmbeddedStore::open(&data.store(), &config.embedded_store)
            .context("cannot open the store")?;
        let checkpointed = checkpoint.as_ref().map(|checkpoint| checkpoint.position);
        let snapshot = match &checkpoint {
            Some(checkpoint) => Some(Snapshot::decode(&checkpoint.snapshot)?),
            None => None,
        };

        let mut consumers = vec![PIPELINE_CONSUMER];
        consumers.extend(config.influxdb.is_some().then_some(INFLUX_CONSUMER));
        let journal = LocalJournal::open(&data.journal(), &config.journal, &consumers)
            .context("cannot open the journal")?;
        let position = replay_from(checkpointed, &journal)
            .context("cannot place the pipeline in the journal")?;
        let live_from = journal.status().written;
        let replay_bytes = live_from.0.saturating_sub(position.0);
        info!(position = position.0, replay_bytes, "the journal is open");

        let extent = Extent {
            start: journal.start(),
            end: live_from,
        };
        let history = ConfigHistory::open(&data.configurations(), config, settings, extent)
            .context("cannot keep the configuration in the data folder")?;
        let number = snapshot.as_ref().map_or(0, |snapshot| snapshot.config);
        let configs = history.resume(number, position);
        let (mut core, flow) = memory(configs.config(), checkpoint, snapshot)?;
        store.attach(core.engine.catalog().clone());

        let alarms = AlarmStore::open(&data.alarms()).context("cannot open the alarms")?;
        let cleared = core.close_abandoned();
        if !cleared.is_empty() {
            let count = cleared.len();
            info!(alarms = count, "clearing alarms of removed functions");
            alarms
                .record_unpositioned(&cleared)
                .context("cannot close alarms of removed functions")?;
        }
        let quarantine = Quarantine::open(&data.quarantine(), &config.quarantine)
            .context("cannot open the quarantine")?;
        let shadows = ShadowStore::open(&data.shadows(), &config.shadows)
            .context("cannot open the shadows")?;
        Ok(Self {
            store: Arc::new(store),
            core: Arc::new(Mutex::new(core)),
            history,
            configs,
            flow: Arc::new(flow),
            journal: Arc::new(journal),
            alarms: Arc::new(alarms),
            quarantine: Arc::new(quarantine),
            shadows: Arc::new(shadows),
            position,
            live_from,
        })
    }
}

/// Functions, alarms and counters as of the checkpoint, or empty.
fn memory(
    config: &Config,
    checkpoint: Option<Checkpoint>,
    snapshot: Option<Snapshot>,
) -> Result<(Core, Flow)> {
    let Some((checkpoint, snapshot)) = checkpoint.zip(snapshot) else {
        let mut engine = Engine::new(config);
        engine.measure_by(metering::clock);
        let alarms = AlarmEngine::new(delays(&engine));
        let flow = Flow::restore(Counts::default(), ReadingCounts::default());
        return Ok((Core { engine, alarms }, flow));
    };
    info!(
        position = checkpoint.position.0,
        "restoring the last checkpoint"
    );
    let mut engine = Engine::restore(config, &snapshot.engine)
        .context("cannot restore the functions' memory")?;
    engine.resume_tallies(&snapshot.tallies);
    engine.measure_by(metering::clock);
    let alarms = AlarmEngine::restore(delays(&engine), &snapshot.alarms)
        .context("cannot restore the alarms' memory")?;
    Ok((
        Core { engine, alarms },
        Flow::restore(snapshot.counts, checkpoint.counts),
    ))
}

/// The checkpoint's position, unless the journal no longer reaches back to it.
/// A journal that ends before it (its folder was removed) goes on from it.
fn replay_from(checkpoint: Option<Position>, journal: &dyn Journal) -> io::Result<Position> {
    let start = journal.start();
    match checkpoint {
        None => Ok(start),
        Some(position) if position >= start => {
            journal.commit_consumer(PIPELINE_CONSUMER, position)?;
            Ok(position)
        }
        Some(position) => {
            error!(
                checkpoint = position.0,
                journal_start = start.0,
                "the journal starts behind the checkpoint: messages between them are missing; \
                 was the data folder restored from a backup?"
            );
            Ok(start)
        }
    }
}
