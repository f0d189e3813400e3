//! Refused requests, counted and logged as security events. A client cannot fill
//! the log with them.

use std::sync::atomic::{AtomicU64, Ordering};

use tracing::warn;
use weir_retry::LogThrottle;

/// Longest piece of a caller's text in the log, in characters.
const MAX_SHOWN: usize = 200;

/// Refusals of the HTTP interface since the start.
#[derive(Debug)]
pub(crate) struct AuthRefusals {
    throttle: LogThrottle,
    count: AtomicU64,
}

impl Default for AuthRefusals {
    fn default() -> Self {
        Self {
            throttle: LogThrottle::per_second(),
            count: AtomicU64::new(0),
        }
    }
}

impl AuthRefusals {
    /// `what` was refused: credentials, or a request of somebody known.
    pub(crate) fn record(&self, what: &'static str, client: &str, target: &str) {
        self.count.fetch_add(1, Ordering::Relaxed);
        let Some(suppressed) = self.throttle.admit() else {
            return;
        };
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
