//! The pipeline: one thread that reads the journal, runs the pure functions on
//! each message in order, and hands what they decided to the workers.
//!
//! ```text
//!  journal ──chunk──▶ engine (decode, validate, detect) ──verdicts──▶ alarms
//!                        │ rows        │ quarantined       │ alerts
//!                        ▼             ▼                   ▼
//!                   store worker   effects worker ◀── notifier ──▶ outlets
//!                        shadow requests, changed devices ──▶ shadow worker
//! ```
//!
//! Live messages, the replay after a crash and catching up from disk are this
//! one code path: only where the chunk's bytes come from differs. Every queue's
//! capacity stands at the top of this file; when one is full the pipeline waits,
//! and the journal holds what comes meanwhile.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use parking_lot::Mutex;
use tracing::{error, info};
use weir_alerts::SlotNames;
use weir_config::Config;
use weir_functions::{Batch, Engine};
use weir_ingest::Intake;
use weir_journal::{Chunk, JournalReader, ReadError};
use weir_model::{Alert, Message, Position, RowBatch, Verdict};
use weir_store::{EmbeddedStore, QuarantineEntry};

use crate::config_history::ConfigCursor;
use crate::core::Core;
use crate::effects_worker::EffectsCommand;
use crate::flow::Flow;
use crate::live::Live;
use crate::notifier::Notifier;
use crate::shadow_worker::{ShadowCommand, ShadowRequest, reports};
use crate::snapshot::Snapshot;
use crate::store_worker::StoreCommand;
use crate::waiters::{Processed, Waiters};

/// Batches of rows that wait for the store worker; a batch is a journal chunk,
/// at most about 1 MiB of messages.
pub(crate) const STORE_QUEUE: usize = 64;
/// Commands that wait for the effects worker.
pub(crate) const EFFECTS_QUEUE: usize = 256;
/// Commands that wait for the shadow worker.
pub(crate) const SHADOW_QUEUE: usize = 64;
/// How long an idle pipeline sleeps before it looks at its timers.
const IDLE: Duration = Duration::from_millis(100);

/// Everything the pipeline thread works with.
pub(crate) struct Pipeline {
    pub(crate) core: Arc<Mutex<Core>>,
    pub(crate) reader: Box<dyn JournalReader>,
    /// Which configuration decides about which message.
    pub(crate) configs: ConfigCursor,
    /// As the configuration in force has it, not as the doors have it now.
    pub(crate) intake: Intake,
    pub(crate) store: Arc<EmbeddedStore>,
    pub(crate) rows: SyncSender<StoreCommand>,
    /// Emptied batches come back to be filled again.
    pub(crate) spare_rows: Receiver<RowBatch>,
    pub(crate) effects: SyncSender<EffectsCommand>,
    pub(crate) shadows: SyncSender<ShadowCommand>,
    pub(crate) notifier: Notifier,
    /// Alerts of messages before it are recorded already: they are in the
    /// outbox if they still have to go out.
    pub(crate) alerts_recorded: Position,
    pub(crate) flow: Arc<Flow>,
    pub(crate) waiters: Arc<Waiters>,
    pub(crate) live: Arc<Live>,
    pub(crate) cadence: Cadence,
    /// Everything before it has been processed.
    pub(crate) position: Position,
    /// The same, for the watchdog.
    pub(crate) processed: Arc<AtomicU64>,
    /// Where this process began to append: what lies before is replay.
    pub(crate) live_from: Position,
    /// The alarm store was compared with the alarms that the replay left open.
    pub(crate) reconciled: bool,
    /// The next checkpoint does not wait for its time.
    pub(crate) checkpoint_due: bool,
    pub(crate) stop: Arc<AtomicBool>,
    /// Set while a checkpoint is under way.
    pub(crate) checkpointing: Arc<AtomicBool>,
}

/// When the pipeline does what is not done per message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cadence {
    pub(crate) shadow_interval: Duration,
    pub(crate) flush_interval: Duration,
    pub(crate) flush_readings: usize,
}

impl Cadence {
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            shadow_interval: config.shadows.interval,
            flush_interval: config.embedded_store.flush_interval,
            flush_readings: config.embedded_store.flush_readings,
        }
    }
}

/// What one chunk amounted to besides the batch.
#[derive(Debug, Default)]
struct ChunkWork {
    messages: u64,
    live_messages: u64,
    shadow_requests: Vec<ShadowRequest>,
    quarantined: Vec<QuarantineEntry>,
    alerts: Vec<Alert>,
}

