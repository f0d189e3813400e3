//! Refused requests, counted and logged as security events. A client cannot fill
//! the log with them.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use tracing::warn;

/// Longest piece of a caller's text in the log, in characters.
const MAX_SHOWN: usize = 200;

/// AuthRefusals of the HTTP interface since the start.
#[derive(Debug)]
pub(crate) struct AuthRefusals {
    start: Instant,
    /// Seconds since `start`, plus one, of the last line in the log.
    last_line: AtomicU64,
    suppressed: AtomicU64,
    count: AtomicU64,
}

impl Default for AuthRefusals {
    fn default() -> Self {
        Self {
            start: Instant::now(),
            last_line: AtomicU64::new(0),
            suppressed: AtomicU64::new(0),
            count: AtomicU64::new(0),
        }
    }
}

impl AuthRefusals {
    /// `what` was refused: credentials, or a request of somebody known.
    pub(crate) fn record(&self, what: &'static str, client: &str, target: &str) {
        self.count.fetch_add(1, Ordering::Relaxed);
        let second = self.start.elapsed().as_secs() + 1;
        if self.last_line.swap(second, Ordering::Relaxed) == second {
            self.suppressed.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let suppressed = self.suppressed.swap(0, Ordering::Relaxed);
        let target: String = target.chars().take(MAX_SHOWN).collect();
        warn!(
            security = true,
            what,
            client,
            ?target,
            suppressed,
            "refused by HTTP"
        );
    }

    pub(crate) fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }
}
