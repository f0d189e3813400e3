//! What a query may do, what it may not, and what it costs.

use std::sync::Arc;
use std::time::Duration;

use arrow::array::{Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use futures::TryStreamExt;

use weir_series::BoxError;

use super::support::{SECOND, Store, T0, block_on, n, open, row, t};
use crate::{QueryError, QueryLimits, TableSource};

fn filled(dir: &std::path::Path) -> Store {
    let mut store = open(dir);
    for minute in 0..3 {
        for device in ["a", "b", "c"] {
            let time = T0 + minute * 60 * SECOND;
            store.append(&[row(
                device,
                time,
                vec![("x", n(minute as f64)), ("s [u]", t("up"))],
            )]);
        }
        if minute < 2 {
            store.checkpoint();
        }
    }
    store
}

#[test]
fn conditions_are_looked_up_and_answers_stay_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let store = filled(dir.path());
    let time = |minute: i64| format!("TIMESTAMP '2026-11-21T00:0{minute}:00Z'");
    for (condition, expect, pushed) in [
        ("device = 'a'", 6, "devices=1"),
        ("device IN ('a', 'c')", 12, "devices=2"),
        ("device IN ('a', 'b', 'c', 'd', 'e')", 18, "devices=5"),
        ("device = 'a' AND device = 'b'", 0, ""),
        ("sensor = 'x'", 9, "sensors=1"),
        (
            "sensor IN ('x', 's') AND device = 'b'",
            6,
            "devices=1, sensors=2",
        ),
        (&format!("time >= {}", time(1)), 12, "time=["),
        (
            &format!("time > {} AND time <= {}", time(0), time(1)),
            6,
            "time=[",
        ),
        (
            &format!("time BETWEEN {} AND {}", time(1), time(2)),
            12,
            "time=[",
        ),
        ("time >= '2026-11-21T00:01:00Z'", 12, "time=["),
        (&format!("{} = time", time(2)), 6, "time=["),
        ("time > now() - interval '100 years'", 18, "time=["),
        ("time < to_timestamp(0)", 0, "time=["),
        ("device LIKE 'a%'", 6, ""),
        ("device <> 'a'", 12, ""),
        ("device = 'a' OR sensor = 'x'", 12, ""),
        ("value > 1.5", 3, ""),
        ("text = 'up' AND unit = 'u'", 9, ""),
        (
            "location IS NULL AND quality = 'good' AND flags = ''",
            18,
            "",
        ),
        ("false", 0, ""),
    ] {
        let query = format!("SELECT count(*) FROM readings WHERE {condition}");
        assert_eq!(store.sql(&query), [expect.to_string()], "{condition}");
        let plan = store.sql(&format!("EXPLAIN SELECT * FROM readings WHERE {condition}"));
        let plan = plan.join("\n");
        assert!(plan.contains(pushed), "{condition}: {plan}");
        if !pushed.is_empty() {
            assert!(!plan.contains("FilterExec"), "{condition}: {plan}");
        }
    }
}

#[test]
fn counting_everything_reads_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let store = filled(dir.path());
    for query in [
        "SELECT count(*) FROM readings",
        "SELECT count(*) FROM readings WHERE sensor = 'zzz' OR sensor = 'yyy'",
    ] {
        store.sql(query);
    }
    let plan = store
        .sql("EXPLAIN SELECT count(*) FROM readings")
        .join("\n");
    assert!(plan.contains("PlaceholderRowExec"), "{plan}");
    assert_eq!(store.count(), 18);
}

