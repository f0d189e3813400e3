//! The thread `pipeline`: reads the journal, passes each message to the pure
//! [`Pipeline`] in order, and hands the effects to the workers.
//!
//! ```text
//!  journal ──chunk──▶ Pipeline ──effects──▶ rows: store worker
//!                                        ├▶ alerts: notifier, recorder
//!                                        ├▶ quarantined: recorder
//!                                        └▶ shadow requests and reports: shadow worker
//! ```
//!
//! Live messages, the replay after a crash and catching up from disk are this
//! one code path: only the source of the chunk's bytes differs. The capacity of
//! every queue is defined at the top of this file; when one is full the pipeline
//! waits, and the journal holds what arrives meanwhile.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, SyncSender};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use parking_lot::Mutex;
use tracing::{error, info};
use weir_config::Config;
use weir_engine::Batch;
use weir_journal::{Chunk, JournalReader, ReadError};
use weir_model::{Position, RowBatch};
use weir_pipeline::{Effects, Pipeline};
use weir_series::SeriesStore;

use crate::configuration::config_history::ConfigCursor;
use crate::notifications::notifier::Notifier;
use crate::recorder_command::RecorderCommand;
use crate::shadow_worker::ShadowCommand;
use crate::signals::Signals;
use crate::store_worker::StoreCommand;

/// Batches of rows that wait for the store worker; a batch is a journal chunk,
/// at most about 1 MiB of messages.
pub(crate) const STORE_QUEUE: usize = 64;
/// Commands that wait for the recorder.
pub(crate) const RECORDER_QUEUE: usize = 256;
/// Commands that wait for the shadow worker.
pub(crate) const SHADOW_QUEUE: usize = 64;
/// How long an idle pipeline sleeps before it looks at its timers.
const IDLE: Duration = Duration::from_millis(100);

/// The pipeline of a running shard. Its worker holds the lock while it works on
/// a chunk; endpoints read in between.
pub type SharedPipeline = Arc<Mutex<Pipeline>>;

/// Everything that the thread works with.
pub(crate) struct PipelineWorker {
    pub(crate) pipeline: SharedPipeline,
    pub(crate) reader: Box<dyn JournalReader>,
    /// Which configuration decides about which message.
    pub(crate) configs: ConfigCursor,
    pub(crate) series: Arc<SeriesStore>,
    pub(crate) queues: Queues,
    pub(crate) notifier: Notifier,
    pub(crate) signals: Signals,
    pub(crate) cadence: Cadence,
    pub(crate) place: Place,
}

/// The queues of the workers that make effects durable.
pub(crate) struct Queues {
    pub(crate) rows: SyncSender<StoreCommand>,
    /// Emptied batches come back to be filled again.
    pub(crate) spare_rows: Receiver<RowBatch>,
    pub(crate) recorder: SyncSender<RecorderCommand>,
    pub(crate) shadows: SyncSender<ShadowCommand>,
}

/// Where the worker is in the journal.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    /// Everything before it has been processed.
    pub(crate) position: Position,
    /// Where this process began to append: what is before it is replayed.
    pub(crate) live_from: Position,
    /// Alerts of messages before it are recorded already: they are in the outbox
    /// if they still have to go out.
    pub(crate) alerts_recorded: Position,
    /// The alarm store was compared with the alarms that the replay left open.
    pub(crate) reconciled: bool,
    /// The next checkpoint does not wait for its time.
    pub(crate) checkpoint_due: bool,
}

/// When the worker does what is not done per message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cadence {
    flush_interval: Duration,
    flush_readings: usize,
}

impl Cadence {
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            flush_interval: config.embedded_store.flush_interval,
            flush_readings: config.embedded_store.flush_readings,
        }
    }
}

impl PipelineWorker {
    /// Runs until it shall stop and has caught up, or until a worker is gone.
    pub(crate) fn run(mut self) -> Result<()> {
        self.publish_position();
        let mut effects = Effects::default();
        let mut last_checkpoint = Instant::now();
        let mut checkpointed = self.place.position;
        loop {
            let stopping = self.signals.stop.load(Ordering::Acquire);
            let wait = if stopping { Duration::ZERO } else { IDLE };
            match self.reader.next(wait) {
                Ok(Some(chunk)) => self.process(&chunk, &mut effects)?,
                Ok(None) if stopping => break,
                Ok(None) => self.reconfigure()?,
                Err(ReadError::Closed) => break,
                Err(error) => return Err(error).context("the pipeline cannot read the journal"),
            }
            if !self.place.reconciled && self.place.position >= self.place.live_from {
                self.reconcile()?;
            }
            let due = self.series.buffered() >= self.cadence.flush_readings
                || last_checkpoint.elapsed() >= self.cadence.flush_interval;
            let due = self.place.checkpoint_due || due && self.place.position > checkpointed;
            if due && !self.signals.checkpointing.load(Ordering::Acquire) {
                self.place.checkpoint_due = false;
                last_checkpoint = Instant::now();
                checkpointed = self.place.position;
                self.checkpoint()?;
            }
        }
        let position = self.place.position.0;
        info!(position, "pipeline caught up; stopping");
        self.checkpoint()
    }

    /// Processes the chunk, each part of it under the configuration that is in
    /// force there.
    fn process(&mut self, chunk: &Chunk, effects: &mut Effects) -> Result<()> {
        self.reconfigure()?;
        while let Some(change) = self.configs.next_change()
            && change < chunk.end()
        {
            if change > self.place.position {
                self.process_until(chunk, change, effects)?;
            }
            self.reconfigure()?;
        }
        self.process_until(chunk, chunk.end(), effects)?;
        self.reconfigure()
    }

