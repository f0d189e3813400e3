//! What comes back after a restart, a crash, and damage.

use std::fs;
use std::path::{Path, PathBuf};

use weir_model::{Flags, Position, ReadingCounts};

use super::support::{R, SECOND, Store, T0, late, n, open, read, reopen, row, t};
use crate::{Filter, OpenError};

const ALL: [&str; 9] = [
    "time", "device", "sensor", "value", "text", "unit", "location", "quality", "flags",
];

fn mixed(store: &mut Store) {
    store.append(&[
        R {
            location: "hall 2",
            flags: Flags::TIME_RECEIVED,
            ..row(
                "a",
                T0,
                vec![("temperature [°C]", n(21.5)), ("door", n(1.0))],
            )
        },
        row(
            "b",
            T0 + 1,
            vec![("state", t("läuft")), ("temperature [°C]", n(-0.0))],
        ),
        R {
            flags: Flags(1 << 8),
            ..row("a", T0 + SECOND, vec![("door", n(0.1 + 0.2))])
        },
    ]);
}

fn all(store: &Store) -> Vec<String> {
    store.readings().by(&["device", "sensor"]).show(&ALL)
}

const MIXED: [&str; 5] = [
    "2026-11-21T00:00:00Z|a|door|1.0|-|-|hall 2|good|time_received",
    "2026-11-21T00:00:01Z|a|door|0.30000000000000004|-|-|-|suspect|out_of_range",
    "2026-11-21T00:00:00Z|a|temperature|21.5|-|°C|hall 2|good|time_received",
    "2026-11-21T00:00:00.000000001Z|b|state|-|läuft|-|-|good|",
    "2026-11-21T00:00:00.000000001Z|b|temperature|0.0|-|°C|-|good|",
];

#[test]
fn sql_sees_the_same_before_and_after_a_checkpoint_and_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path());
    assert_eq!(store.restored, None);
    mixed(&mut store);
    assert_eq!(all(&store), MIXED);
    assert_eq!(store.store.buffered(), 5);
    store.checkpoint();
    assert_eq!(store.store.buffered(), 0);
    assert_eq!(all(&store), MIXED);
    let store = reopen(store, dir.path());
    assert_eq!(all(&store), MIXED);
    let restored = store.restored.unwrap();
    assert_eq!(restored.position, Position(1));
    assert_eq!(restored.snapshot, 1_u64.to_le_bytes());
    assert_eq!(
        restored.counts,
        ReadingCounts {
            stored: 1,
            ..ReadingCounts::default()
        }
    );
}

#[test]
fn what_was_not_checkpointed_is_gone_and_can_be_replayed() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path());
    store.append(&[row("a", T0, vec![("x", n(1.0))])]);
    store.checkpoint();
    store.append(&[row("a", T0 + 1, vec![("x", n(2.0))])]);
    let mut store = reopen(store, dir.path());
    assert_eq!(store.count(), 1);
    store.append(&[row("a", T0 + 1, vec![("x", n(2.0))])]);
    assert_eq!(store.count(), 2);
}

#[test]
fn a_checkpoint_that_does_not_commit_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path());
    store.append(&[row("a", T0, vec![("x", n(1.0))])]);
    store.checkpoint();
    store.append(&[row("a", T0 + 1, vec![("x", n(2.0))])]);
    let crashed = tempfile::tempdir().unwrap();
    let mut copied = false;
    let refused = store.store.checkpoint(
        Position(9),
        b"never",
        &ReadingCounts::default(),
        &mut || {
            // The moment before the commit: the files are there, the manifest is not.
            copy(dir.path(), crashed.path());
            copied = true;
            Err("the journal has failed".into())
        },
    );
    assert!(
        copied
            && refused
                .unwrap_err()
                .to_string()
                .contains("the journal has failed")
    );
    assert_eq!((store.count(), store.store.buffered()), (2, 1));
    assert_eq!(
        parquet_files(dir.path()).len(),
        1,
        "what did not commit is removed"
    );

    assert_eq!(parquet_files(crashed.path()).len(), 2);
    let after_crash = open(crashed.path());
    assert_eq!(after_crash.restored.as_ref().unwrap().position, Position(1));
    assert_eq!(after_crash.count(), 1);
    assert_eq!(
        parquet_files(crashed.path()).len(),
        1,
        "the orphan is removed"
    );

    store.checkpoint();
    assert_eq!(reopen(store, dir.path()).count(), 2);
}