#[test]
fn usual_questions_have_usual_answers() {
    let dir = tempfile::tempdir().unwrap();
    let store = filled(dir.path());
    for (query, expect) in [
        (
            "SELECT device, max(value) FROM readings GROUP BY device ORDER BY 1",
            vec!["a|2.0", "b|2.0", "c|2.0"],
        ),
        (
            "SELECT date_bin(interval '2 minutes', time) AS t, avg(value) FROM readings \
             WHERE sensor = 'x' GROUP BY t ORDER BY t",
            vec!["2026-11-21T00:00:00Z|0.5", "2026-11-21T00:02:00Z|2.0"],
        ),
        (
            "SELECT last_value(value ORDER BY time) FROM readings WHERE sensor = 'x' AND device = 'b'",
            vec!["2.0"],
        ),
        (
            "SELECT value FROM readings WHERE device = 'a' AND sensor = 'x' ORDER BY time DESC LIMIT 1",
            vec!["2.0"],
        ),
        (
            "SELECT count(*) FROM (SELECT * FROM readings LIMIT 5)",
            vec!["5"],
        ),
        (
            "SELECT DISTINCT sensor, unit, text FROM readings ORDER BY 1",
            vec!["s|u|up", "x|-|-"],
        ),
        ("SELECT 1", vec!["1"]),
        (
            "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' \
             ORDER BY 1",
            vec!["readings", "readings_1h", "readings_1m"],
        ),
        (
            "WITH r AS (SELECT * FROM readings) SELECT count(*) FROM r a JOIN r b ON a.time = b.time",
            vec!["108"],
        ),
    ] {
        assert_eq!(store.sql(query), expect, "{query}");
    }
    assert!(!store.sql("SHOW TABLES").is_empty());
    assert!(!store.sql("DESCRIBE readings").is_empty());
}

#[test]
fn texts_leave_as_utf8() {
    let dir = tempfile::tempdir().unwrap();
    let store = filled(dir.path());
    let query = "SELECT time, device, sensor, value, text, unit, array_agg(flags) AS f \
                 FROM readings GROUP BY 1, 2, 3, 4, 5, 6";
    let batches: Vec<RecordBatch> = block_on(async {
        let stream = store
            .sql
            .query(query, QueryLimits::default())
            .await
            .unwrap();
        let schema = stream.schema();
        let batches: Vec<RecordBatch> = stream.try_collect().await.unwrap();
        assert!(batches.iter().all(|batch| batch.schema() == schema));
        batches
    });
    let types: Vec<String> = batches[0]
        .schema()
        .fields()
        .iter()
        .map(|field| field.data_type().to_string())
        .collect();
    assert_eq!(
        types[..6],
        [
            "Timestamp(ns, \"UTC\")",
            "Utf8",
            "Utf8",
            "Float64",
            "Utf8",
            "Utf8"
        ]
    );
    assert!(
        types[6].starts_with("List(") && !types[6].contains("View"),
        "{}",
        types[6]
    );
}

#[test]
fn whatever_is_no_query_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let store = filled(dir.path());
    let target = dir.path().join("stolen.csv");
    let target = target.display();
    for statement in [
        &format!("COPY readings TO '{target}'"),
        &format!("COPY (SELECT 1) TO '{target}' STORED AS CSV"),
        &format!("CREATE EXTERNAL TABLE x STORED AS CSV LOCATION '{target}'"),
        "EXPLAIN ANALYZE COPY readings TO '/tmp/x.csv'",
        "CREATE TABLE x AS SELECT * FROM readings",
        "CREATE VIEW x AS SELECT * FROM readings",
        "CREATE SCHEMA x",
        "CREATE FUNCTION f() RETURNS int RETURN 1",
        "DROP TABLE readings",
        "DELETE FROM readings",
        "UPDATE readings SET value = 0",
        "INSERT INTO readings SELECT * FROM readings",
        "TRUNCATE TABLE readings",
        "SET datafusion.execution.batch_size = 1",
        "RESET datafusion.execution.batch_size",
        "PREPARE p AS SELECT 1",
        "BEGIN",
        "SELECT 1; DROP TABLE readings",
        "SELECT 1; SELECT 2",
    ] {
        let error = store
            .try_sql(statement, QueryLimits::default())
            .unwrap_err();
        assert!(
            matches!(error, QueryError::Refused { .. }),
            "{statement}: {error:?}"
        );
    }
    for query in [
        "",
        "SELEC 1",
        "SELECT * FROM nowhere",
        "SELECT nothing FROM readings",
        "SELECT * FROM '/etc/passwd'",
        "SELECT * FROM 'file:///etc/passwd'",
        "SELECT * FROM read_parquet('/etc/passwd')",
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT repeat('x', 2000000000)",
        "SELECT lpad('x', 2000000000)",
        "SELECT range(0, 10000000000)",
        "SELECT array_repeat(1, 10000000000)",
    ] {
        let error = store.try_sql(query, QueryLimits::default()).unwrap_err();
        assert!(
            matches!(error, QueryError::Invalid(_)),
            "{query}: {error:?}"
        );
    }
    let long = format!("SELECT '{}'", "x".repeat(70_000));
    let error = store.try_sql(&long, QueryLimits::default()).unwrap_err();
    assert!(matches!(error, QueryError::TooLong { .. }), "{error:?}");
    let error = store
        .try_sql("SELECT 1 / 0", QueryLimits::default())
        .unwrap_err();
    assert!(
        matches!(error, QueryError::Failed(_) | QueryError::Invalid(_)),
        "{error:?}"
    );
    assert_eq!(store.count(), 18);
}

