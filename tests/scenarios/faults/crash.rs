//! kill -9 in the middle of a QoS 1 load: what was acknowledged is stored,
//! once, with the value that was sent. The same in the middle of a merge of files.

use std::collections::BTreeSet;
use std::fs;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use weir_tests::{Broker, DEADLINE, LoadSpec, Loader, Site, Weir, WeirSpec, audit, wait_until};

/// Frequent checkpoints, so that kills fall before, into and after them.
const CHECKPOINTS: &str = "[store.embedded]\nflush_interval = \"150ms\"\n";

#[test]
fn a_killed_weir_loses_nothing_that_its_own_broker_acknowledged() {
    for seed in 0..2 {
        killed_under_load(Broker::Embedded, seed);
    }
}

#[test]
#[ignore = "needs Mosquitto"]
fn a_killed_weir_loses_nothing_that_an_external_broker_keeps_for_it() {
    killed_under_load(Broker::External, 100);
}

fn killed_under_load(broker: Broker, seed: u64) {
    const MESSAGES: usize = 8_000;
    const KILLS: usize = 5;
    let mut random = StdRng::seed_from_u64(seed);
    let mut site = Site::start(broker, |spec| spec.with(CHECKPOINTS));
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

/// The names of the store's files of rows, and of its manifests.
fn store_files(weir: &Weir) -> (BTreeSet<String>, BTreeSet<String>) {
    let folder = fs::read_dir(weir.data_dir().join("store"));
    let names = folder.into_iter().flatten().flatten();
    let names = names.map(|entry| entry.file_name().to_string_lossy().into_owned());
    let (rows, others): (BTreeSet<_>, BTreeSet<_>) =
        names.partition(|name| name.ends_with(".parquet"));
    let manifests = others
        .into_iter()
        .filter(|name| name.starts_with("manifest-"));
    (rows, manifests.collect())
}

/// Waits for a checkpoint that merges: one kind of device is flushed to one file, so
/// a second one that no manifest names yet was merged.
fn wait_merged(weir: &Weir) -> BTreeSet<String> {
    let (mut before, mut manifests) = store_files(weir);
    let mut now = (before.clone(), manifests.clone());
    wait_until("a checkpoint has merged files", DEADLINE, || {
        now = store_files(weir);
        if now.1 != manifests {
            (before, manifests) = now.clone();
        }
        now.0.difference(&before).count() >= 2
    });
    manifests
}

#[test]
#[ignore = "needs strace"]
fn a_weir_killed_while_it_merges_files_loses_and_doubles_nothing() {
    // The commit of a checkpoint is a rename: a slow one leaves time to look.
    let slow = || {
        let config = "[store.embedded]\nflush_interval = \"10ms\"\n";
        WeirSpec::embedded()
            .with(config)
            .inject("rename,renameat,renameat2", "delay_enter=150000")
    };
    let mut site = Site::start(Broker::Embedded, |_| slow());
    // Without end, as long as there is something to merge.
    let mut spec = LoadSpec::new("merge", usize::MAX);
    (spec.window, spec.spoil_every) = (20, 0);
    let load = Loader::start(site.mqtt(), spec);
    for after_commit in [false, true, false] {
        let manifests = wait_merged(&site.weir);
        if after_commit {
            wait_until("it is committed", DEADLINE, || {
                store_files(&site.weir).1 != manifests
            });
        }
        site.weir.kill9();
        site.weir.restart_with(slow());
    }
    site.weir.kill9();
    site.weir.restart_with(WeirSpec::embedded());
    let report = load.drain();
    audit(&site.weir, &[&report]);
}
