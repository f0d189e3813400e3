//! The loop of a worker thread whose work must not be lost: it repeats an action
//! until it succeeds, or until Weir stops.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::LogThrottle;

/// How often a sleeping thread looks whether it must stop.
const LOOK: Duration = Duration::from_millis(100);

/// One failed attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Counted from 1.
    pub attempt: u64,
    /// This failure is worth a line in the log: the first, then one per minute.
    pub is_due: bool,
}

/// Repeats `action` with a pause in between until it succeeds. `failed` is called
/// for every failure, to log it and to report it.
///
/// # Errors
/// The last failure, when `stop` is set. There is a last attempt after that, so
/// what can still succeed does.
pub fn until_stopped<T, E>(
    stop: &AtomicBool,
    pause: Duration,
    mut action: impl FnMut() -> Result<T, E>,
    mut failed: impl FnMut(&E, Failure),
) -> Result<T, E> {
    let throttle = LogThrottle::per_minute();
    let mut attempt = 0;
    loop {
        // Read before the attempt: an attempt begun after `stop` is the last one.
        let is_last = stop.load(Ordering::Acquire);
        let error = match action() {
            Ok(value) => return Ok(value),
            Err(error) => error,
        };
        attempt += 1;
        let is_due = throttle.admit().is_some();
        failed(&error, Failure { attempt, is_due });
        if is_last {
            return Err(error);
        }
        sleep_unless_stopped(stop, pause);
    }
}

/// Sleeps for `pause`, or until `stop` is set, which it returns.
pub fn sleep_unless_stopped(stop: &AtomicBool, pause: Duration) -> bool {
    let begun = Instant::now();
    loop {
        if stop.load(Ordering::Acquire) {
            return true;
        }
        let left = pause.saturating_sub(begun.elapsed());
        if left.is_zero() {
            return false;
        }
        thread::sleep(LOOK.min(left));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_repeats_until_it_succeeds_and_logs_the_first_failure_only() {
        let stop = AtomicBool::new(false);
        let (mut left, mut seen) = (3, Vec::new());
        let action = || match left {
            0 => Ok("done"),
            _ => {
                left -= 1;
                Err(left)
            }
        };
        let outcome = until_stopped(&stop, Duration::ZERO, action, |error, failure| {
            seen.push((*error, failure.attempt, failure.is_due));
        });
        assert_eq!(outcome, Ok("done"));
        assert_eq!(seen, [(2, 1, true), (1, 2, false), (0, 3, false)]);
    }

    #[test]
    fn a_stop_ends_the_pause_and_leaves_one_last_attempt() {
        let stop = AtomicBool::new(false);
        let mut attempts = 0;
        let action = || {
            attempts += 1;
            Err::<(), _>(attempts)
        };
        let hour = Duration::from_secs(3_600);
        let outcome = until_stopped(&stop, hour, action, |_, _| {
            stop.store(true, Ordering::Release);
        });
        assert_eq!(outcome, Err(2));
    }

    #[test]
    fn when_it_is_stopped_already_there_is_one_attempt() {
        let stop = AtomicBool::new(true);
        let outcome = until_stopped(&stop, Duration::ZERO, || Err::<(), _>("no"), |_, _| {});
        assert_eq!(outcome, Err("no"));
        assert!(sleep_unless_stopped(&stop, Duration::from_secs(3_600)));
        assert!(!sleep_unless_stopped(
            &AtomicBool::new(false),
            Duration::ZERO
        ));
    }
}
