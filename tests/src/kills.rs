//! Seeded kill runs: a Weir under full load, killed at random moments and
//! started again, until the load is through; then the audit.
//!
//! Everything random comes from the run's seed, so that a run can be repeated
//! with the same configuration, load and moments. What the machine does in
//! between cannot: a seed that failed may have to be repeated a few times.

use std::thread;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::{Audited, Broker, Exit, LoadSpec, Loader, Site, audit};

/// Above it no temperature stays for long, and none is equal to it.
const CRITICAL: f64 = 70.05;

/// When a Weir is ended, and how.
#[derive(Clone, Copy, Debug)]
enum End {
    /// kill -9 after so many further acknowledgements.
    Acknowledged(usize),
    /// kill -9 so long after it is ready.
    Ready(Duration),
    /// kill -9 so long after it was started: while it opens, or replays.
    Started(Duration),
    /// SIGTERM after so many further acknowledgements.
    Orderly(usize),
}

/// One run, as its seed says.
#[derive(Debug)]
struct Plan {
    broker: Broker,
    config: String,
    load: LoadSpec,
    ends: Vec<End>,
    /// Killed once more after the audit, and audited again.
    again: bool,
}

impl Plan {
    fn new(seed: u64) -> Self {
        let mut random = StdRng::seed_from_u64(seed);
        let broker = if random.random_ratio(1, 5) {
            Broker::External
        } else {
            Broker::Embedded
        };
        let flush = ["20ms", "80ms", "300ms", "1m"][random.random_range(0..4)];
        let segment = ["64KiB", "512KiB", "64MiB"][random.random_range(0..3)];
        let config = format!(
            "[journal]\nsegment_size = \"{segment}\"\n\n\
             [store.embedded]\nflush_interval = \"{flush}\"\n"
        );
        let messages = random.random_range(500..4_000);
        let mut load = LoadSpec::new(&format!("seed{seed}"), messages);
        load.window =
            [random.random_range(5..50), random.random_range(50..2_000)][random.random_range(0..2)];
        load.devices = random.random_range(1..40);
        load.spoil_every = [0, 7, 100][random.random_range(0..3)];
        load.critical = Some(CRITICAL);
        let ends = (0..random.random_range(1..4)).map(|_| {
            let part = random.random_range(0..messages / 3);
            let millis = Duration::from_micros(random.random_range(0..250_000));
            match random.random_range(0..8) {
                0..3 => End::Acknowledged(part),
                3..5 => End::Ready(millis),
                5..7 => End::Started(millis),
                _ => End::Orderly(part),
            }
        });
        let ends = ends.collect();
        Self {
            broker,
            config,
            load,
            ends,
            again: random.random_ratio(1, 3),
        }
    }
}

/// Prints how to repeat a run that failed.
struct RepeatHint(u64);

impl Drop for RepeatHint {
    fn drop(&mut self) {
        if thread::panicking() {
            let seed = self.0;
            eprintln!(
                "kill run with seed {seed} failed: {:#?}\n\
                 again: cargo xtask faults --only kills --runs 1 --seed {seed}",
                Plan::new(seed)
            );
        }
    }
}

/// One kill run. Panics with everything that is not as promised.
pub fn kill_run(seed: u64) -> Audited {
    let _hint = RepeatHint(seed);
    let plan = Plan::new(seed);
    let mut site = Site::start(plan.broker, |spec| spec.with(&plan.config));
    let load = Loader::start(site.mqtt(), plan.load);
    for end in plan.ends {
        end_and_restart(&mut site, &load, end);
    }
    let report = load.finish();
    let audited = audit(&site.weir, &[&report]);
    if plan.again {
        site.weir.kill9();
        site.weir.restart();
        audit(&site.weir, &[&report]);
    }
    audited
}

fn end_and_restart(site: &mut Site, load: &Loader, end: End) {
    let weir = &mut site.weir;
    let reach = |count: usize| {
        let most = load.messages();
        load.wait_acknowledged((load.acknowledged() + count).min(most));
    };
    match end {
        End::Acknowledged(count) => {
            reach(count);
            weir.kill9();
        }
        End::Ready(after) => {
            thread::sleep(after);
            weir.kill9();
        }
        End::Started(after) => {
            weir.kill9();
            weir.launch_again();
            thread::sleep(after);
            weir.kill9();
        }
        End::Orderly(count) => {
            reach(count);
            assert_eq!(weir.sigterm(), Exit::Code(0), "after SIGTERM");
        }
    }
    weir.restart();
}

/// What a soak has seen.
#[derive(Clone, Copy, Debug)]
pub struct Soaked {
    pub kills: u32,
    pub audited: Audited,
    /// The most that the last process had in memory.
    pub peak_memory_mib: u64,
    /// From the start of a process until it was ready again.
    pub slowest_restart: Duration,
}

/// Full load for so long, with a kill every few seconds; then the audit, to the
/// reading. The configuration is the default one.
pub fn soak(duration: Duration, seed: u64) -> Soaked {
    let mut random = StdRng::seed_from_u64(seed);
    let mut site = Site::start(Broker::Embedded, |spec| spec);
    let mut spec = LoadSpec::new("soak", usize::MAX);
    // A message is a millisecond: hours of them, none of them ahead of the clock.
    spec.start_ms -= 20 * 24 * 3_600_000;
    (spec.window, spec.devices) = (1_500, 100);
    (spec.spoil_every, spec.ramp, spec.critical) = (1_000, 60_000, Some(CRITICAL));
    let begun = Instant::now();
    let load = Loader::start(site.mqtt(), spec);
    let (mut kills, mut slowest_restart) = (0, Duration::ZERO);
    while begun.elapsed() < duration {
        thread::sleep(Duration::from_millis(random.random_range(1_000..5_000)));
        site.weir.kill9();
        kills += 1;
        let started = Instant::now();
        site.weir.restart();
        slowest_restart = slowest_restart.max(started.elapsed());
        eprintln!(
            "soak: {:.0?}, {kills} kills, {} messages acknowledged, ready after {:.1?}",
            begun.elapsed(),
            load.acknowledged(),
            started.elapsed()
        );
    }
    let report = load.drain();
    let audited = audit(&site.weir, &[&report]);
    Soaked {
        kills,
        audited,
        peak_memory_mib: site.weir.peak_memory() >> 20,
        slowest_restart,
    }
}
