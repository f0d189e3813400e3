//! Which statements are run without a plan, and that their answers are those of
//! a plan.

use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::tokenizer::Tokenizer;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use super::*;
use crate::tests::support::{SECOND, Store, T0, late, n, open, row, t};

fn recognised(sql: &str, table: &Schema) -> Option<Direct> {
    let tokens = Tokenizer::new(&GenericDialect {}, sql).tokenize().unwrap();
    recognise(&tokens, table)
}

/// Readings in files and in memory, with gaps, texts and rows out of order.
fn filled(dir: &std::path::Path) -> Store {
    let mut store = open(dir);
    for minute in 0..6_i64 {
        for (at, device) in ["a", "b", "c"].into_iter().enumerate() {
            let time = T0 + minute * 60 * SECOND + at as i64;
            store.append(&[
                row(device, time, vec![("x", n(minute as f64)), ("s", t("up"))]),
                row(device, time + SECOND, vec![("y [bar]", n(0.5))]),
            ]);
        }
        store.append(&[late("b", T0 - minute * SECOND, vec![("x", n(9.0))])]);
        if minute % 2 == 0 {
            store.checkpoint();
        }
    }
    store
}

#[test]
fn only_the_simple_form_goes_without_a_plan() {
    let table = columns::schema();
    for (sql, expect) in [
        ("select * from readings", true),
        ("SELECT time, value FROM readings;", true),
        (
            "SELECT \"time\" AS t, Device FROM \"readings\" LIMIT 5",
            true,
        ),
        (
            "SELECT count(*) AS n FROM readings WHERE sensor = 'x'",
            true,
        ),
        (
            "SELECT time -- when\n FROM readings WHERE device IN ('a','b') AND time BETWEEN \
             '2026-11-21' AND '2026-11-21T01:00:00+01:00' ORDER BY time DESC LIMIT 10",
            true,
        ),
        ("SELECT time, time FROM readings", false),
        ("SELECT * FROM readings r", false),
        ("SELECT * FROM readings, alarms", false),
        ("SELECT * FROM \"Readings\"", false),
        ("SELECT DISTINCT device FROM readings", false),
        ("SELECT count(value) FROM readings", false),
        ("SELECT count(*) FROM readings LIMIT 1", false),
        ("SELECT count(*), device FROM readings", false),
        (
            "SELECT time FROM readings WHERE device = 'a' OR sensor = 'b'",
            false,
        ),
        ("SELECT time FROM readings WHERE device = $1", false),
        ("SELECT time FROM readings WHERE device <> 'a'", false),
        ("SELECT time FROM readings WHERE value > 1", false),
        ("SELECT time FROM readings WHERE time > 'yesterday'", false),
        ("SELECT time FROM readings WHERE time > now()", false),
        ("SELECT time FROM readings WHERE NOT device = 'a'", false),
        ("SELECT time FROM readings ORDER BY value", false),
        ("SELECT value FROM readings ORDER BY time", false),
        ("SELECT time FROM readings ORDER BY time NULLS FIRST", false),
        ("SELECT time FROM readings LIMIT 0", false),
        ("SELECT time FROM readings LIMIT 1 OFFSET 1", false),
        ("SELECT time FROM readings; SELECT 1", false),
        ("SELECT time + interval '1 hour' FROM readings", false),
        ("SELECT nothing FROM readings", false),
        ("SELECT FROM readings", false),
        ("EXPLAIN SELECT * FROM readings", false),
        ("DELETE FROM readings", false),
    ] {
        let found = recognised(sql, &table);
        assert_eq!(found.is_some(), expect, "{sql}: {found:?}");
    }
}

#[test]
fn a_result_has_the_columns_that_a_plan_gives_it() {
    let dir = tempfile::tempdir().unwrap();
    let store = filled(dir.path());
    for what in [
        "*",
        "time, value AS v",
        "\"time\", quality, text",
        "count(*)",
        "count(*) AS n",
    ] {
        let schema = |from: &str| {
            let sql = format!("SELECT {what} FROM {from}");
            let limits = crate::QueryLimits::default();
            let prepared = store.sql.clone();
            crate::tests::support::block_on(async move {
                let prepared = prepared
                    .prepare(&sql, crate::Dialect::Generic, limits)
                    .await;
                prepared.unwrap().schema()
            })
        };
        assert_eq!(schema("readings"), schema("readings AS r"), "{what}");
    }
}

fn condition() -> impl Strategy<Value = String> {
    let device = select(vec!["a", "b", "zz", "it''s"]);
    let sensor = select(vec!["x", "y", "s", "nothing"]);
    let instant = (-10_i64..400)
        .prop_map(|seconds| weir_model::Timestamp(T0 + seconds * SECOND).to_rfc3339());
    let operator = select(vec!["=", "<", "<=", ">", ">="]);
    prop_oneof![
        device.clone().prop_map(|name| format!("device = '{name}'")),
        (device.clone(), device).prop_map(|(a, b)| format!("device IN ('{a}', '{b}')")),
        sensor.prop_map(|name| format!("sensor = '{name}'")),
        (operator, instant.clone()).prop_map(|(op, at)| format!("time {op} '{at}'")),
        (instant.clone(), instant).prop_map(|(a, b)| format!("time BETWEEN '{a}' AND '{b}'")),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn answers_are_those_of_a_plan(
        columns in subsequence(vec!["time", "device", "sensor", "value", "text", "unit", "quality"], 1..6),
        conditions in prop::collection::vec(condition(), 0..3),
        descending in any::<bool>(),
        limit in prop::option::of(1_usize..30),
        counts in any::<bool>(),
    ) {
        thread_local! {
            static STORE: (tempfile::TempDir, Store) = {
                let dir = tempfile::tempdir().unwrap();
                let store = filled(dir.path());
                (dir, store)
            };
        }
        let mut filter = conditions.join(" AND ");
        if !filter.is_empty() {
            filter.insert_str(0, " WHERE ");
        }
        // A limit is only certain about which rows it keeps when all are in order.
        let sorted = ["time", "device", "sensor"].iter().all(|key| columns.contains(key));
        let mut tail = String::new();
        if sorted {
            tail = " ORDER BY time, device, sensor".to_owned();
            if descending {
                tail.push_str(" DESC");
            }
            if let Some(limit) = limit {
                tail.push_str(&format!(" LIMIT {limit}"));
            }
        }
        let (what, tail) = if counts { ("count(*)".to_owned(), "") } else { (columns.join(", "), &*tail) };
        STORE.with(|(_dir, store)| {
            let table = columns::schema();
            let sql = format!("SELECT {what} FROM readings{filter}{tail}");
            prop_assert!(recognised(&sql, &table).is_some(), "{}", sql);
            let mut direct = store.sql(&sql);
            let mut planned = store.sql(&format!("SELECT {what} FROM readings AS r{filter}{tail}"));
            if !sorted {
                direct.sort();
                planned.sort();
            }
            prop_assert_eq!(direct, planned, "{}", sql);
            Ok(())
        })?;
    }
}
