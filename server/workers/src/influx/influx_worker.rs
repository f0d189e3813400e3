//! The InfluxDB sink: a second, independent reader of the journal.
//!
//! It decodes and validates for itself and keeps a position of its own, so an
//! InfluxDB that is down or slow costs nothing but time: the journal holds what
//! it has not taken. Lines carry the reading's own time, so writing a batch
//! again after a lost response changes nothing. The position moves only when
//! every line of a round is in InfluxDB or, durably, in the quarantine.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use tokio::runtime::Runtime;
use tracing::{info, warn};
use weir_auth::Access;
use weir_config::{Config, InfluxDb};
use weir_engine::Batch;
use weir_influxdb::{InfluxSink, LineBatch, RefusedLine, SinkError, Written, encode_lines};
use weir_journal::{Journal, JournalReader};
use weir_model::QuarantineEntry;
use weir_model::{Ingress, Position, QuarantineReason, Timestamp};
use weir_quarantine::Quarantine;
use weir_retry::sleep_unless_stopped;

use crate::configuration::config_history::ConfigHistory;
use crate::health::Health;
use crate::influx::influx_waits::Waits;
use crate::influx::row_reader::RowReader;
use crate::insist::Insist;

/// The name of the sink's position in the journal.
pub(crate) const INFLUX_CONSUMER: &str = "influxdb";
const IDLE: Duration = Duration::from_millis(100);

/// Counters for `/metrics`.
#[derive(Debug, Default)]
pub struct InfluxStats {
    /// Lines that InfluxDB took, one per reading.
    pub written: AtomicU64,
    /// Lines that it will never take: they are in the quarantine.
    pub refused: AtomicU64,
    /// Times that a round had to be written again.
    pub retries: AtomicU64,
}

pub(crate) struct InfluxWorker {
    pub(crate) sink: InfluxSink,
    pub(crate) config: Config,
    pub(crate) access: Access,
    pub(crate) history: Arc<ConfigHistory>,
    pub(crate) journal: Arc<dyn Journal>,
    pub(crate) quarantine: Arc<Quarantine>,
    pub(crate) health: Arc<Health>,
    pub(crate) stats: Arc<InfluxStats>,
    pub(crate) stop: Arc<AtomicBool>,
}

/// Lines on their way, and the position after the last of them.
struct Round {
    /// What is not written yet, by device.
    lanes: Vec<LineBatch>,
    lines: usize,
    end: Position,
}

impl InfluxWorker {
    pub(crate) fn run(mut self) -> Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let settings = self.config.influxdb.clone();
        let settings = settings.context("the sink runs without a config")?;
        let start = self.journal.start();
        let position = self
            .journal
            .consumer(INFLUX_CONSUMER)
            .unwrap_or(start)
            .max(start);
        info!(
            position = position.0,
            "the InfluxDB sink reads the journal from here"
        );
        let mut gatherer = Gatherer {
            rows: RowReader::new(self.history.resume(0, position), self.access.clone()),
            reader: self
                .journal
                .reader(position)
                .context("the InfluxDB sink cannot read")?,
            batch: Batch::default(),
            stop: self.stop.clone(),
            settings,
        };
        let lanes = gatherer.settings.parallel.max(1);
        let mut round = Round {
            lanes: vec![LineBatch::default(); lanes],
            lines: 0,
            end: position,
        };
        while !self.stop.load(Ordering::Acquire) {
            let before = round.end;
            round.lines = 0;
            gatherer.gather(&mut round, IDLE)?;
            if round.end == before {
                continue;
            }
            if !self.write(&runtime, &mut gatherer, &mut round)? {
                break;
            }
            self.journal.commit_consumer(INFLUX_CONSUMER, round.end)?;
        }
        Ok(())
    }

    /// Writes until InfluxDB has it; false when Weir stops first.
    fn write(
        &mut self,
        runtime: &Runtime,
        gatherer: &mut Gatherer,
        round: &mut Round,
    ) -> Result<bool> {
        let mut waits = Waits::default();
        let mut diagnosis = None;
        loop {
            if let Err(error) = self.journal.wait_committed(round.end) {
                warn!(%error, "the InfluxDB sink stops");
                return Ok(false);
            }
            join_small(&mut round.lanes, gatherer.settings.batch_lines);
            let stop = self.stop.clone();
            let writing = self.sink.write_lanes(&mut round.lanes);
            let Some(written) = runtime.block_on(unless_stopped(writing, &stop)) else {
                return Ok(false);
            };
            let Written {
                lines,
                refused,
                error,
            } = written;
            self.stats.written.fetch_add(lines, Ordering::Relaxed);
            if !self.quarantine(refused) {
                return Ok(false);
            }
            let Some(error) = error else {
                if waits.has_failed() {
                    info!("InfluxDB takes data again");
                }
                self.health.clear(INFLUX_CONSUMER);
                return Ok(true);
            };
            self.stats.retries.fetch_add(1, Ordering::Relaxed);
            let wait = waits.next(&error);
            let is_news = waits.is_news(&error);
            if is_news {
                diagnosis = match error {
                    SinkError::Retry { .. } => None,
                    _ => runtime
                        .block_on(unless_stopped(self.sink.diagnose(), &stop))
                        .flatten(),
                };
            }
            self.report(&error, diagnosis.as_deref(), wait, is_news);
            if sleep_unless_stopped(&self.stop, wait) {
                return Ok(false);
            }
            match error {
                SinkError::Auth { .. } => {
                    if let Err(error) = self.sink.reload_token() {
                        warn!(%error, "the token for InfluxDB cannot be read again");
                    }
                }
                // A single bad line may be all that there is: others show whether
                // the server takes any.
                SinkError::Refused { .. } => gatherer.gather(round, Duration::ZERO)?,
                _ => {}
            }
        }
    }

    /// By `/readyz` until it is over, and once in the log.
    fn report(&self, error: &SinkError, diagnosis: Option<&str>, wait: Duration, is_news: bool) {
        let diagnosis = diagnosis.map_or_else(String::new, |found| format!("; {found}"));
        if is_news {
            let wait_ms = wait.as_millis() as u64;
            warn!(%error, diagnosis, wait_ms, "InfluxDB does not take the batch");
        }
        let seconds = wait.as_secs_f64();
        let reason = format!(
            "InfluxDB does not take data: {error}{diagnosis}; tried again after {seconds:.1} s; the \
             journal holds it meanwhile"
        );
        self.health.set(INFLUX_CONSUMER, reason);
    }

    /// Keeps what InfluxDB refused, durably, before the position passes it; false
    /// when Weir stops first.
    fn quarantine(&self, refused: Vec<RefusedLine>) -> bool {
        let Some(last) = refused.iter().map(|line| line.position).max() else {
            return true;
        };
        let count = refused.len();
        let entries: Vec<_> = refused.into_iter().map(entry).collect();
        let insist = Insist {
            stop: &self.stop,
            health: &self.health,
            component: INFLUX_CONSUMER,
        };
        let recorded = insist.on("cannot quarantine what InfluxDB refused", || {
            self.quarantine.record(last, &entries)
        });
        if recorded.is_none() {
            return false;
        }
        self.stats
            .refused
            .fetch_add(count as u64, Ordering::Relaxed);
        true
    }
}

