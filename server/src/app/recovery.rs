//! Where a start picks up: the last checkpoint, and the journal behind it.

use std::io;
use std::sync::Arc;

use anyhow::{Context, Result};
use parking_lot::Mutex;
use tracing::{error, info};
use weir_alerts::{AlarmEngine, AlarmStore, Delays};
use weir_config::Config;
use weir_functions::{Engine, FunctionInfo, REMOVED_FUNCTION};
use weir_journal::{Journal, LocalJournal};
use weir_model::{Position, ReadingCounts};
use weir_shadows::ShadowStore;
use weir_store::{Checkpoint, EmbeddedStore, Quarantine};

use crate::data_dir::DataDir;
use crate::flow::{Counts, Flow};
use crate::influx_worker::INFLUX_CONSUMER;
use crate::pipeline::Core;
use crate::snapshot::Snapshot;
use crate::store_worker::PIPELINE_CONSUMER;

/// Everything that is on disk, opened, with memory as of the last checkpoint.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) store: Arc<EmbeddedStore>,
    pub(super) core: Arc<Mutex<Core>>,
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
    pub(super) fn open(config: &Config, data: &DataDir) -> Result<Self> {
        // Opening the store writes its manifest anew: a folder of a newer version
        // is to be refused as it is.
        LocalJournal::check_version(&data.journal()).context("cannot open the journal")?;
        let (store, checkpoint) = EmbeddedStore::open(&data.store(), &config.embedded_store)
            .context("cannot open the store")?;
        let checkpointed = checkpoint.as_ref().map(|checkpoint| checkpoint.position);
        let (mut core, flow) = memory(config, checkpoint)?;
        store.attach(core.engine.catalog().clone());

        let mut consumers = vec![PIPELINE_CONSUMER];
        consumers.extend(config.influxdb.is_some().then_some(INFLUX_CONSUMER));
        let journal = LocalJournal::open(&data.journal(), &config.journal, &consumers)
            .context("cannot open the journal")?;
        let position = replay_from(checkpointed, &journal)
            .context("cannot place the pipeline in the journal")?;
        let live_from = journal.status().written;
        let replay_bytes = live_from.0.saturating_sub(position.0);
        info!(position = position.0, replay_bytes, "the journal is open");

        let alarms = AlarmStore::open(&data.alarms()).context("cannot open the alarms")?;
        close_removed(&mut core, &alarms).context("cannot close alarms of removed functions")?;
        let quarantine = Quarantine::open(&data.quarantine(), &config.quarantine)
            .context("cannot open the quarantine")?;
        let shadows = ShadowStore::open(&data.shadows(), &config.shadows)
            .context("cannot open the shadows")?;
        Ok(Self {
            store: Arc::new(store),
            core: Arc::new(Mutex::new(core)),
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
fn memory(config: &Config, checkpoint: Option<Checkpoint>) -> Result<(Core, Flow)> {
    let Some(checkpoint) = checkpoint else {
        let engine = Engine::new(config);
        let alarms = AlarmEngine::new(delays(&engine));
        let flow = Flow::restore(Counts::default(), ReadingCounts::default());
        return Ok((Core { engine, alarms }, flow));
    };
    info!(
        position = checkpoint.position.0,
        "restoring the last checkpoint"
    );
    let snapshot = Snapshot::decode(&checkpoint.snapshot)?;
    let engine = Engine::restore(config, &snapshot.engine)
        .context("cannot restore the functions' memory")?;
    let alarms = AlarmEngine::restore(delays(&engine), &snapshot.alarms)
        .context("cannot restore the alarms' memory")?;
    Ok((
        Core { engine, alarms },
        Flow::restore(snapshot.counts, checkpoint.counts),
    ))
}

/// Clears what functions raised that are configured no more, or not for this
/// series: no reading ever will. The clears wait in the outbox; their ids come from the alarms' last
/// readings, so doing it again after a crash changes nothing.
fn close_removed(core: &mut Core, alarms: &AlarmStore) -> Result<()> {
    let Core {
        engine,
        alarms: memory,
    } = core;
    let abandoned = engine.abandoned();
    let is_lost = |slot: u32| {
        abandoned.binary_search(&slot).is_ok() || engine.slot(slot).function_ix == REMOVED_FUNCTION
    };
    let cleared = memory.remap(delays(engine), |slot| (!is_lost(slot)).then_some(slot));
    if !cleared.is_empty() {
        let count = cleared.len();
        info!(alarms = count, "clearing alarms of removed functions");
        alarms.record_unpositioned(&cleared)?;
    }
    Ok(())
}

/// By function index, as verdicts name them.
pub(crate) fn delays(engine: &Engine) -> Vec<Delays> {
    let delays = |function: &FunctionInfo| Delays {
        on_delay_ns: function.on_delay_ns,
        off_delay_ns: function.off_delay_ns,
    };
    engine.functions().iter().map(delays).collect()
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
