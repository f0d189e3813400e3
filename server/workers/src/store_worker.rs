//! Appends rows to the embedded store and commits checkpoints.
//!
//! A checkpoint arrives in the same queue as the rows, behind the last row that
//! it covers. It is committed only when the journal, the recorder and the shadow
//! worker are durable up to its position; then the journal may truncate everything
//! before it. A failed checkpoint is tried again: rows stay in memory, and the full
//! queue stops the pipeline, not the endpoints.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender};

use tracing::{debug, warn};
use weir_journal::Journal;
use weir_model::{Position, RowBatch, Timestamp};
use weir_series::SeriesStore;

use crate::configuration::current::Current;
use crate::counters::Counters;
use crate::health::Health;
use crate::insist::Insist;
use crate::progress::Progress;

/// The name of the pipeline's position in the journal.
pub(crate) const PIPELINE_CONSUMER: &str = "pipeline";

#[derive(Debug)]
pub(crate) enum StoreCommand {
    Rows(RowBatch),
    Checkpoint {
        position: Position,
        snapshot: Vec<u8>,
    },
}

pub(crate) struct StoreWorker {
    pub(crate) store: Arc<SeriesStore>,
    pub(crate) journal: Arc<dyn Journal>,
    pub(crate) commands: Receiver<StoreCommand>,
    pub(crate) spare_rows: SyncSender<RowBatch>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) config: Current,
    pub(crate) health: Arc<Health>,
    /// The recorder and the shadow worker.
    pub(crate) others: Vec<Progress>,
    pub(crate) checkpointing: Arc<AtomicBool>,
    pub(crate) stop: Arc<AtomicBool>,
}

impl StoreWorker {
    /// Runs until the pipeline is gone.
    pub(crate) fn run(self) {
        while let Ok(command) = self.commands.recv() {
            match command {
                StoreCommand::Rows(rows) => self.append(rows),
                StoreCommand::Checkpoint { position, snapshot } => {
                    self.checkpoint(position, &snapshot);
                    self.checkpointing.store(false, Ordering::Release);
                }
            }
        }
    }

    fn append(&self, mut rows: RowBatch) {
        let applied = self.store.append(&rows, Timestamp::now());
        self.counters.record_applied(&applied, rows.readings());
        rows.clear();
        // When enough spares wait, this one is dropped.
        let _ = self.spare_rows.try_send(rows);
    }

    fn checkpoint(&self, position: Position, snapshot: &[u8]) {
        self.store.keep(&self.config.get().retention);
        let insist = Insist {
            stop: &self.stop,
            health: &self.health,
            component: "store",
        };
        let checkpoint = || {
            let mut before_commit = || {
                self.journal.wait_committed(position)?;
                if self.others.iter().all(|worker| worker.wait(position)) {
                    Ok(())
                } else {
                    Err("a worker ended before it was durable up to the checkpoint".into())
                }
            };
            // Every row before the checkpoint is applied, none behind it.
            let counts = self.counters.counts().store;
            self.store
                .checkpoint(position, snapshot, &counts, &mut before_commit)
        };
        let Some(stats) = insist.on("checkpoint failed", checkpoint) else {
            return;
        };
        debug!(position = position.0, ?stats, "checkpoint");
        if let Err(error) = self.journal.commit_consumer(PIPELINE_CONSUMER, position) {
            warn!(%error, "the journal keeps more than it needs");
        }
    }
}
