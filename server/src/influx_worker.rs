//! The InfluxDB sink: a second, independent reader of the journal.
//!
//! It decodes and validates for itself and keeps a position of its own, so an
//! InfluxDB that is down or slow costs nothing but time: the journal holds what
//! it has not taken. Lines carry the reading's own time, so writing a batch
//! again after a lost response changes nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::SyncSender;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use tracing::{info, warn};
use weir_config::Config;
use weir_functions::{Batch, Engine};
use weir_journal::{Journal, JournalReader};
use weir_model::{Door, Position, QuarantineReason};
use weir_store::{InfluxSink, QuarantineEntry, SinkError, encode_lines};

use crate::effects_worker::EffectsCommand;
use crate::health::Health;
use crate::store_worker::now;

/// The name under which the sink's position stands in the journal.
pub(crate) const INFLUX_CONSUMER: &str = "influxdb";
const IDLE: Duration = Duration::from_millis(100);
const RETRY_FIRST: Duration = Duration::from_millis(250);
const RETRY_LAST: Duration = Duration::from_secs(30);

pub(crate) struct InfluxWorker {
    pub(crate) sink: InfluxSink,
    pub(crate) config: Config,
    pub(crate) journal: Arc<dyn Journal>,
    pub(crate) effects: SyncSender<EffectsCommand>,
    pub(crate) health: Arc<Health>,
    pub(crate) written: Arc<AtomicU64>,
    pub(crate) stop: Arc<AtomicBool>,
}

impl InfluxWorker {
    pub(crate) fn run(self) -> Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let mut engine = Engine::new(&Config {
            functions: Vec::new(),
            ..self.config.clone()
        });
        let start = self.journal.start();
        let mut position = self
            .journal
            .consumer(INFLUX_CONSUMER)
            .unwrap_or(start)
            .max(start);
        info!(
            position = position.0,
            "the InfluxDB sink reads the journal from here"
        );
        let mut reader = self
            .journal
            .reader(position)
            .context("the InfluxDB sink cannot read")?;
        while !self.stop.load(Ordering::Acquire) {
            let (lines, readings, end) = self.gather(&mut engine, reader.as_mut(), position)?;
            if end == position {
                continue;
            }
            if !self.write(&runtime, &lines, end) {
                break;
            }
            self.written.fetch_add(readings, Ordering::Relaxed);
            position = end;
            self.journal.commit_consumer(INFLUX_CONSUMER, position)?;
        }
        Ok(())
    }

    /// Lines of as many messages as a batch holds or came within its interval.
    fn gather(
        &self,
        engine: &mut Engine,
        reader: &mut dyn JournalReader,
        from: Position,
    ) -> Result<(String, u64, Position)> {
        let config = self
            .config
            .influxdb
            .as_ref()
            .context("the sink runs without a config")?;
        let (mut lines, mut readings, mut end) = (String::new(), 0, from);
        let mut batch = Batch::default();
        let mut begun: Option<Instant> = None;
        while readings < config.batch_lines as u64
            && begun.is_none_or(|begun| begun.elapsed() < config.batch_interval)
            && !self.stop.load(Ordering::Acquire)
        {
            let wait = if begun.is_some() {
                IDLE.min(config.batch_interval)
            } else {
                IDLE
            };
            let Some(chunk) = reader.next(wait)? else {
                continue;
            };
            begun.get_or_insert_with(Instant::now);
            batch.clear();
            for record in chunk.records() {
                if let Ok(message) = &record.content {
                    engine.on_message(record.position, message, &mut batch);
                }
            }
            encode_lines(
                &batch.rows,
                engine.catalog(),
                &config.measurement,
                &mut lines,
            );
            readings += batch.rows.readings();
            end = chunk.end();
        }
        Ok((lines, readings, end))
    }

    /// Writes until InfluxDB has it; false when Weir stops first.
    fn write(&self, runtime: &tokio::runtime::Runtime, lines: &str, end: Position) -> bool {
        if lines.is_empty() {
            return true;
        }
        if let Err(error) = self.journal.wait_committed(end) {
            warn!(%error, "the InfluxDB sink stops");
            return false;
        }
        let mut pause = RETRY_FIRST;
        loop {
            match runtime.block_on(self.sink.write_batch(lines)) {
                Ok(rejected) => {
                    self.health.clear(INFLUX_CONSUMER);
                    self.quarantine(end, rejected);
                    return true;
                }
                Err(error) => {
                    let wait = match &error {
                        SinkError::Retry {
                            after: Some(after), ..
                        } => *after,
                        _ => pause,
                    };
                    warn!(%error, wait_ms = wait.as_millis() as u64, "InfluxDB does not take the batch");
                    self.health.set(
                        INFLUX_CONSUMER,
                        format!("InfluxDB does not take data: {error}"),
                    );
                    if self.sleep(wait) {
                        return false;
                    }
                    pause = (pause * 2).min(RETRY_LAST);
                }
            }
        }
    }

    /// True when Weir stops meanwhile.
    fn sleep(&self, wait: Duration) -> bool {
        let until = Instant::now() + wait;
        while Instant::now() < until {
            if self.stop.load(Ordering::Acquire) {
                return true;
            }
            std::thread::sleep(IDLE.min(until - Instant::now()));
        }
        false
    }

    fn quarantine(&self, position: Position, rejected: Vec<(String, String)>) {
        if rejected.is_empty() {
            return;
        }
        let quarantined = rejected
            .into_iter()
            .enumerate()
            .map(|(nth, (line, reason))| QuarantineEntry {
                position,
                reading: Some(nth as u32),
                reason: QuarantineReason::StoreRejected,
                detail: format!("InfluxDB: {reason}"),
                topic: String::new(),
                client: String::new(),
                door: Door::Source,
                received: now(),
                retained: false,
                replayed: None,
                payload_bytes: line.len() as u64,
                payload: line.into_bytes(),
            })
            .collect();
        let command = EffectsCommand::Record {
            position,
            alerts: Vec::new(),
            quarantined,
        };
        if self.effects.send(command).is_err() {
            warn!("lines that InfluxDB rejected are not in the quarantine: Weir is stopping");
        }
    }
}
