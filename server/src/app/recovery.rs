//! Where a start picks up: the last checkpoint, and the journal behind it.

use anyhow::{Context, Result};
use tracing::{error, info};
use weir_alerts::{AlarmEngine, Delays};
use weir_config::Config;
use weir_functions::Engine;
use weir_journal::Journal;
use weir_model::{Position, ReadingCounts};
use weir_store::EmbeddedStore;

use crate::data_dir::DataDir;
use crate::flow::{Counts, Flow};
use crate::snapshot::Snapshot;
use crate::store_worker::PIPELINE_CONSUMER;

/// Everything as of the last checkpoint, or empty.
pub(super) struct Recovered {
    pub(super) store: EmbeddedStore,
    pub(super) engine: Engine,
    pub(super) alarms: AlarmEngine,
    pub(super) flow: Flow,
    /// Where the journal has to be replayed from; `None` on a first start.
    pub(super) position: Option<Position>,
}

impl Recovered {
    pub(super) fn open(config: &Config, data: &DataDir) -> Result<Self> {
        let (store, checkpoint) = EmbeddedStore::open(&data.store(), &config.embedded_store)
            .context("cannot open the store")?;
        let recovered = match checkpoint {
            None => {
                let engine = Engine::new(config);
                let alarms = AlarmEngine::new(delays(&engine));
                let flow = Flow::restore(Counts::default(), ReadingCounts::default());
                Self {
                    store,
                    engine,
                    alarms,
                    flow,
                    position: None,
                }
            }
            Some(checkpoint) => {
                info!(
                    position = checkpoint.position.0,
                    "restoring the last checkpoint"
                );
                let snapshot = Snapshot::decode(&checkpoint.snapshot)?;
                let engine = Engine::restore(config, &snapshot.engine)
                    .context("cannot restore the functions' memory")?;
                let alarms = AlarmEngine::restore(delays(&engine), &snapshot.alarms)
                    .context("cannot restore the alarms' memory")?;
                let flow = Flow::restore(snapshot.counts, checkpoint.counts);
                Self {
                    store,
                    engine,
                    alarms,
                    flow,
                    position: Some(checkpoint.position),
                }
            }
        };
        recovered.store.attach(recovered.engine.catalog().clone());
        Ok(recovered)
    }
}

/// By function index, as verdicts name them.
fn delays(engine: &Engine) -> Vec<Delays> {
    let delays = |function: &weir_functions::FunctionInfo| Delays {
        on_delay_ns: function.on_delay_ns,
        off_delay_ns: function.off_delay_ns,
    };
    engine.functions().iter().map(delays).collect()
}

/// The checkpoint's position, unless the journal no longer reaches back to it.
/// A journal that ends before it (its folder was removed) goes on from it.
pub(super) fn replay_from(
    checkpoint: Option<Position>,
    journal: &dyn Journal,
) -> std::io::Result<Position> {
    let start = journal.start();
    let position = match checkpoint {
        None => start,
        Some(position) if position >= start => {
            journal.commit_consumer(PIPELINE_CONSUMER, position)?;
            position
        }
        Some(position) => {
            error!(
                checkpoint = position.0,
                journal_start = start.0,
                "the journal starts behind the checkpoint: messages between them are missing; \
                 was the data folder restored from a backup?"
            );
            start
        }
    };
    Ok(position)
}
