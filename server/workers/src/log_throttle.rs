//! When to log of something that is tried again and again: the first time, and
//! then once a minute. A full disk is not helped by a line per second.

use std::time::{Duration, Instant};

const EVERY: Duration = Duration::from_secs(60);

/// One series of failures.
#[derive(Debug, Default)]
pub(crate) struct LogThrottle {
    logged: Option<Instant>,
}

impl LogThrottle {
    /// True when this failure is to be logged.
    pub(crate) fn is_due(&mut self) -> bool {
        let is_due = self.logged.is_none_or(|logged| logged.elapsed() >= EVERY);
        if is_due {
            self.logged = Some(Instant::now());
        }
        is_due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_failure_is_told_and_the_next_ones_are_not() {
        let mut log_throttle = LogThrottle::default();
        assert_eq!(
            [log_throttle.is_due(), log_throttle.is_due()],
            [true, false]
        );
        log_throttle.logged = Instant::now().checked_sub(EVERY);
        assert!(log_throttle.is_due());
    }
}
