//! Where a start continues: the last checkpoint, and the journal behind it.

use std::io;
use std::sync::{Arc, LazyLock};
use std::time::Instant;

use anyhow::{Context, Result};
use parking_lot::Mutex;
use tracing::{error, info};
use weir_config::{Config, Settings};
use weir_journal::{Journal, LocalJournal};
use weir_model::{Position, ReadingCounts};
use weir_notify::AlarmStore;
use weir_pipeline::{Pipeline, Snapshot};
use weir_quarantine::Quarantine;
use weir_series::SeriesStore;
use weir_shadow_store::ShadowStore;

use crate::configuration::config_history::{ConfigCursor, ConfigHistory, Extent};
use crate::data_dir::DataDir;
use crate::influx::influx_worker::INFLUX_CONSUMER;
use crate::pipeline_worker::SharedPipeline;
use crate::store_worker::PIPELINE_CONSUMER;
use crate::stores::Stores;

/// Everything on disk, opened, with the memory as of the last checkpoint.
#[derive(Debug)]
pub struct Recovered {
    pub stores: Stores,
    pub pipeline: SharedPipeline,
    /// Which configuration decides where.
    pub history: Arc<ConfigHistory>,
    /// The same journal as in `stores`, to be closed at the end.
    pub(crate) journal: Arc<LocalJournal>,
    /// Where the memory is in the history of configurations.
    pub(crate) configs: ConfigCursor,
    /// The store's part of the counters, as of the checkpoint.
    pub(crate) counts: ReadingCounts,
    /// The pipeline reads the journal from here.
    pub(crate) position: Position,
    /// What is before was appended by an earlier process.
    pub(crate) live_from: Position,
}

impl Recovered {
    /// Opens the data folder. Everything is as of the last checkpoint; the journal
    /// behind it is still to be read.
    pub fn open(config: &Config, settings: &Settings, data: &DataDir) -> Result<Self> {
        // Opening the store rewrites its manifest: a folder of a newer version
        // must be refused unchanged.
        LocalJournal::check_version(&data.journal()).context("cannot open the journal")?;
        let (series, checkpoint) = SeriesStore::open(&data.store(), &config.embedded_store)
            .context("cannot open the store")?;
        let snapshot = match &checkpoint {
            Some(checkpoint) => Some(Snapshot::decode(&checkpoint.snapshot)?),
            None => None,
        };
        let checkpointed = checkpoint.as_ref().map(|checkpoint| checkpoint.position);

        let (journal, position) = open_journal(config, data, checkpointed)?;
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
        let mut pipeline = memory(configs.config(), checkpointed, snapshot.as_ref())?;
        series.attach(pipeline.engine().catalog().clone());

        let alarms = AlarmStore::open(&data.alarms()).context("cannot open the alarms")?;
        clear_abandoned(&mut pipeline, &alarms)?;
        let quarantine = Quarantine::open(&data.quarantine(), &config.quarantine)
            .context("cannot open the quarantine")?;
        let shadows = ShadowStore::open(&data.shadows(), &config.shadows)
            .context("cannot open the shadows")?;
        let journal = Arc::new(journal);
        Ok(Self {
            stores: Stores {
                journal: journal.clone(),
                series: Arc::new(series),
                alarms: Arc::new(alarms),
                quarantine: Arc::new(quarantine),
                shadows: Arc::new(shadows),
            },
            pipeline: Arc::new(Mutex::new(pipeline)),
            history,
            journal,
            configs,
            counts: checkpoint.map_or_else(ReadingCounts::default, |checkpoint| checkpoint.counts),
            position,
            live_from,
        })
    }
}

/// The journal, and where the pipeline continues in it.
fn open_journal(
    config: &Config,
    data: &DataDir,
    checkpointed: Option<Position>,
) -> Result<(LocalJournal, Position)> {
    let influxdb = config.influxdb.is_some().then_some(INFLUX_CONSUMER);
    let consumers: Vec<_> = std::iter::once(PIPELINE_CONSUMER).chain(influxdb).collect();
    let journal = LocalJournal::open(&data.journal(), &config.journal, &consumers)
        .context("cannot open the journal")?;
    let position =
        replay_from(checkpointed, &journal).context("cannot place the pipeline in the journal")?;
    Ok((journal, position))
}

/// Functions and alarms as of the checkpoint, or empty.
fn memory(
    config: &Config,
    checkpointed: Option<Position>,
    snapshot: Option<&Snapshot>,
) -> Result<Pipeline> {
    let mut pipeline = match snapshot {
        None => Pipeline::new(config),
        Some(snapshot) => {
            let position = checkpointed.unwrap_or_default();
            info!(position = position.0, "restoring the last checkpoint");
            Pipeline::restore(config, snapshot)?
        }
    };
    pipeline.measure_by(nanoseconds);
    Ok(pipeline)
}

/// Nanoseconds since the first call.
fn nanoseconds() -> u64 {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    u64::try_from(START.elapsed().as_nanos()).unwrap_or(u64::MAX)
}

/// The configuration may have changed while Weir was down.
fn clear_abandoned(pipeline: &mut Pipeline, alarms: &AlarmStore) -> Result<()> {
    let cleared = pipeline.close_abandoned();
    if !cleared.is_empty() {
        let count = cleared.len();
        info!(alarms = count, "clearing alarms of removed functions");
        alarms
            .record_unpositioned(&cleared)
            .context("cannot close alarms of removed functions")?;
    }
    Ok(())
}

/// The checkpoint's position, if the journal still reaches back to it. A journal
/// that ends before it (its folder was removed) continues from it.
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
                "the journal starts after the checkpoint: messages between them are missing; \
                 was the data folder restored from a backup?"
            );
            Ok(start)
        }
    }
}