#[test]
fn deep_and_long_expressions_do_not_end_the_process() {
    let dir = tempfile::tempdir().unwrap();
    let store = filled(dir.path());
    let sums = |count: usize| format!("SELECT 1{}", " + 1".repeat(count));
    assert_eq!(store.sql(&sums(990)), ["991"]);
    assert_eq!(
        store.sql(&format!("SELECT 1{}", "::int".repeat(990))),
        ["1"]
    );
    let values: Vec<String> = (0..450).map(|value| format!("value <= {value}")).collect();
    let query = format!(
        "SELECT count(*) FROM readings WHERE {}",
        values.join(" OR ")
    );
    assert_eq!(store.sql(&query), ["9"]);
    let names: Vec<String> = (0..2_000).map(|name| format!("'{name}'")).collect();
    let query = format!(
        "SELECT count(*) FROM readings WHERE device IN ('a', {})",
        names.join(",")
    );
    assert_eq!(store.sql(&query), ["6"]);
    for query in [
        sums(15_000),
        format!("SELECT {}1{}", "(".repeat(20_000), ")".repeat(20_000)),
        format!("SELECT {}1", "NOT ".repeat(15_000)),
        format!("SELECT {}1", "- ".repeat(30_000)),
        vec!["SELECT 1"; 3_000].join(" UNION ALL "),
        format!("SELECT {}1{}", "abs(".repeat(400), ")".repeat(400)),
    ] {
        let error = store.try_sql(&query, QueryLimits::default()).unwrap_err();
        assert!(matches!(error, QueryError::Invalid(_)), "{error:?}");
    }
}

#[test]
fn a_query_without_end_is_stopped() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path());
    for second in 0..3_000 {
        store.append(&[row(
            "a",
            T0 + second,
            vec![("x", n(second as f64)), ("y", n(1.0))],
        )]);
    }
    let timeout = Duration::from_millis(300);
    let limits = QueryLimits {
        timeout,
        ..QueryLimits::default()
    };
    for query in [
        "SELECT count(*) FROM readings a, readings b, readings c WHERE a.value + b.value < c.value",
        "SELECT sum(a.value * b.value * c.value) FROM readings a, readings b, readings c",
        "SELECT sum(value) FROM generate_series(1, 1000000000000)",
        "WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n FROM r) SELECT count(*) FROM r",
    ] {
        let error = store.try_sql(query, limits).unwrap_err();
        assert!(
            matches!(error, QueryError::Timeout { .. }),
            "{query}: {error:?}"
        );
    }
    let limits = QueryLimits {
        max_rows: 5_999,
        ..QueryLimits::default()
    };
    let error = store.try_sql("SELECT * FROM readings", limits).unwrap_err();
    assert!(
        matches!(error, QueryError::TooManyRows { limit: 5_999 }),
        "{error:?}"
    );
    let limits = QueryLimits {
        memory: 64 * 1024,
        ..QueryLimits::default()
    };
    for query in [
        "SELECT time, count(*) FROM readings GROUP BY time",
        "SELECT * FROM readings ORDER BY value",
        "SELECT count(*) FROM readings a JOIN readings b ON a.value = b.value",
    ] {
        let error = store.try_sql(query, limits).unwrap_err();
        assert!(matches!(error, QueryError::Memory(_)), "{query}: {error:?}");
    }
}

/// A table of numbers.
struct Numbers;

impl TableSource for Numbers {
    fn schema(&self) -> SchemaRef {
        let name = Field::new("name", DataType::Utf8, false);
        Arc::new(Schema::new(vec![
            Field::new("n", DataType::Int64, false),
            name,
        ]))
    }

    fn batch(&self, limit: Option<usize>) -> Result<RecordBatch, BoxError> {
        let count = limit.unwrap_or(100).min(100) as i64;
        let names = (0..count).map(|n| format!("number {n}"));
        Ok(RecordBatch::try_new(
            self.schema(),
            vec![
                Arc::new(Int64Array::from_iter_values(0..count)),
                Arc::new(StringArray::from_iter_values(names)),
            ],
        )?)
    }
}