    /// Puts the configurations into force that begin at the position.
    fn reconfigure(&mut self) -> Result<()> {
        while let Some(config) = self.configs.advance(self.place.position) {
            let cleared = self.pipeline.lock().reconfigure(&config);
            self.cadence = Cadence::new(&config);
            self.place.checkpoint_due = true;
            let position = self.place.position;
            info!(
                position = position.0,
                functions = config.functions.len(),
                cleared = cleared.len(),
                "configuration in force"
            );
            if cleared.is_empty() {
                continue;
            }
            let pipeline = self.pipeline.lock();
            self.signals
                .events
                .publish(pipeline.engine(), &Batch::default(), &cleared);
            drop(pipeline);
            self.record(RecorderCommand::Cleared {
                position,
                alerts: cleared,
            })?;
        }
        Ok(())
    }

    /// The replay is over: the alarms that it left open must be the open alarms
    /// of the alarm store. They differ only if another program or configuration
    /// decided before.
    fn reconcile(&mut self) -> Result<()> {
        self.place.reconciled = true;
        let open = self
            .pipeline
            .lock()
            .alarms()
            .all_active()
            .cloned()
            .collect();
        let position = self.place.position;
        self.record(RecorderCommand::Reconcile { position, open })
    }

    /// The messages of the chunk before `end`, from the current position.
    fn process_until(&mut self, chunk: &Chunk, end: Position, effects: &mut Effects) -> Result<()> {
        effects.clear();
        let (mut live_records, mut recorded_alerts) = (0, 0);
        {
            let mut pipeline = self.pipeline.lock();
            let records = chunk
                .records()
                .skip_while(|record| record.position < self.place.position);
            for record in records.take_while(|record| record.position < end) {
                let position = record.position;
                match &record.content {
                    Ok(message) => pipeline.on_message(position, message, effects),
                    Err(corrupt) => {
                        let (reason, position) = (corrupt.reason, position.0);
                        error!(position, reason, "corrupt journal record");
                        pipeline.on_corrupt(record.position, reason, corrupt.bytes, effects);
                    }
                }
                live_records += u64::from(position >= self.place.live_from);
                if position < self.place.alerts_recorded {
                    recorded_alerts = effects.alerts.len();
                }
            }
            // At once: alerts do not wait for a disk.
            for alert in &effects.alerts[recorded_alerts..] {
                self.notifier.publish_unless_withheld(alert);
            }
            let Signals {
                counters,
                events,
                pace,
                unused_times,
                processed_waiters,
                ..
            } = &self.signals;
            counters.record_chunk(
                pipeline.counts(),
                effects.batch.rows.readings(),
                live_records,
            );
            events.publish(pipeline.engine(), &effects.batch, &effects.alerts);
            pace.record(pipeline.engine(), &effects.batch);
            unused_times.record(pipeline.engine(), &effects.batch);
            processed_waiters.resolve(end, &effects.processed);
        }
        self.place.position = end;
        self.hand_over(effects)?;
        self.publish_position();
        Ok(())
    }

    /// Shows the position to the watchdog.
    fn publish_position(&self) {
        let processed = &self.signals.processed;
        processed.store(self.place.position.0, Ordering::Release);
    }

    /// Gives the workers their parts. Blocks while a queue is full.
    fn hand_over(&mut self, effects: &mut Effects) -> Result<()> {
        let position = self.place.position;
        if !effects.batch.rows.is_empty() {
            let spare = self.queues.spare_rows.try_recv().unwrap_or_default();
            let rows = std::mem::replace(&mut effects.batch.rows, spare);
            self.store(StoreCommand::Rows(rows))?;
        }
        if !effects.alerts.is_empty() || !effects.quarantined.is_empty() {
            self.record(RecorderCommand::Record {
                position,
                alerts: std::mem::take(&mut effects.alerts),
                quarantined: std::mem::take(&mut effects.quarantined),
            })?;
        }
        if !effects.shadow_updates.is_empty() {
            let updates = std::mem::take(&mut effects.shadow_updates);
            self.update_shadows(ShadowCommand::Updates { position, updates })?;
        }
        Ok(())
    }

    /// Sends the snapshot down the same queues as the effects before it: the
    /// store worker commits it once every worker is durable up to its position.
    fn checkpoint(&mut self) -> Result<()> {
        let position = self.place.position;
        let snapshot = self.pipeline.lock().snapshot(self.configs.number());
        let snapshot = snapshot.encode();
        self.signals.checkpointing.store(true, Ordering::Release);
        self.record(RecorderCommand::Barrier(position))?;
        self.update_shadows(ShadowCommand::Barrier(position))?;
        self.store(StoreCommand::Checkpoint { position, snapshot })
    }

    fn store(&self, command: StoreCommand) -> Result<()> {
        let sent = self.queues.rows.send(command);
        sent.context("the store worker has ended")
    }

    fn record(&self, command: RecorderCommand) -> Result<()> {
        let sent = self.queues.recorder.send(command);
        sent.context("the recorder has ended")
    }

    fn update_shadows(&self, command: ShadowCommand) -> Result<()> {
        let sent = self.queues.shadows.send(command);
        sent.context("the shadow worker has ended")
    }
}
