//! Roll-ups against the readings that they stand for.

use std::time::Duration;

use proptest::prelude::*;
use weir_model::Timestamp;
use weir_series::SeriesStore;

use super::support::{
    Names, SECOND, Store, T0, attach, config, late, n, open, options, reopen, row, t,
};

const HOUR: i64 = 3_600 * SECOND;

/// What a table of roll-ups should hold, made of the readings by SQL.
fn by_sql(store: &Store, step: &str) -> Vec<String> {
    let mut rows = store.sql(&format!(
        "SELECT CAST(date_bin(interval '{step}', time) AS bigint), device, sensor, unit, \
         min(value), max(value), round(avg(value), 9), last_value(value ORDER BY time), \
         count(value) FROM readings WHERE value IS NOT NULL GROUP BY 1, 2, 3, 4"
    ));
    rows.sort();
    rows
}

fn rolled_up(store: &Store, table: &str) -> Vec<String> {
    let mut rows = store.sql(&format!(
        "SELECT CAST(time AS bigint), device, sensor, unit, min, max, round(mean, 9), last, \
         count FROM {table}"
    ));
    rows.sort();
    rows
}

#[derive(Clone, Debug)]
enum Step {
    /// Device, seconds and value.
    Send(usize, i64, i32),
    Checkpoint,
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (0..3_usize, 0..20_000_i64, -5..6_i32).prop_map(|(d, t, v)| Step::Send(d, t, v)),
        4 => Just(Step::Checkpoint),
        1 => Just(Step::Restart),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn they_are_what_the_readings_amount_to(steps in prop::collection::vec(step(), 1..80)) {
        let dir = tempfile::tempdir().unwrap();
        let mut store = open(dir.path());
        let mut newest = [i64::MIN; 3];
        for step in steps {
            match step {
                Step::Send(device, second, value) => {
                    let time = T0 + second * SECOND;
                    let make = if time <= newest[device] { late } else { row };
                    newest[device] = newest[device].max(time);
                    let name = ["a", "b", "c"][device];
                    let value = f64::from(value) / 4.0;
                    let cells = vec![("x [bar]", n(value)), ("y", n(-value)), ("s", t("on"))];
                    store.append(&[make(name, time, cells)]);
                }
                Step::Checkpoint => {
                    store.checkpoint();
                    prop_assert_eq!(rolled_up(&store, "readings_1h"), by_sql(&store, "1 hour"));
                }
                Step::Restart => {
                    store.checkpoint();
                    store = reopen(store, dir.path());
                }
            }
        }
        prop_assert_eq!(rolled_up(&store, "readings_1h"), by_sql(&store, "1 hour"));
        prop_assert_eq!(rolled_up(&store, "readings_1m"), by_sql(&store, "1 minute"));
        prop_assert_eq!(rolled_up(&store, "downsample('2h')"), by_sql(&store, "2 hour"));
        prop_assert_eq!(rolled_up(&store, "downsample('5m')"), by_sql(&store, "5 minute"));
    }
}

/// Some hours of one device, in files that are merged on the way.
fn filled(store: &mut Store, hours: i64) {
    for minute in 0..hours * 60 {
        let time = T0 + minute * 60 * SECOND;
        let value = n((minute % 60) as f64);
        store.append_at(&[row("a", time, vec![("x", value)])], time);
        if minute % 10 == 9 {
            store.checkpoint();
        }
    }
}

#[test]
fn files_of_roll_ups_are_made_and_used() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path());
    filled(&mut store, 12);
    assert!(store.store.stats().rollup_files > 0);
    assert_eq!(rolled_up(&store, "readings_1h"), by_sql(&store, "1 hour"));
    let bounds = "SELECT min, max, mean, last, count FROM readings_1h \
                  WHERE device = 'a' AND time >= '2026-11-21T03:00:00Z' \
                  AND time < '2026-11-21T05:00:00Z'";
    assert_eq!(store.sql(bounds), ["0.0|59.0|29.5|59.0|60"; 2]);
    // Bounds within an hour take the hours that begin behind them.
    let inside = "SELECT count(*) FROM readings_1h WHERE time > '2026-11-21T03:10:00Z' \
                  AND time <= '2026-11-21T05:59:00Z'";
    assert_eq!(store.sql(inside), ["2"]);
}

#[test]
fn they_outlive_their_readings_and_expire_by_themselves() {
    let dir = tempfile::tempdir().unwrap();
    let config = weir_config::EmbeddedStore {
        retention: Duration::from_secs(24 * 3600),
        retention_1h: Duration::from_secs(96 * 3600),
        ..config()
    };
    let (store, restored) = SeriesStore::open_with(dir.path(), &config, options()).unwrap();
    let mut store = attach(store, restored, Names::new());
    filled(&mut store, 6);
    let before = rolled_up(&store, "readings_1h");
    assert_eq!(before.len(), 6);

    // The horizon moves an hour per checkpoint, lest a clock that jumps wipes it.
    let go_on = |store: &mut Store, hours: i64| {
        let now = Timestamp(T0 + (6 + hours) * HOUR);
        for _ in 0..hours {
            store.store.append(&weir_model::RowBatch::default(), now);
            store.checkpoint();
        }
    };
    go_on(&mut store, 48);
    assert_eq!(store.count(), 0, "the readings are expired");
    assert_eq!(rolled_up(&store, "readings_1h"), before);
    let mut store = {
        let Store {
            store, sql, names, ..
        } = store;
        drop((store, sql));
        let (store, restored) = SeriesStore::open_with(dir.path(), &config, options()).unwrap();
        attach(store, restored, names)
    };
    assert_eq!(rolled_up(&store, "readings_1h"), before);
    go_on(&mut store, 120);
    assert_eq!(rolled_up(&store, "readings_1h"), Vec::<String>::new());
    assert_eq!(store.store.stats().rollup_files, 0);
}

#[test]
fn what_downsample_cannot_do_it_says() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    for (call, part) in [
        ("downsample()", "takes a step"),
        ("downsample('10s')", "whole minutes"),
        ("downsample('soon')", "is no step"),
        ("downsample('1h', 'today', 'tomorrow')", "is no time"),
    ] {
        let error = store.try_sql(
            &format!("SELECT * FROM {call}"),
            crate::QueryLimits::default(),
        );
        let error = error.unwrap_err().to_string();
        assert!(error.contains(part), "{call}: {error}");
    }
}
