//! CPU time of a process: user and system time of all its threads.
//!
//! Linux has two figures. `/proc/<pid>/stat` includes threads that have ended,
//! in ticks of 10 ms. `/proc/<pid>/task/*/schedstat` is in nanoseconds, for the
//! threads that live: when one ends, its time leaves the sum. A [`CpuMeter`]
//! keeps the time of ended threads, so its total has nanoseconds and never
//! shrinks.

use std::collections::HashMap;
use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};

/// `USER_HZ`, which Linux fixes at 100 for `/proc`.
const TICK: Duration = Duration::from_millis(10);

/// The CPU time of one process.
#[derive(Debug)]
pub struct CpuMeter {
    process: u32,
    /// Of threads that have ended.
    ended: Duration,
    /// By thread.
    live: HashMap<u32, Duration>,
}

/// CPU time that a process has used so far.
pub fn cpu_time(process: u32) -> Result<Duration> {
    CpuMeter::of(process)?.total()
}

impl CpuMeter {
    pub fn of(process: u32) -> Result<Self> {
        let ticks = ticks(process)?;
        let live = threads(process)?;
        Ok(Self {
            process,
            ended: ticks.saturating_sub(live.values().sum()),
            live,
        })
    }

    /// All that the process has used so far.
    pub fn total(&mut self) -> Result<Duration> {
        // A thread that starts and ends between two looks is in the ticks only.
        let ticks = ticks(self.process)?;
        self.look(threads(self.process)?);
        Ok(ticks.max(self.ended + self.live.values().sum::<Duration>()))
    }

    fn look(&mut self, live: HashMap<u32, Duration>) {
        for (thread, before) in &self.live {
            // Less than before: another thread has the id of the ended one.
            if live.get(thread).is_none_or(|now| now < before) {
                self.ended += *before;
            }
        }
        self.live = live;
    }
}

fn ticks(process: u32) -> Result<Duration> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    let ticks = stat_ticks(&stat).with_context(|| format!("not a stat line: {stat}"))?;
    Ok(TICK * ticks)
}

/// Fields 14 and 15, `utime` and `stime`. Field 2 is a name in parentheses and
/// may contain anything.
fn stat_ticks(stat: &str) -> Option<u32> {
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let (user, system) = (fields.next()?, fields.next()?);
    Some(user.parse::<u32>().ok()? + system.parse::<u32>().ok()?)
}

fn threads(process: u32) -> Result<HashMap<u32, Duration>> {
    let mut threads = HashMap::new();
    for entry in fs::read_dir(format!("/proc/{process}/task"))? {
        let entry = entry?;
        let thread = entry.file_name().to_string_lossy().parse();
        // A thread may end between the listing and the look at it.
        if let (Ok(thread), Ok(stat)) = (thread, fs::read_to_string(entry.path().join("schedstat")))
        {
            let nanos = stat.split_whitespace().next();
            let nanos = nanos.context("an empty schedstat")?.parse()?;
            threads.insert(thread, Duration::from_nanos(nanos));
        }
    }
    Ok(threads)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_parentheses_and_spaces_does_not_shift_the_fields() {
        let stat = "7 (a ) b) S 1 7 7 0 -1 4194560 1 0 0 0 12 30 0 0 20 0 1 0 1 1 1";
        assert_eq!(stat_ticks(stat), Some(42));
    }

    #[test]
    fn our_own_time_can_be_read_and_does_not_shrink() {
        let mut meter = CpuMeter::of(std::process::id()).unwrap();
        let first = meter.total().unwrap();
        assert!(meter.total().unwrap() >= first);
        assert!(cpu_time(std::process::id()).unwrap() > Duration::ZERO);
    }

    #[test]
    fn the_time_of_threads_that_end_is_kept() {
        let ms = Duration::from_millis;
        let mut meter = CpuMeter {
            process: 0,
            ended: ms(5),
            live: HashMap::from([(1, ms(10)), (2, ms(3))]),
        };
        let mut look = |live: &[(u32, u64)]| {
            meter.look(live.iter().map(|(id, time)| (*id, ms(*time))).collect());
            (meter.ended, meter.live.values().sum::<Duration>())
        };
        assert_eq!(look(&[(1, 12), (2, 3)]), (ms(5), ms(15)));
        assert_eq!(look(&[(1, 13)]), (ms(8), ms(13)));
        // Another thread under the same id.
        assert_eq!(look(&[(1, 1), (4, 0)]), (ms(21), ms(1)));
        assert_eq!(look(&[]), (ms(22), ms(0)));
    }
}
