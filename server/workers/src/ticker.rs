//! Lets time pass in the journal while no message does, so that functions notice
//! who says nothing, and a replay notices it at the same position.
//!
//! It ticks only while a function asks. A tick that the journal does not take is
//! left out: a full journal stops time as it stops messages, and the functions
//! then excuse everybody.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use weir_clock::now;
use weir_journal::Journal;
use weir_model::tick;

use crate::pipeline_worker::SharedPipeline;

/// As `functions/src/absence.rs` expects it.
const EVERY: Duration = Duration::from_secs(5);

/// Ticks until `shutdown`.
pub(crate) async fn run(
    journal: Arc<dyn Journal>,
    pipeline: SharedPipeline,
    shutdown: CancellationToken,
) {
    loop {
        if pipeline.lock().wants_ticks() {
            // The next one comes soon enough.
            let _ = journal.append(&[tick(now())], None);
        }
        let waited = shutdown.run_until_cancelled(tokio::time::sleep(EVERY));
        if waited.await.is_none() {
            return;
        }
    }
}
