//! The retry loop of workers whose work must not be lost: until it succeeds or
//! Weir stops, with one line per minute in the log and a reason for `/readyz`.

use std::fmt::Display;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use tracing::error;
use weir_retry::{Failure, until_stopped};

use crate::health::Health;

/// Pause between two attempts.
const RETRY: Duration = Duration::from_secs(1);

/// What a worker insists on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Insist<'w> {
    pub(crate) stop: &'w AtomicBool,
    pub(crate) health: &'w Health,
    /// The key in `/readyz`.
    pub(crate) component: &'w str,
}

impl Insist<'_> {
    /// The result of `action`; `None` when Weir stops before it succeeds. `failure`
    /// is what the log and `/readyz` report of a failed attempt, such as `cannot
    /// record`.
    pub(crate) fn on<T, E: Display>(
        self,
        failure: &str,
        action: impl FnMut() -> Result<T, E>,
    ) -> Option<T> {
        let component = self.component;
        let mut has_failed = false;
        let report = |error: &E, Failure { is_due, .. }| {
            has_failed = true;
            if is_due {
                error!(component, %error, "{failure}; trying again");
            }
            self.health.set(component, format!("{failure}: {error}"));
        };
        let value = until_stopped(self.stop, RETRY, action, report).ok()?;
        if has_failed {
            self.health.clear(component);
        }
        Some(value)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;

    use super::*;

    #[test]
    fn a_stop_ends_the_attempts_and_leaves_the_reason() {
        let (stop, health) = (AtomicBool::new(true), Health::default());
        let insist = Insist {
            stop: &stop,
            health: &health,
            component: "alarms",
        };
        let failed = insist.on("cannot record", || Err::<(), _>("disk full"));
        assert_eq!(failed, None);
        assert_eq!(health.reasons()["alarms"], "cannot record: disk full");
    }

    #[test]
    fn a_success_after_a_failure_clears_the_reason() {
        let (stop, health) = (AtomicBool::new(false), Health::default());
        let insist = Insist {
            stop: &stop,
            health: &health,
            component: "alarms",
        };
        let mut attempts = 0;
        let value = insist.on("cannot record", || {
            attempts += 1;
            // So that the pause before the second attempt ends at once.
            stop.store(true, Ordering::Release);
            if attempts == 1 {
                return Err("disk full");
            }
            assert_eq!(health.reasons()["alarms"], "cannot record: disk full");
            Ok(attempts)
        });
        assert_eq!(value, Some(2));
        assert!(health.reasons().is_empty());
    }
}
