//! kill -9 in the middle of a QoS 1 load: what was acknowledged is stored,
//! once, with the value that was sent.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use weir_tests::{Door, LoadSpec, Loader, Site, audit};

/// Frequent checkpoints, so that kills fall before, into and after them.
const CHECKPOINTS: &str = "[store.embedded]\nflush_interval = \"150ms\"\n";

#[test]
fn a_killed_weir_loses_nothing_that_its_own_broker_acknowledged() {
    for seed in 0..2 {
        killed_under_load(Door::Embedded, seed);
    }
}

#[test]
#[ignore = "needs Mosquitto"]
fn a_killed_weir_loses_nothing_that_an_external_broker_keeps_for_it() {
    killed_under_load(Door::External, 100);
}

fn killed_under_load(door: Door, seed: u64) {
    const MESSAGES: usize = 8_000;
    const KILLS: usize = 5;
    let mut random = StdRng::seed_from_u64(seed);
    let mut site = Site::start(door, |spec| spec.with(CHECKPOINTS));
    let mut spec = LoadSpec::new(&format!("seed{seed}"), MESSAGES);
    spec.window = random.random_range(20..300);
    let load = Loader::start(site.mqtt(), spec);
    for kill in 1..=KILLS {
        let part = MESSAGES / (KILLS + 1);
        load.wait_acknowledged(part * (kill - 1) + random.random_range(1..part));
        site.weir.kill9();
        site.weir.restart();
    }
    let report = load.finish();
    assert_eq!(report.acknowledged_count(), MESSAGES, "seed {seed}");
    audit(&site.weir, &[&report]);
}