impl Pipeline {
    /// Runs until it is told to stop and has caught up, or a worker is gone.
    pub(crate) fn run(mut self) -> Result<()> {
        self.processed.store(self.position.0, Ordering::Release);
        let mut batch = Batch::default();
        let mut last_reports = Instant::now();
        let mut last_checkpoint = Instant::now();
        let mut checkpointed = self.position;
        loop {
            let stopping = self.stop.load(Ordering::Acquire);
            let wait = if stopping {
                Duration::ZERO
            } else {
                IDLE.min(self.cadence.shadow_interval)
            };
            match self.reader.next(wait) {
                Ok(Some(chunk)) => self.process(&chunk, &mut batch)?,
                Ok(None) if stopping => break,
                Ok(None) => self.reconfigure()?,
                Err(ReadError::Closed) => break,
                Err(error) => return Err(error).context("the pipeline cannot read the journal"),
            }
            if last_reports.elapsed() >= self.cadence.shadow_interval {
                last_reports = Instant::now();
                self.report_changed_devices()?;
            }
            if !self.reconciled && self.position >= self.live_from {
                self.reconcile()?;
            }
            let due = self.store.buffered() >= self.cadence.flush_readings
                || last_checkpoint.elapsed() >= self.cadence.flush_interval;
            let due = self.checkpoint_due || due && self.position > checkpointed;
            if due && !self.checkpointing.load(Ordering::Acquire) {
                self.checkpoint_due = false;
                last_checkpoint = Instant::now();
                checkpointed = self.position;
                self.checkpoint()?;
            }
        }
        info!(
            position = self.position.0,
            "the pipeline has caught up and stops"
        );
        self.report_changed_devices()?;
        self.checkpoint()
    }

    /// Everything in the chunk, each part of it under the configuration that is
    /// in force there.
    fn process(&mut self, chunk: &Chunk, batch: &mut Batch) -> Result<()> {
        self.reconfigure()?;
        while let Some(change) = self.configs.next_change()
            && change < chunk.end()
        {
            if change > self.position {
                self.process_until(chunk, change, batch)?;
            }
            self.reconfigure()?;
        }
        self.process_until(chunk, chunk.end(), batch)?;
        self.reconfigure()
    }

    /// Takes on the configurations that are in force at the position.
    fn reconfigure(&mut self) -> Result<()> {
        while let Some(config) = self.configs.advance(self.position) {
            let cleared = self.core.lock().reconfigure(&config);
            self.intake = Intake::new(&config);
            self.cadence = Cadence::new(&config);
            self.checkpoint_due = true;
            let position = self.position;
            info!(
                position = position.0,
                functions = config.functions.len(),
                cleared = cleared.len(),
                "the configuration is in force"
            );
            if cleared.is_empty() {
                continue;
            }
            let core = self.core.lock();
            self.live.publish(&core.engine, &Batch::default(), &cleared);
            drop(core);
            let alerts = cleared;
            self.effects
                .send(EffectsCommand::Cleared { position, alerts })
                .context("the effects worker is gone")?;
        }
        Ok(())
    }

    /// The replay is over: what it left open is what the alarm store has to have
    /// open. It has, unless another program or configuration decided before.
    fn reconcile(&mut self) -> Result<()> {
        self.reconciled = true;
        let open = self.core.lock().alarms.all_active().cloned().collect();
        let position = self.position;
        self.effects
            .send(EffectsCommand::Reconcile { position, open })
            .context("the effects worker is gone")
    }

    /// The messages of the chunk before `end`, from where the pipeline stands.
    fn process_until(&mut self, chunk: &Chunk, end: Position, batch: &mut Batch) -> Result<()> {
        batch.clear();
        let mut work = ChunkWork::default();
        {
            let mut core = self.core.lock();
            let records = chunk.records();
            let records = records.skip_while(|record| record.position < self.position);
            for record in records.take_while(|record| record.position < end) {
                work.messages += 1;
                work.live_messages += u64::from(record.position >= self.live_from);
                match &record.content {
                    Ok(message) => {
                        self.on_message(
                            &mut core.engine,
                            record.position,
                            message,
                            batch,
                            &mut work,
                        );
                    }
                    Err(corrupt) => {
                        error!(
                            position = record.position.0,
                            reason = corrupt.reason,
                            "corrupt journal record"
                        );
                        core.engine
                            .on_corrupt(record.position, corrupt.reason, batch);
                        keep_rejected(batch, None, corrupt.bytes, &mut work.quarantined);
                    }
                }
            }
            let Core { engine, alarms } = &mut *core;
            for verdict in &batch.verdicts {
                if let Some(alert) = alarms.on_verdict(verdict, || names(engine, verdict)) {
                    work.alerts.push(alert.clone());
                    if verdict.position >= self.alerts_recorded {
                        self.notifier.publish_unless_withheld(alert);
                    }
                }
            }
            self.live.publish(engine, batch, &work.alerts);
            self.waiters
                .resolve(end, |position| outcome(engine, batch, position));
        }
        self.position = end;
        self.hand_over(batch, work)?;
        self.processed.store(self.position.0, Ordering::Release);
        Ok(())
    }

