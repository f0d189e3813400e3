//! What rules of retention take away, when, and that nothing else goes.

use std::time::Duration;

use weir_config::Retention;
use weir_model::{RowBatch, Timestamp};

use super::support::{Names, SECOND, Store, T0, attach, config, n, options, row, t};
use crate::SeriesStore;

const HOUR: i64 = 3_600 * SECOND;

fn rule(
    device: Option<&str>,
    sensor: Option<&str>,
    location: Option<&str>,
    hours: u64,
) -> Retention {
    Retention {
        device: device.map(str::to_owned),
        sensor: sensor.map(str::to_owned),
        location: location.map(str::to_owned),
        keep: Duration::from_secs(hours * 3_600),
    }
}

/// Ten hours, unless a rule says otherwise.
fn opened(dir: &std::path::Path, rules: &[Retention]) -> Store {
    let config = weir_config::EmbeddedStore {
        retention: Duration::from_secs(10 * 3_600),
        ..config()
    };
    let (store, restored) = SeriesStore::open_with(dir, &config, options()).unwrap();
    store.keep(rules);
    attach(store, restored, Names::new())
}

/// Two readings of each, in two files.
fn fill(store: &mut Store) -> u64 {
    for minute in 0..2_i64 {
        let time = T0 + minute * 60 * SECOND;
        let mut hall = row("fan", time, vec![("x", n(1.0))]);
        hall.location = "hall-2";
        store.append(&[
            row(
                "pump",
                time,
                vec![("x", n(1.0)), ("vibration", n(0.5)), ("mode", t("on"))],
            ),
            row("old", time, vec![("x", n(2.0)), ("vibration", n(0.25))]),
            hall,
        ]);
        store.checkpoint();
    }
    store.store.stats().readings
}

/// Lets time pass, an hour per checkpoint, as the horizon does.
fn pass(store: &mut Store, from: i64, to: i64) {
    for hour in from + 1..=to {
        let now = Timestamp(T0 + 60 * SECOND + hour * HOUR + SECOND);
        store.store.append(&RowBatch::default(), now);
        // A file per checkpoint is looked at; there are few.
        for _ in 0..6 {
            store.checkpoint();
        }
    }
}

fn left(store: &Store) -> Vec<String> {
    let readings = store.readings().by(&["device", "sensor"]);
    let mut left: Vec<(String, usize)> = Vec::new();
    for series in readings.show(&["device", "sensor"]) {
        match left.last_mut() {
            Some((last, count)) if *last == series => *count += 1,
            _ => left.push((series, 1)),
        }
    }
    left.into_iter()
        .map(|(series, count)| format!("{series}|{count}"))
        .collect()
}

#[test]
fn each_reading_is_kept_as_long_as_the_first_rule_that_matches_says() {
    let dir = tempfile::tempdir().unwrap();
    let rules = [
        rule(None, Some("vib*"), None, 2),
        rule(Some("old"), None, None, 30),
        rule(None, None, Some("hall-?"), 5),
    ];
    let mut store = opened(dir.path(), &rules);
    let all = fill(&mut store);
    let everything = [
        "fan|x|2",
        "old|vibration|2",
        "old|x|2",
        "pump|mode|2",
        "pump|vibration|2",
        "pump|x|2",
    ];
    let hours = store.hours();
    let mut at = 0;
    for (hour, expect) in [
        (1, &everything[..]),
        (3, &["fan|x|2", "old|x|2", "pump|mode|2", "pump|x|2"]),
        (6, &["old|x|2", "pump|mode|2", "pump|x|2"]),
        (11, &["old|x|2"]),
        (31, &[]),
    ] {
        pass(&mut store, at, hour);
        at = hour;
        assert_eq!(left(&store), expect, "after {hour} h");
        let stats = store.store.stats();
        assert_eq!(
            stats.readings + stats.removed_readings,
            all,
            "after {hour} h"
        );
        // What is rolled up stays.
        assert_eq!(store.hours(), hours, "after {hour} h");
        if hour == 6 {
            let Store {
                store: before,
                names,
                ..
            } = store;
            drop(before);
            let again = opened(dir.path(), &rules);
            store = attach(again.store, again.restored, names);
            assert_eq!(left(&store), *expect, "opened again");
        }
    }
}

#[test]
fn what_a_longer_rule_keeps_is_taken_in_late() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = opened(dir.path(), &[rule(Some("old"), None, None, 30)]);
    fill(&mut store);
    pass(&mut store, 0, 12);
    let now = T0 + 12 * HOUR;
    let applied = store.append_at(&[row("old", T0 + SECOND, vec![("x", n(3.0))])], now);
    assert_eq!((applied.stored, applied.expired), (1, 0));
    let applied = store.append_at(&[row("old", T0 - 40 * HOUR, vec![("x", n(3.0))])], now);
    assert_eq!((applied.stored, applied.expired), (0, 1));
}

#[test]
fn rules_can_change_while_it_runs() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = opened(dir.path(), &[]);
    fill(&mut store);
    pass(&mut store, 0, 3);
    assert_eq!(store.count(), 12);
    store.store.keep(&[rule(Some("pump"), None, None, 1)]);
    for _ in 0..6 {
        store.checkpoint();
    }
    assert_eq!(left(&store), ["fan|x|2", "old|vibration|2", "old|x|2"]);
    // Longer again: what is gone stays gone, the others are kept.
    store.store.keep(&[rule(Some("fan"), None, None, 100)]);
    pass(&mut store, 3, 12);
    assert_eq!(left(&store), ["fan|x|2"]);
}
