//! How long to wait before the next attempt to connect.
//!
//! rumqttc itself never waits: a broker that refuses would be asked hundreds
//! of thousands of times. Delays double from 100 ms to 30 s, each cut by a
//! random part of up to one half, so that a fleet of clients does not return
//! in step.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(30);
/// A connection that held for so long was a good one: the next loss starts over.
const STABLE: Duration = Duration::from_secs(10);

/// See the module.
#[derive(Debug)]
pub(crate) struct Backoff {
    /// Before jitter.
    next: Duration,
}

impl Backoff {
    pub(crate) const fn new() -> Self {
        Self { next: FIRST }
    }

    /// The delay after an attempt that got no connection (`None`) or one that
    /// was lost after so long.
    pub(crate) fn delay(&mut self, connected_for: Option<Duration>) -> Duration {
        if connected_for.is_some_and(|held| held >= STABLE) {
            self.next = FIRST;
        }
        let delay = self.next;
        self.next = (delay * 2).min(LONGEST);
        delay.mul_f64(rand::random_range(0.5..=1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_up_to_half_a_minute_and_a_short_connection_does_not_reset_them() {
        let mut backoff = Backoff::new();
        for n in 0..20 {
            let full = (FIRST * 2_u32.pow(n.min(16))).min(LONGEST);
            let delay = backoff.delay((n % 2 == 0).then_some(STABLE / 2));
            assert!(delay >= full / 2 && delay <= full, "attempt {n}: {delay:?}");
        }
    }

    #[test]
    fn a_stable_connection_starts_over() {
        let mut backoff = Backoff::new();
        for _ in 0..20 {
            backoff.delay(None);
        }
        assert!(backoff.delay(Some(STABLE)) <= FIRST);
    }
}
