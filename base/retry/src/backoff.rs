//! Exponential back-off with jitter.
//!
//! Delays double from the first to the longest. Each is cut by a random part of up
//! to one half, so that what failed together does not return in step.

use std::time::Duration;

/// The delays between the attempts of one series.
#[derive(Clone, Debug)]
pub struct Backoff {
    first: Duration,
    longest: Duration,
    /// The next delay, before jitter.
    next: Duration,
}

impl Backoff {
    pub const fn new(first: Duration, longest: Duration) -> Self {
        Self {
            first,
            longest,
            next: first,
        }
    }

    /// The delay before the next attempt: half to all of the doubled delay.
    pub fn delay(&mut self) -> Duration {
        let delay = self.next;
        self.next = delay.saturating_mul(2).min(self.longest);
        delay.mul_f64(rand::random_range(0.5..=1.0))
    }

    /// Starts over with the first delay, after a success.
    pub fn reset(&mut self) {
        self.next = self.first;
    }

    /// Continues the series within other bounds: for failures of another kind, such
    /// as a wrong password, that only a person can fix.
    pub fn set_bounds(&mut self, first: Duration, longest: Duration) {
        (self.first, self.longest) = (first, longest);
        self.next = self.next.clamp(first, longest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: Duration = Duration::from_millis(100);
    const LONGEST: Duration = Duration::from_secs(30);

    #[track_caller]
    fn near(delay: Duration, full: Duration) {
        assert!(delay >= full / 2 && delay <= full, "{delay:?} of {full:?}");
    }

    #[test]
    fn delays_double_up_to_the_longest() {
        let mut backoff = Backoff::new(FIRST, LONGEST);
        for n in 0..20_u32 {
            near(backoff.delay(), (FIRST * 2_u32.pow(n.min(16))).min(LONGEST));
        }
    }

    #[test]
    fn a_success_starts_over() {
        let mut backoff = Backoff::new(FIRST, LONGEST);
        for _ in 0..20 {
            backoff.delay();
        }
        backoff.reset();
        near(backoff.delay(), FIRST);
    }

    #[test]
    fn other_bounds_apply_from_the_next_delay_on() {
        let mut backoff = Backoff::new(FIRST, LONGEST);
        near(backoff.delay(), FIRST);
        let (first, longest) = (Duration::from_secs(5), Duration::from_secs(60));
        backoff.set_bounds(first, longest);
        near(backoff.delay(), first);
        near(backoff.delay(), 2 * first);
        backoff.set_bounds(FIRST, LONGEST);
        near(backoff.delay(), 4 * first);
        near(backoff.delay(), LONGEST);
    }
}
