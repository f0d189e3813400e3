//! How much CPU time a process has used.
//!
//! `/proc/<pid>/stat` counts all threads, also those that have ended, in ticks
//! of 10 ms. `/proc/<pid>/task/*/schedstat` counts nanoseconds of the threads
//! that live. Neither exceeds the truth, so the larger one is nearer to it.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};

/// `USER_HZ`, which Linux fixes at 100 for everything it shows.
const TICK: Duration = Duration::from_millis(10);

/// User and system time of all threads of a process.
pub fn cpu_time(process: u32) -> Result<Duration> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    let ticks = stat_ticks(&stat).with_context(|| format!("not a stat line: {stat}"))?;
    let threads = threads_time(process).unwrap_or_default();
    Ok((TICK * ticks).max(threads))
}

/// Fields 14 and 15, `utime` and `stime`. Field 2 is a name in parentheses and
/// may contain anything.
fn stat_ticks(stat: &str) -> Option<u32> {
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let (user, system) = (fields.next()?, fields.next()?);
    Some(user.parse::<u32>().ok()? + system.parse::<u32>().ok()?)
}

fn threads_time(process: u32) -> Result<Duration> {
    let mut nanoseconds = 0;
    for entry in fs::read_dir(format!("/proc/{process}/task"))? {
        let text = fs::read_to_string(entry?.path().join("schedstat"))?;
        let first = text
            .split_whitespace()
            .next()
            .context("an empty schedstat")?;
        nanoseconds += first.parse::<u64>()?;
    }
    Ok(Duration::from_nanos(nanoseconds))
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
        let first = cpu_time(std::process::id()).unwrap();
        assert!(cpu_time(std::process::id()).unwrap() >= first);
    }
}