#[test]
fn damaged_files_are_set_aside_and_the_others_served() {
    type Damage = (&'static str, fn(&Path));
    let damage: [Damage; 4] = [
        ("empty", |path| fs::write(path, b"").unwrap()),
        ("truncated", |path| {
            let bytes = fs::read(path).unwrap();
            fs::write(path, &bytes[..bytes.len() / 2]).unwrap();
        }),
        ("flipped", |path| {
            let mut bytes = fs::read(path).unwrap();
            let middle = bytes.len() / 3;
            bytes[middle] ^= 0x10;
            fs::write(path, bytes).unwrap();
        }),
        ("gone", |path| fs::remove_file(path).unwrap()),
    ];
    for (name, damage) in damage {
        for at_open in [true, false] {
            let dir = tempfile::tempdir().unwrap();
            let mut store = open(dir.path());
            for minute in 0..3 {
                store.append(&[row(
                    "a",
                    T0 + minute * 60 * SECOND,
                    vec![("x", n(1.0)), ("y", n(2.0))],
                )]);
                store.checkpoint();
            }
            // A process trusts what it wrote; another process checks it.
            let mut store = reopen(store, dir.path());
            damage(&parquet_files(dir.path())[1]);
            if at_open {
                store = reopen(store, dir.path());
            }
            let sum = store.readings().sum();
            assert_eq!(sum, 6.0, "{name}, at open: {at_open}");
            let stats = store.store.stats();
            assert_eq!(
                (stats.damaged_files, stats.damaged_readings, stats.files),
                (1, 2, 2)
            );
            store.append(&[late("a", T0 + 60 * SECOND, vec![("x", n(1.0))])]);
            store.checkpoint();
            let store = reopen(store, dir.path());
            assert_eq!(
                store.store.stats().damaged_files,
                1,
                "{name}: told after a restart too"
            );
            assert_eq!(store.count(), 5, "{name}");
        }
    }
}

#[test]
fn a_damaged_manifest_falls_back_to_the_one_before_and_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path());
    for second in 0..3 {
        store.append(&[row("a", T0 + second * SECOND, vec![("x", n(1.0))])]);
        store.checkpoint();
    }
    let manifests = files(dir.path(), "manifest-");
    assert_eq!(manifests.len(), 2);
    let mut bytes = fs::read(&manifests[1]).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    fs::write(&manifests[1], bytes).unwrap();
    let mut store = reopen(store, dir.path());
    assert!(store.store.stats().fell_back);
    assert_eq!(store.restored.as_ref().unwrap().position, Position(2));
    assert_eq!(store.count(), 2);
    assert_eq!(
        files(dir.path(), "0")
            .iter()
            .filter(|p| ends(p, "unlisted"))
            .count(),
        1
    );
    store.append(&[row("a", T0 + 2 * SECOND, vec![("x", n(1.0))])]);
    store.checkpoint();
    let store = reopen(store, dir.path());
    assert_eq!((store.count(), store.store.stats().fell_back), (3, false));
}

#[test]
fn with_no_manifest_left_it_does_not_start_empty() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path());
    store.append(&[row("a", T0, vec![("x", n(1.0))])]);
    store.checkpoint();
    drop(store);
    for manifest in files(dir.path(), "manifest-") {
        fs::write(manifest, b"").unwrap();
    }
    for _ in 0..2 {
        let opened = crate::SeriesStore::open(dir.path(), &super::support::config());
        assert!(
            matches!(opened, Err(OpenError::Manifest { .. })),
            "{opened:?}"
        );
    }
    assert_eq!(parquet_files(dir.path()).len(), 1);
}

