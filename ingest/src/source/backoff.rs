//! How long to wait before the next attempt to connect.
//!
//! rumqttc itself never waits: a broker that refuses would be asked hundreds of
//! thousands of times.

use std::time::Duration;

use weir_retry::Backoff;

const FIRST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(30);
/// A connection that lasted this long was a good one: the next loss starts over.
const STABLE: Duration = Duration::from_secs(10);

/// The delays between the connections of one client.
#[derive(Debug)]
pub(super) struct ReconnectBackoff(Backoff);

impl ReconnectBackoff {
    pub(super) const fn new() -> Self {
        Self(Backoff::new(FIRST, LONGEST))
    }

    /// The delay after an attempt without a connection (`None`), or after a
    /// connection that lasted this long.
    pub(super) fn delay(&mut self, connected_for: Option<Duration>) -> Duration {
        if connected_for.is_some_and(|lasted| lasted >= STABLE) {
            self.0.reset();
        }
        self.0.delay()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_up_to_half_a_minute_and_a_short_connection_does_not_reset_them() {
        let mut backoff = ReconnectBackoff::new();
        for n in 0..20 {
            let full = (FIRST * 2_u32.pow(n.min(16))).min(LONGEST);
            let delay = backoff.delay((n % 2 == 0).then_some(STABLE / 2));
            assert!(delay >= full / 2 && delay <= full, "attempt {n}: {delay:?}");
        }
    }

    #[test]
    fn a_stable_connection_starts_over() {
        let mut backoff = ReconnectBackoff::new();
        for _ in 0..20 {
            backoff.delay(None);
        }
        assert!(backoff.delay(Some(STABLE)) <= FIRST);
    }
}
