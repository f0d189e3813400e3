//! When the n-th message of a connection is due: pacing by a plan and not by
//! sleeping in between, so that the rate holds whatever the timer's grain.

use std::time::Duration;

/// A connection that has fallen further behind than this (the broker was away,
/// or is slower than the rate) lets the debt go instead of flooding.
const MAX_DEBT_S: f64 = 1.0;

/// Of a burst scenario: everything of ten seconds is due in the first two.
const BURST_PERIOD_S: f64 = 10.0;
const BURST_PART: f64 = 0.2;

#[derive(Debug)]
pub(crate) struct Schedule {
    per_second: f64,
    bursts: bool,
    end_s: f64,
    /// Debts let go so far.
    shift_s: f64,
    n: u64,
}

impl Schedule {
    pub(crate) fn new(per_second: f64, bursts: bool, duration: Option<Duration>) -> Self {
        let end_s = duration.map_or(f64::INFINITY, |duration| duration.as_secs_f64());
        Self {
            per_second,
            bursts,
            end_s,
            shift_s: 0.0,
            n: 0,
        }
    }

    /// When the next message is due, in seconds since the start; `None` when the
    /// duration is over.
    pub(crate) fn due_s(&self) -> Option<f64> {
        let mut due = self.n as f64 / self.per_second;
        if self.bursts {
            let within = due % BURST_PERIOD_S;
            due += within * BURST_PART - within;
        }
        due += self.shift_s;
        (due < self.end_s).then_some(due)
    }

    /// When sending ends, in seconds since the start, also if messages
    /// that were due are still waiting for room.
    pub(crate) fn give_up_s(&self) -> f64 {
        self.end_s + MAX_DEBT_S
    }

    /// The number of the next message and when it was due, if that is now.
    pub(crate) fn take(&mut self, now_s: f64) -> Option<(u64, f64)> {
        let mut due_s = self.due_s()?;
        if due_s > now_s {
            return None;
        }
        if now_s - due_s > MAX_DEBT_S {
            self.shift_s += now_s - due_s;
            due_s = self.due_s()?;
        }
        self.n += 1;
        Some((self.n - 1, due_s))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(schedule: &mut Schedule, now_s: f64) -> usize {
        std::iter::from_fn(|| schedule.take(now_s)).count()
    }

    #[test]
    fn the_rate_holds_from_whenever_one_looks() {
        let mut schedule = Schedule::new(100.0, false, None);
        assert_eq!(taken(&mut schedule, 0.0), 1);
        assert_eq!(taken(&mut schedule, 0.009), 0);
        assert_eq!(taken(&mut schedule, 0.5), 50);
        assert_eq!(taken(&mut schedule, 1.0), 50);
    }

    #[test]
    fn a_long_debt_is_let_go() {
        let mut schedule = Schedule::new(100.0, false, None);
        assert_eq!(taken(&mut schedule, 3_600.0), 1);
        assert_eq!(taken(&mut schedule, 3_601.0), 100);
    }

    #[test]
    fn it_ends_with_the_duration() {
        let mut schedule = Schedule::new(100.0, false, Some(Duration::from_secs(2)));
        let sent: usize = (0..30)
            .map(|tenth| taken(&mut schedule, f64::from(tenth) / 10.0))
            .sum();
        assert_eq!(sent, 200);
        assert_eq!(schedule.due_s(), None);
    }

    #[test]
    fn bursts_keep_the_rate_over_ten_seconds() {
        let mut schedule = Schedule::new(100.0, true, None);
        let by = |schedule: &mut Schedule, s: i32| -> usize {
            (0..=s * 10)
                .map(|tenth| taken(schedule, f64::from(tenth) / 10.0))
                .sum()
        };
        assert_eq!(by(&mut schedule, 1), 501);
        assert_eq!(by(&mut schedule, 2), 499);
        assert_eq!(by(&mut schedule, 9), 0);
        assert_eq!(by(&mut schedule, 10), 1);
    }
}