/// A reader of the journal that makes lines.
struct Gatherer {
    rows: RowReader,
    reader: Box<dyn JournalReader>,
    batch: Batch,
    stop: Arc<AtomicBool>,
    settings: InfluxDb,
}

impl Gatherer {
    /// Adds lines of as many messages as fit a round or come within its
    /// interval, which begins with the first; waits `patience` for that.
    fn gather(&mut self, round: &mut Round, patience: Duration) -> Result<()> {
        let Self {
            rows,
            reader,
            batch,
            stop,
            settings,
        } = self;
        let most = settings.batch_lines * settings.parallel.max(1);
        let mut begun: Option<Instant> = None;
        while round.lines < most
            && begun.is_none_or(|begun| begun.elapsed() < settings.batch_interval)
            && !stop.load(Ordering::Acquire)
        {
            let wait = match begun {
                Some(_) => patience.min(settings.batch_interval),
                None => patience,
            };
            let Some(chunk) = reader.next(wait)? else {
                if begun.is_none() || patience.is_zero() {
                    break;
                }
                continue;
            };
            begun.get_or_insert_with(Instant::now);
            batch.clear();
            rows.read(&chunk, batch);
            encode_lines(
                &batch.rows,
                rows.catalog(),
                &settings.mapping,
                &mut round.lanes,
            );
            round.lines += batch.rows.rows.len();
            round.end = chunk.end();
        }
        Ok(())
    }
}

/// What fits one request goes as one.
fn join_small(lanes: &mut [LineBatch], batch_lines: usize) {
    let lines: usize = lanes.iter().map(LineBatch::len).sum();
    if lines > batch_lines {
        return;
    }
    if let Some((first, others)) = lanes.split_first_mut() {
        others.iter_mut().for_each(|lane| first.append(lane));
    }
}

/// `None` when Weir stops before it is done.
async fn unless_stopped<T>(work: impl Future<Output = T>, stop: &AtomicBool) -> Option<T> {
    let stopped = async {
        while !stop.load(Ordering::Acquire) {
            tokio::time::sleep(IDLE).await;
        }
    };
    tokio::select! {
        done = work => Some(done),
        () = stopped => None,
    }
}

fn entry(refused: RefusedLine) -> QuarantineEntry {
    QuarantineEntry {
        position: refused.position,
        reading: Some(refused.reading),
        reason: QuarantineReason::StoreRejected,
        detail: format!("InfluxDB: {}", refused.reason),
        topic: String::new(),
        client: String::new(),
        ingress: Ingress::Source,
        received: Timestamp::now(),
        retained: false,
        replayed: None,
        payload_bytes: refused.line.len() as u64,
        payload: refused.line.into_bytes(),
    }
}