#[test]
fn registered_tables_are_queried_like_readings() {
    let dir = tempfile::tempdir().unwrap();
    let store = filled(dir.path());
    store.sql.clone().register("numbers", Arc::new(Numbers));
    store.sql.clone().register("numbers", Arc::new(Numbers));
    assert_eq!(store.sql("SELECT sum(n) FROM numbers"), ["4950"]);
    assert_eq!(
        store.sql("SELECT name FROM numbers WHERE n = 7"),
        ["number 7"]
    );
    assert_eq!(store.sql("SELECT n FROM numbers LIMIT 2"), ["0", "1"]);
    assert_eq!(
        store.sql("SELECT count(*) FROM readings JOIN numbers ON value = n WHERE n < 2"),
        ["6"]
    );
    let error = store.try_sql(
        "INSERT INTO numbers VALUES (1, 'x')",
        QueryLimits::default(),
    );
    assert!(matches!(error, Err(QueryError::Refused { .. })));
}

#[test]
fn names_need_no_care() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path());
    let names = [
        "time", "device", "location", "flags", "_x", "a\"b'c", "a.b", "日本", "Time", "value",
    ];
    let cells = names.iter().map(|name| (*name, n(1.0))).collect();
    store.append(&[row("a", T0, cells)]);
    for _ in 0..2 {
        let mut expect = names.to_vec();
        expect.sort_unstable();
        assert_eq!(
            store.sql("SELECT sensor FROM readings ORDER BY sensor"),
            expect
        );
        assert_eq!(
            store.sql("SELECT value FROM readings WHERE sensor = 'a\"b''c'"),
            ["1.0"]
        );
        store.checkpoint();
    }
}

#[test]
fn queries_run_while_rows_are_appended() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path());
    let sql = store.sql.clone();
    let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let stopped = stop.clone();
    let reader = std::thread::spawn(move || {
        block_on(async {
            let mut seen = 0;
            while !stopped.load(std::sync::atomic::Ordering::Acquire) {
                let query =
                    "SELECT count(*), count(value), sum(value) FROM readings WHERE device = 'a'";
                let stream = sql.query(query, QueryLimits::default()).await.unwrap();
                let batches: Vec<RecordBatch> = stream.try_collect().await.unwrap();
                let count = |column: usize| {
                    use arrow::array::AsArray;
                    use arrow::datatypes::Int64Type;
                    batches[0]
                        .column(column)
                        .as_primitive::<Int64Type>()
                        .value(0)
                };
                // Every row has one number and one text: a moment is never cut through a row.
                assert_eq!(count(0), 2 * count(1));
                assert!(count(0) >= seen, "what was seen stays");
                seen = count(0);
            }
            seen
        })
    });
    for second in 0..5_000 {
        store.append(&[row("a", T0 + second, vec![("x", n(1.0)), ("s", t("up"))])]);
        if second % 1_000 == 999 {
            store.checkpoint();
        }
    }
    stop.store(true, std::sync::atomic::Ordering::Release);
    assert!(reader.join().unwrap() <= 10_000);
    assert_eq!(store.count(), 10_000);
}

/// The list that every endpoint is tested with.
#[derive(serde::Deserialize)]
struct Hostile {
    refused: Vec<String>,
    stopped: Vec<String>,
}

#[test]
fn hostile_statements_are_refused_or_stopped() {
    let dir = tempfile::tempdir().unwrap();
    let store = filled(dir.path());
    let hostile: Hostile =
        serde_json::from_str(include_str!("../../../../tests/hostile.json")).unwrap();
    for sql in &hostile.refused {
        let error = store.try_sql(sql, QueryLimits::default()).unwrap_err();
        assert!(
            matches!(error, QueryError::Refused { .. } | QueryError::Invalid(_)),
            "{sql}: {error:?}"
        );
    }
    let limits = QueryLimits {
        timeout: Duration::from_millis(300),
        max_rows: 10_000,
        memory: 16 << 20,
    };
    for sql in &hostile.stopped {
        let error = store.try_sql(sql, limits).unwrap_err();
        assert!(
            matches!(
                error,
                QueryError::Timeout { .. } | QueryError::TooManyRows { .. } | QueryError::Memory(_)
            ),
            "{sql}: {error:?}"
        );
    }
    assert_eq!(store.count(), 18);
    assert_eq!(store.sql.clone().running(), 0);
}
