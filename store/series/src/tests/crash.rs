//! Failing syncs and writes, power cuts and kills at random moments: what comes
//! back is exactly what one checkpoint committed, and no older one than the last
//! that reported success.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use proptest::prelude::*;
use weir_disk::sim::SimDisk;
use weir_model::{Position, ReadingCounts};

use super::support::{Names, SECOND, Store, T0, attach, config, late, n, options, row};
use crate::{Options, SeriesStore};

const DIR: &str = "/store";
type Model = BTreeMap<(usize, i64), i32>;

#[derive(Clone, Debug)]
enum Step {
    Send(usize, i64, i32),
    Checkpoint,
    FailSync(u64),
    FailWrite(u64),
    /// The disk is full from now on, until the next crash or checkpoint.
    Full(u64),
    Crash,
    Kill,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        10 => (0..3_usize, 0..40_i64, 0..3_i32).prop_map(|(d, t, v)| Step::Send(d, t, v)),
        5 => Just(Step::Checkpoint),
        2 => (0..6_u64).prop_map(Step::FailSync),
        1 => (0..4_u64).prop_map(Step::FailWrite),
        1 => (0..4_000_u64).prop_map(Step::Full),
        2 => Just(Step::Crash),
        1 => Just(Step::Kill),
    ]
}

fn open_sim(disk: &SimDisk, names: Names) -> Store {
    let options = Options {
        disk: Arc::new(disk.clone()),
        ..options()
    };
    let (store, restored) = SeriesStore::open_with(Path::new(DIR), &config(), options).unwrap();
    attach(store, restored, names)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn what_a_checkpoint_committed_survives(
        seed in any::<u64>(),
        steps in prop::collection::vec(step(), 1..80),
    ) {
        let mut disk = SimDisk::new(seed);
        let mut store = open_sim(&disk, Names::new());
        let mut model = Model::new();
        // What a checkpoint tried to commit, by its position; 0 is the beginning.
        let mut tried: BTreeMap<u64, Model> = [(0, Model::new())].into();
        let (mut position, mut committed) = (0, 0);
        for step in steps {
            match step {
                Step::Send(device, second, value) => {
                    let time = T0 + second * SECOND;
                    let device_name = ["a", "b", "c"][device];
                    let newest = model.range((device, i64::MIN)..=(device, i64::MAX)).next_back();
                    let is_late = newest.is_some_and(|((_, newest), _)| time <= *newest);
                    let make = if is_late { late } else { row };
                    store.append(&[make(device_name, time, vec![("x", n(f64::from(value)))])]);
                    model.insert((device, time), value);
                }
                Step::Checkpoint => {
                    position += 1;
                    tried.insert(position, model.clone());
                    let counts = ReadingCounts::default();
                    let done = store.store.checkpoint(
                        Position(position),
                        &position.to_le_bytes(),
                        &counts,
                        &mut || Ok(()),
                    );
                    if done.is_ok() {
                        committed = position;
                    }
                    disk.set_budget(None);
                    prop_assert_eq!(rows(&store).len(), model.len());
                    prop_assert_eq!(rolled_up(&store), model.len());
                }
                Step::FailSync(nth) => disk.fail_sync(nth),
                Step::FailWrite(nth) => disk.fail_write(nth),
                Step::Full(bytes) => disk.set_budget(Some(disk.used() + bytes)),
                Step::Crash | Step::Kill => {
                    let Store { store: old, names, .. } = store;
                    disk = if matches!(step, Step::Crash) { disk.crash() } else { disk.kill() };
                    drop(old);
                    store = open_sim(&disk, names);
                    let restored = store.restored.as_ref();
                    let at = restored.map_or(0, |checkpoint| checkpoint.position.0);
                    prop_assert!(at >= committed, "{} was committed, {} came back", committed, at);
                    if let Some(checkpoint) = restored {
                        prop_assert_eq!(&checkpoint.snapshot, &at.to_le_bytes());
                    }
                    prop_assert_eq!(store.store.stats().damaged_files, 0);
                    prop_assert!(!store.store.stats().fell_back);
                    model = tried[&at].clone();
                    committed = at;
                    let expect: Vec<String> = model
                        .iter()
                        .map(|((device, time), value)| {
                            format!("{}|{time}|{value}.0", ["a", "b", "c"][*device])
                        })
                        .collect();
                    prop_assert_eq!(rows(&store), expect);
                    prop_assert_eq!(rolled_up(&store), model.len());
                }
            }
        }
    }
}

fn rows(store: &Store) -> Vec<String> {
    let mut rows = store.readings().show(&["device", "time_ns", "value"]);
    rows.sort();
    rows
}

/// How many readings the roll-ups stand for.
fn rolled_up(store: &Store) -> usize {
    let counts = store.hours().into_iter().map(|(.., count)| count as usize);
    counts.sum()
}