    fn on_message(
        &self,
        engine: &mut Engine,
        position: Position,
        message: &Message<'_>,
        batch: &mut Batch,
        work: &mut ChunkWork,
    ) {
        if message.topic.starts_with(self.intake.shadow_prefix())
            && self.intake.is_shadow_request(message.topic)
        {
            work.shadow_requests
                .push(ShadowRequest::new(position, message));
            return;
        }
        let rejected = batch.quarantined.len();
        engine.on_message(position, message, batch);
        if batch.quarantined.len() > rejected {
            keep_rejected(batch, Some(message), message.payload, &mut work.quarantined);
        }
    }

    /// Gives the workers their parts. Blocks while a queue is full.
    fn hand_over(&mut self, batch: &mut Batch, work: ChunkWork) -> Result<()> {
        let shadow_requests = work.shadow_requests.len() as u64;
        self.flow
            .record_batch(batch, work.messages, work.live_messages, shadow_requests);
        if !batch.rows.is_empty() {
            let spare = self.spare_rows.try_recv().unwrap_or_default();
            let rows = std::mem::replace(&mut batch.rows, spare);
            self.rows
                .send(StoreCommand::Rows(rows))
                .context("the store worker is gone")?;
        }
        if !work.alerts.is_empty() || !work.quarantined.is_empty() {
            let command = EffectsCommand::Record {
                position: self.position,
                alerts: work.alerts,
                quarantined: work.quarantined,
            };
            self.effects
                .send(command)
                .context("the effects worker is gone")?;
        }
        if !work.shadow_requests.is_empty() {
            let requests = ShadowCommand::Requests {
                position: self.position,
                requests: work.shadow_requests,
            };
            self.shadows
                .send(requests)
                .context("the shadow worker is gone")?;
        }
        Ok(())
    }

    fn report_changed_devices(&mut self) -> Result<()> {
        let reports = {
            let mut core = self.core.lock();
            reports(&mut core)
        };
        if reports.is_empty() {
            return Ok(());
        }
        self.shadows
            .send(ShadowCommand::Reports(reports))
            .context("the shadow worker is gone")
    }

    /// Sends the snapshot down the same queues as the effects it goes with: the
    /// store worker commits it once every worker is durable up to its position.
    fn checkpoint(&mut self) -> Result<()> {
        let position = self.position;
        let snapshot = {
            let core = self.core.lock();
            let snapshot = Snapshot {
                engine: core.engine.snapshot(),
                alarms: core.alarms.snapshot(),
                counts: self.flow.counts(),
                config: self.configs.number(),
                tallies: core.engine.tallies(),
            };
            snapshot.encode()
        };
        self.checkpointing.store(true, Ordering::Release);
        self.effects
            .send(EffectsCommand::Barrier(position))
            .context("the effects worker is gone")?;
        self.shadows
            .send(ShadowCommand::Barrier(position))
            .context("the shadow worker is gone")?;
        let command = StoreCommand::Checkpoint { position, snapshot };
        self.rows.send(command).context("the store worker is gone")
    }
}

/// Copies what was rejected out of the chunk. A message's bytes are kept with
/// its first rejected reading only, so that a message of many bad readings does
/// not multiply.
fn keep_rejected(
    batch: &Batch,
    message: Option<&Message<'_>>,
    payload: &[u8],
    into: &mut Vec<QuarantineEntry>,
) {
    for (nth, rejected) in batch.quarantined[into.len()..].iter().enumerate() {
        let payload = if nth == 0 { payload } else { &[] };
        into.push(QuarantineEntry::new(rejected, message, payload));
    }
}

pub(crate) fn names(engine: &Engine, verdict: &Verdict) -> SlotNames {
    let slot = engine.slot(verdict.slot);
    let location = engine.catalog().location(verdict.location);
    SlotNames {
        device: slot.device.into(),
        sensor: slot.sensor.into(),
        unit: slot.unit.map(Into::into),
        function: slot.function.into(),
        location: (!location.is_empty()).then(|| location.to_string()),
        said: engine.said(verdict).map(Into::into),
    }
}

/// The answer of `?wait=processed`: how many readings of the message were taken
/// and how many of them are anomalous.
fn outcome(engine: &Engine, batch: &Batch, position: Position) -> Processed {
    let rows = batch
        .rows
        .rows
        .iter()
        .filter(|row| row.position == position);
    let (mut processed, mut timestamp) = (0, None);
    for row in rows {
        processed += u64::from(row.cell_count);
        timestamp = timestamp.max(Some(row.time));
    }
    let beyond = |v: &&Verdict| v.position == position && v.level.is_some();
    let mut sensors: Vec<_> = batch
        .verdicts
        .iter()
        .filter(beyond)
        .map(|verdict| (verdict.time, engine.slot(verdict.slot).sensor))
        .collect();
    sensors.sort_unstable();
    sensors.dedup();
    Processed {
        processed,
        alerts: sensors.len() as u64,
        timestamp,
    }
}
