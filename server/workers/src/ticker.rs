//! Lets time pass in the journal while no message does, so that absence is noticed
//! and changed devices are reported into their shadows, and a replay does both at
//! the same positions.
//!
//! A function that notices absence gets a tick every five seconds. Reports get
//! one when they are due and no record brings their time: not while the pipeline
//! still has records to read. A tick that the journal does not accept is left
//! out: a full journal stops time as it stops messages, and the functions then
//! excuse everybody.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;
use weir_journal::Journal;
use weir_model::{Timestamp, tick};

use crate::pipeline_worker::SharedPipeline;

/// As the functions that notice absence expect it.
const ABSENCE_INTERVAL: Duration = Duration::from_secs(5);
/// How often it looks whether reports are due.
const LOOK: Duration = Duration::from_millis(50);

/// Appends ticks.
pub(crate) struct Ticker {
    pub(crate) journal: Arc<dyn Journal>,
    pub(crate) pipeline: SharedPipeline,
    /// The position of the pipeline.
    pub(crate) processed: Arc<AtomicU64>,
}

impl Ticker {
    /// Ticks until `shutdown`.
    pub(crate) async fn run(self, shutdown: CancellationToken) {
        let mut last: Option<Instant> = None;
        loop {
            let is_time = last.is_none_or(|last| last.elapsed() >= ABSENCE_INTERVAL);
            if is_time && self.pipeline.lock().wants_ticks() || self.reports_wait() {
                last = Some(Instant::now());
                // The next one is soon enough.
                let _ = self.journal.append(&[tick(Timestamp::now())], None);
            }
            let waited = shutdown.run_until_cancelled(tokio::time::sleep(LOOK));
            if waited.await.is_none() {
                return;
            }
        }
    }

    /// Reports are due, and no record is left to make them.
    fn reports_wait(&self) -> bool {
        if !self.pipeline.lock().reports_wait(Timestamp::now()) {
            return false;
        }
        let processed = self.processed.load(Ordering::Acquire);
        processed >= self.journal.status().written.0
    }
}
