//! Aggregates by roll-ups are those of the readings, and only where they can be.

use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use weir_model::Timestamp;

use crate::tests::support::{SECOND, Store, T0, n, open, row, t};

const HOUR: i64 = 3_600 * SECOND;

/// Two devices over five hours: files that are merged and rolled up, as their window
/// is over, one that is not, and some readings in memory. Values are halves, so that sums are exact.
fn filled(dir: &std::path::Path) -> Store {
    let mut store = open(dir);
    for part in 0..10_i64 {
        // The ninth is not worth merging yet.
        for at in 0..if part == 8 { 10 } else { 20 } {
            let time = T0 + (part * 20 + at) * 90 * SECOND + 7;
            for device in ["a", "b"] {
                let x = (part * 7 + at * 3) % 11;
                let mut cells = vec![("x", n(x as f64 / 2.0))];
                if at % 3 == 0 {
                    cells.push(("y [bar]", n(0.5 * at as f64)));
                }
                store.append_at(&[row(device, time, cells)], T0 + 8 * HOUR);
            }
        }
        if part < 9 {
            store.checkpoint();
        }
    }
    let stats = store.store.stats();
    let (files, rolled_up) = (stats.files, stats.rollup_files);
    assert!(0 < rolled_up && rolled_up < files, "{rolled_up} of {files}");
    store
}

fn plan(store: &Store, sql: &str) -> String {
    store.sql(&format!("EXPLAIN {sql}")).join("\n")
}

#[test]
fn they_are_used_where_the_answer_is_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = filled(dir.path());
    let used = "StreamingTableExec";
    for (what, expect) in [
        ("SELECT max(value) FROM readings", true),
        (
            "SELECT device, avg(value) FROM readings GROUP BY 1 HAVING avg(value) > 1 ORDER BY 2",
            true,
        ),
        (
            "SELECT date_bin(interval '1 hour', time) AS hour, avg(value) FROM readings \
             WHERE sensor = 'x' AND time >= '2026-11-21T00:30:00Z' GROUP BY hour",
            true,
        ),
        (
            "SELECT date_trunc('day', time), count(*) FROM readings GROUP BY 1",
            true,
        ),
        (
            "SELECT r.sensor, sum(r.value) FROM readings AS r GROUP BY r.sensor",
            true,
        ),
        (
            "SELECT date_bin(interval '6 hours', time, TIMESTAMP '1970-01-01T00:00:00Z'), \
             min(value) FROM readings GROUP BY 1",
            true,
        ),
        (
            "SELECT date_bin(interval '20 minutes', time), avg(value) FROM readings GROUP BY 1",
            false,
        ),
        (
            "SELECT date_bin(interval '1 hour', time, TIMESTAMP '1970-01-01T00:30:00Z'), \
             min(value) FROM readings GROUP BY 1",
            false,
        ),
        (
            "SELECT date_trunc('second', time), count(*) FROM readings GROUP BY 1",
            false,
        ),
        (
            "SELECT location, max(value) FROM readings GROUP BY 1",
            false,
        ),
        ("SELECT quality, max(value) FROM readings GROUP BY 1", false),
        ("SELECT max(value + 1) FROM readings", false),
        ("SELECT max(time) FROM readings", false),
        ("SELECT count(DISTINCT value) FROM readings", false),
        (
            "SELECT sum(value) FILTER (WHERE value > 1) FROM readings",
            false,
        ),
        ("SELECT max(value) FROM readings WHERE value > 1", false),
        ("SELECT median(value) FROM readings", false),
        (
            "SELECT max(value) FROM (SELECT * FROM readings LIMIT 5)",
            false,
        ),
    ] {
        let plan = plan(&store, what);
        assert_eq!(plan.contains(used), expect, "{what}\n{plan}");
    }
    // Of texts there are no roll-ups, so that they would be left out.
    store.append(&[row("c", T0, vec![("state", t("up"))])]);
    let by_device = "SELECT device, count(*) FROM readings GROUP BY 1";
    assert!(!plan(&store, by_device).contains(used));
    let mut rows = store.sql(by_device);
    rows.sort();
    assert_eq!(rows, ["a|257", "b|257", "c|1"]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn answers_are_those_of_the_readings(
        groups in subsequence(
            vec!["device", "sensor", "unit", "date_bin(interval '1 hour', time)",
                "date_trunc('day', time)", "date_bin(interval '2 hours', time)"], 0..4),
        what in subsequence(
            vec!["min(value)", "max(value)", "avg(value)", "sum(value)", "count(value)",
                "count(*)"], 1..5),
        from in prop::option::of(-1_000_i64..20_000),
        length in prop::option::of(0_i64..20_000),
        sharp in any::<bool>(),
        names in select(vec!["", " AND sensor = 'x'", " AND device = 'b'",
            " AND sensor = 'y' AND device IN ('a', 'b')", " AND device = 'nobody'"]),
    ) {
        thread_local! {
            static STORE: (tempfile::TempDir, Store) = {
                let dir = tempfile::tempdir().unwrap();
                let store = filled(dir.path());
                (dir, store)
            };
        }
        let at = |second: i64| {
            let time = T0 + second * SECOND;
            let time = if sharp { time.div_euclid(HOUR) * HOUR } else { time };
            Timestamp(time).to_rfc3339()
        };
        let mut condition = String::from("true");
        if let Some(from) = from {
            condition.push_str(&format!(" AND time >= '{}'", at(from)));
        }
        if let Some(length) = length {
            condition.push_str(&format!(" AND time < '{}'", at(from.unwrap_or(0) + length)));
        }
        condition.push_str(names);
        let columns: Vec<&str> = groups.iter().chain(&what).copied().collect();
        let by = match groups.len() {
            0 => String::new(),
            _ => format!(" GROUP BY {}", groups.join(", ")),
        };
        STORE.with(|(_dir, store)| {
            let ask = |extra: &str| {
                let columns = columns.join(", ");
                let sql = format!("SELECT {columns} FROM readings WHERE {condition}{extra}{by}");
                let mut rows = store.sql(&sql);
                rows.sort();
                (rows, sql)
            };
            // A condition that cannot be looked up: then it is made of the readings.
            let (rolled, sql) = ask("");
            let (plain, _) = ask(" AND value > -1000");
            prop_assert_eq!(rolled, plain, "{}", sql);
            Ok(())
        })?;
    }
}
