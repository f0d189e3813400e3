//! CPU time of a process: user and system time of all its threads, in
//! nanoseconds.
//!
//! The kernel keeps one clock per process (clock_getcpuclockid(3)). It includes
//! threads that have ended, so it never runs backwards. A sum over
//! `/proc/<pid>/task` loses the time of each thread that ends, and
//! `/proc/<pid>/stat` counts in ticks of 10 ms.

use std::time::Duration;

use anyhow::{Context, Result};
use nix::time::{clock_getcpuclockid, clock_gettime};
use nix::unistd::Pid;

/// The CPU time that a process has used so far.
pub fn cpu_time(process: u32) -> Result<Duration> {
    let id = Pid::from_raw(i32::try_from(process).context("a process id is positive")?);
    let clock =
        clock_getcpuclockid(id).with_context(|| format!("process {process} has no CPU clock"))?;
    Ok(Duration::from(clock_gettime(clock)?))
}

#[cfg(test)]
mod tests {
    use std::hint::black_box;
    use std::thread;
    use std::time::Instant;

    use super::*;

    fn spin(duration: Duration) {
        let begun = Instant::now();
        while begun.elapsed() < duration {
            black_box(());
        }
    }

    #[test]
    fn our_own_time_can_be_read_and_does_not_shrink() {
        let first = cpu_time(std::process::id()).unwrap();
        assert!(cpu_time(std::process::id()).unwrap() >= first);
    }

    /// The time of an ended thread stays in the sum.
    #[test]
    fn time_of_threads_that_have_ended_is_kept() {
        let mut before = Duration::ZERO;
        for _ in 0..20 {
            let busy = thread::spawn(|| spin(Duration::from_millis(3)));
            let during = cpu_time(std::process::id()).unwrap();
            busy.join().expect("it does not panic");
            let after = cpu_time(std::process::id()).unwrap();
            assert!(before <= during && during <= after);
            before = after;
        }
    }

    #[test]
    fn a_process_that_does_not_exist_is_an_error() {
        assert!(cpu_time(u32::MAX).is_err());
        // Beyond the kernel's highest id, 2²².
        assert!(cpu_time(1 << 23).is_err());
    }
}
