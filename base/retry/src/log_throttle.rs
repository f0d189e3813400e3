//! At most so many lines of a kind per interval, so that neither a failure that
//! repeats nor a hostile client can fill the log.

use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// Admits the first lines of each interval and counts the others. An interval
/// begins with the first line that is admitted after the previous one.
#[derive(Debug)]
pub struct LogThrottle {
    interval: Duration,
    lines: u32,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    begun: Option<Instant>,
    admitted: u32,
    suppressed: u64,
}

impl LogThrottle {
    /// One line per `interval`.
    pub const fn new(interval: Duration) -> Self {
        Self::burst(1, interval)
    }

    /// `lines` lines per `interval`.
    pub const fn burst(lines: u32, interval: Duration) -> Self {
        Self {
            interval,
            lines,
            state: Mutex::new(State {
                begun: None,
                admitted: 0,
                suppressed: 0,
            }),
        }
    }

    /// One line per second, for events that peers cause.
    pub const fn per_second() -> Self {
        Self::new(Duration::from_secs(1))
    }

    /// One line per minute, for failures of the same operation.
    pub const fn per_minute() -> Self {
        Self::new(Duration::from_secs(60))
    }

    /// The number of lines suppressed since the last one that was admitted, when
    /// this one may be written.
    pub fn admit(&self) -> Option<u64> {
        self.admit_at(Instant::now())
    }

    /// As [`Self::admit`], at the given time.
    pub fn admit_at(&self, now: Instant) -> Option<u64> {
        let mut state = self.state.lock();
        let is_over = state
            .begun
            .is_none_or(|begun| now.saturating_duration_since(begun) >= self.interval);
        if is_over {
            (state.begun, state.admitted) = (Some(now), 0);
        }
        if state.admitted >= self.lines {
            state.suppressed += 1;
            return None;
        }
        state.admitted += 1;
        Some(std::mem::take(&mut state.suppressed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn the_first_line_is_admitted_and_the_next_one_after_the_interval() {
        let throttle = LogThrottle::per_minute();
        let begun = Instant::now();
        assert_eq!(throttle.admit_at(begun), Some(0));
        assert_eq!(throttle.admit_at(begun), None);
        assert_eq!(throttle.admit_at(begun + 59 * SECOND), None);
        assert_eq!(throttle.admit_at(begun + 60 * SECOND), Some(2));
        assert_eq!(throttle.admit_at(begun + 61 * SECOND), None);
        // The interval begins with the admitted line, not with a suppressed one.
        assert_eq!(throttle.admit_at(begun + 120 * SECOND), Some(1));
    }

    #[test]
    fn a_burst_is_admitted_in_each_interval() {
        let throttle = LogThrottle::burst(3, SECOND);
        let begun = Instant::now();
        let admitted = |at| (0..10).filter_map(|_| throttle.admit_at(at)).collect();
        let first: Vec<u64> = admitted(begun);
        assert_eq!(first, [0, 0, 0]);
        let second: Vec<u64> = admitted(begun + SECOND);
        assert_eq!(second, [7, 0, 0]);
    }

    #[test]
    fn many_threads_get_one_line() {
        let throttle = LogThrottle::per_minute();
        let admitted = std::thread::scope(|scope| {
            let tries = || (0..1_000).filter(|_| throttle.admit().is_some()).count();
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(tries)).collect();
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap())
                .sum::<usize>()
        });
        assert_eq!(admitted, 1);
    }
}
