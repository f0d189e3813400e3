//! A reading is stored once: what repeats it, what contradicts it, what is new.

use super::support::{SECOND, Store, T0, V, late, n, open, reopen, row, t};
use crate::{Applied, Filter};

const COLUMNS: [&str; 5] = ["device", "sensor", "value", "text", "unit"];

fn outcome(stored: u64, deduplicated: u64, conflicts: u64) -> Applied {
    Applied {
        stored,
        deduplicated,
        conflicts,
        expired: 0,
    }
}

/// Stores `first`, then sends `second` late at the same time, with what came
/// first in memory, in a file, and in a file after a restart.
fn check(
    first: &[(&'static str, V)],
    second: &[(&'static str, V)],
    expect: Applied,
    then: &[&str],
) {
    for stage in 0..3 {
        let dir = tempfile::tempdir().unwrap();
        let mut store = open(dir.path());
        store.append(&[
            row("a", T0, first.to_vec()),
            row("a", T0 + SECOND, vec![("other", n(1.0))]),
        ]);
        if stage > 0 {
            store.checkpoint();
        }
        if stage > 1 {
            store = reopen(store, dir.path());
        }
        let applied = store.append(&[late("a", T0, second.to_vec())]);
        assert_eq!(applied, expect, "stage {stage}: {second:?}");
        let again = store.append(&[late("a", T0, second.to_vec())]);
        let repeated = outcome(0, second.len() as u64, 0);
        assert_eq!(again, repeated, "stage {stage}: sent again, {second:?}");
        store.checkpoint();
        check_all(&store, then, stage);
        let again = store.append(&[late("a", T0, second.to_vec())]);
        assert_eq!(
            again, repeated,
            "stage {stage}: after a checkpoint, {second:?}"
        );
        check_all(&reopen(store, dir.path()), then, stage);
    }
}

fn check_all(store: &Store, then: &[&str], stage: usize) {
    let mut rows = store.readings().by(&["device", "sensor"]).show(&COLUMNS);
    rows.retain(|row| row != "a|other|1.0|-|-");
    assert_eq!(rows, then, "stage {stage}");
    assert_eq!(store.count(), then.len() as u64 + 1, "stage {stage}");
}

#[test]
fn a_repetition_is_stored_once() {
    let cells = [("x", n(1.5)), ("s", t("up")), ("y [bar]", n(2.0))];
    let then = ["a|s|-|up|-", "a|x|1.5|-|-", "a|y|2.0|-|bar"];
    check(&cells, &cells, outcome(0, 3, 0), &then);
    check(&cells, &cells[1..2], outcome(0, 1, 0), &then);
}

#[test]
fn a_contradiction_wins_and_is_counted() {
    check(
        &[("x", n(1.5)), ("s", t("up"))],
        &[("x", n(2.5)), ("s", t("a longer text"))],
        outcome(0, 2, 2),
        &["a|s|-|a longer text|-", "a|x|2.5|-|-"],
    );
}

#[test]
fn what_is_new_at_a_known_time_is_stored() {
    check(
        &[("x", n(1.5))],
        &[("x", n(1.5)), ("z", n(3.0))],
        outcome(1, 1, 0),
        &["a|x|1.5|-|-", "a|z|3.0|-|-"],
    );
}

#[test]
fn a_sensor_that_changes_its_unit_or_type_contradicts_itself() {
    check(
        &[("x", n(1.0))],
        &[("x [bar]", n(1.0))],
        outcome(0, 1, 1),
        &["a|x|1.0|-|bar"],
    );
    check(
        &[("x", n(1.0))],
        &[("x", t("on"))],
        outcome(0, 1, 1),
        &["a|x|-|on|-"],
    );
    check(
        &[("x", t("on")), ("y", n(1.0))],
        &[("x", n(0.0))],
        outcome(0, 1, 1),
        &["a|x|0.0|-|-", "a|y|1.0|-|-"],
    );
}

#[test]
fn a_sensor_twice_in_one_row_counts_once() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path());
    let twice = |x, y| vec![("x", n(x)), ("x", n(y))];
    assert_eq!(
        store.append(&[late("a", T0, twice(1.0, 2.0))]),
        outcome(1, 1, 1)
    );
    assert_eq!(
        store.append(&[late("a", T0 + 1, twice(3.0, 3.0))]),
        outcome(1, 1, 0)
    );
    assert_eq!(store.readings().by(&[]).show(&["value"]), ["2.0", "3.0"]);
}

#[test]
fn other_devices_and_times_do_not_count_as_repetitions() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path());
    store.append(&[
        row("a", T0, vec![("x", n(1.0))]),
        row("b", T0 + 1, vec![("x", n(1.0))]),
    ]);
    for _ in 0..2 {
        let applied = store.append(&[
            late("a", T0 + 1, vec![("x", n(1.0))]),
            late("b", T0, vec![("x", n(1.0))]),
        ]);
        assert!(
            applied == outcome(2, 0, 0) || applied == outcome(0, 2, 0),
            "{applied:?}"
        );
        store.checkpoint();
    }
    assert_eq!(store.count(), 4);
}

fn of_d250(store: &Store) -> Vec<String> {
    let mut filter = Filter::default();
    filter.only_devices(vec!["d250".to_owned()]);
    let readings = store.matching(filter);
    readings.by(&["sensor"]).show(&["value", "text"])
}

#[test]
fn rare_kinds_share_a_file_and_are_deduplicated_too() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path());
    let names: Vec<String> = (0..300).map(|kind| format!("sensor {kind:03}")).collect();
    let cells = |name| vec![(name, n(1.0)), ("s", t("up"))];
    for (device, name) in names.iter().enumerate() {
        store.append(&[row(&format!("d{device:03}"), T0, cells(name))]);
    }
    let check = |store: &mut Store| {
        assert_eq!(store.count(), 600);
        let mut filter = Filter::default();
        filter.only_sensors(vec!["s".to_owned()]);
        assert_eq!(store.matching(filter).len(), 300);
        assert_eq!(of_d250(store), ["-|up", "1.0|-"]);
        for (device, name) in names.iter().enumerate() {
            let applied = store.append(&[late(&format!("d{device:03}"), T0, cells(name))]);
            assert_eq!(applied, outcome(0, 2, 0), "{name}");
        }
    };
    check(&mut store);
    store.checkpoint();
    check(&mut store);
    let conflict = store.append(&[late(
        "d250",
        T0,
        vec![("s", t("down")), ("sensor 250", t("x"))],
    )]);
    assert_eq!(conflict, outcome(0, 2, 2));
    store.checkpoint();
    let store = reopen(store, dir.path());
    assert_eq!(of_d250(&store), ["-|down", "-|x"]);
    assert_eq!(store.count(), 600);
}