#[test]
fn readings_beyond_the_retention_expire_and_their_files_go() {
    const DAY: i64 = 24 * 3600 * SECOND;
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path());
    let applied = store.append(&[
        row("a", T0 - 91 * DAY, vec![("x", n(1.0)), ("y", n(1.0))]),
        row("a", T0 - 90 * DAY, vec![("x", n(1.0))]),
    ]);
    assert_eq!((applied.stored, applied.expired), (1, 2));
    store.checkpoint();
    store.append_at(&[row("b", T0, vec![("x", n(1.0))])], T0 + SECOND);
    store.checkpoint();
    store.append_at(&[row("b", T0 + 1, vec![("x", n(1.0))])], T0 + SECOND);
    let stats = store.checkpoint();
    assert_eq!(stats.files_expired, 1);
    assert_eq!(
        (store.count(), store.store.stats().removed_readings),
        (2, 1)
    );
    let store = reopen(store, dir.path());
    assert_eq!(
        (store.count(), store.store.stats().removed_readings),
        (2, 1)
    );
}

#[test]
fn a_clock_that_jumps_ahead_does_not_wipe_the_store() {
    const DAY: i64 = 24 * 3600 * SECOND;
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path());
    store.append(&[row("a", T0, vec![("x", n(1.0))])]);
    store.checkpoint();
    for later in 1..4 {
        let applied = store.append_at(&[row("a", T0 + later, vec![("x", n(1.0))])], T0 + 400 * DAY);
        assert_eq!(applied.stored, 1);
        store.checkpoint();
    }
    assert_eq!(store.count(), 4);
}

#[test]
fn small_files_are_merged_and_nothing_is_lost() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path());
    let mut stored = 0;
    for minute in 0..64_i64 {
        let time = T0 + minute * 60 * SECOND;
        let mut rows = vec![
            row("b", time, vec![("x", n(minute as f64)), ("s", t("up"))]),
            row("a", time, vec![("x", n(0.5)), ("s", t("down"))]),
        ];
        if minute % 3 == 0 {
            rows.push(row("c", time, vec![("x", n(1.0))]));
        }
        stored += store.append(&rows).stored;
        store.checkpoint();
    }
    assert_eq!(store.count(), stored);
    let files = store.store.stats().files;
    assert!(files < 20, "{files}");
    let before = all(&store);
    let store = reopen(store, dir.path());
    assert_eq!(all(&store), before);
    assert_eq!(store.count(), stored);
    let mut filter = Filter::default();
    filter.only_devices(vec!["b".to_owned()]);
    filter.only_sensors(vec!["x".to_owned(), "s".to_owned()]);
    let of_b = store.matching(filter);
    assert_eq!(
        (
            of_b.sum(),
            of_b.show(&["text"])
                .iter()
                .filter(|text| *text == "up")
                .count()
        ),
        (2016.0, 64)
    );
}

#[test]
fn a_query_continues_while_its_files_are_merged_and_removed() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path());
    for minute in 0..7 {
        store.append(&[row("a", T0 + minute * 60 * SECOND, vec![("x", n(1.0))])]);
        store.checkpoint();
    }
    let view = store.store.reader().view();
    for minute in 7..11 {
        store.append(&[row("a", T0 + minute * 60 * SECOND, vec![("x", n(1.0))])]);
        store.checkpoint();
    }
    assert_eq!(read(&view, Filter::default()).len(), 7);
    assert_eq!(store.count(), 11);
    assert_eq!(store.store.stats().damaged_files, 0);
}

fn ends(path: &Path, extension: &str) -> bool {
    path.extension().is_some_and(|found| found == extension)
}

fn files(dir: &Path, prefix: &str) -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.file_name()
                .unwrap()
                .to_str()
                .unwrap()
                .starts_with(prefix)
        })
        .collect();
    files.sort();
    files
}

fn parquet_files(dir: &Path) -> Vec<PathBuf> {
    files(dir, "0")
        .into_iter()
        .filter(|path| ends(path, "parquet"))
        .collect()
}

fn copy(from: &Path, to: &Path) {
    for file in files(from, "") {
        fs::copy(&file, to.join(file.file_name().unwrap())).unwrap();
    }
}
