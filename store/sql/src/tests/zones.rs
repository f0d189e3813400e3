//! Local days and hours, where clocks change and where they differ by half an hour.

use weir_model::Timestamp;

use super::support::{SECOND, Store, n, open, row};

const MINUTE: i64 = 60 * SECOND;

fn at(text: &str) -> i64 {
    Timestamp::parse_rfc3339(text).unwrap().0
}

/// A reading of 1 at every half hour of these days of UTC.
fn filled(dir: &std::path::Path, from: &str, days: i64) -> Store {
    let mut store = open(dir);
    let from = at(from);
    for half_hour in 0..days * 48 {
        let time = from + half_hour * 30 * MINUTE;
        store.append_at(&[row("a", time, vec![("x", n(1.0))])], time);
    }
    store.checkpoint();
    store
}

/// Begins of steps in UTC, and how many readings they have.
#[track_caller]
fn check(store: &Store, time: &str, from: &str, expect: &[(&str, i64)]) {
    let sql = format!(
        "SELECT CAST(t AS timestamp with time zone) AT TIME ZONE 'UTC', n FROM \
         (SELECT {time} AS t, {from} GROUP BY 1) ORDER BY 1"
    );
    let expect: Vec<_> = expect
        .iter()
        .map(|(begin, count)| format!("{begin}:00Z|{count}"))
        .collect();
    assert_eq!(store.sql(&sql), expect, "{sql}");
}

#[test]
fn days_begin_at_local_midnight_also_when_clocks_change() {
    let spring = [
        ("2026-03-27T23:00", 48),
        ("2026-03-28T23:00", 46),
        ("2026-03-29T22:00", 48),
    ];
    let autumn = [
        ("2026-10-23T22:00", 48),
        ("2026-10-24T22:00", 50),
        ("2026-10-25T23:00", 48),
    ];
    for (first, days) in [
        ("2026-03-27T23:00:00Z", spring),
        ("2026-10-23T22:00:00Z", autumn),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let store = filled(dir.path(), first, 4);
        let last = Timestamp(at(first) + (days[0].1 + days[1].1 + days[2].1) * 30 * MINUTE);
        let last = last.to_rfc3339();
        let within = format!("count(*) AS n FROM readings WHERE time < '{last}'");
        let local = "time AT TIME ZONE 'Europe/Brussels'";
        check(
            &store,
            &format!("date_bin(INTERVAL '1 day', {local})"),
            &within,
            &days,
        );
        check(
            &store,
            &format!("date_trunc('day', {local})"),
            &within,
            &days,
        );
        let origin = "TIMESTAMP '2026-01-01T00:00:00' AT TIME ZONE 'Europe/Brussels'";
        let bins = format!("date_bin(INTERVAL '1 day', {local}, {origin})");
        check(&store, &bins, &within, &days);
        let rolled_up = format!(
            "sum(count) AS n FROM downsample('1d', '{first}', '{last}', 'Europe/Brussels')"
        );
        check(&store, "time", &rolled_up, &days);
        let all = format!(
            "sum(count) AS n FROM downsample('1d', 'Europe/Brussels') WHERE time < '{last}'"
        );
        check(&store, "time", &all, &days);
    }
}

#[test]
fn an_hour_that_the_clock_shows_twice_is_two_hours() {
    let dir = tempfile::tempdir().unwrap();
    let store = filled(dir.path(), "2026-10-25T00:00:00Z", 1);
    let within = "count(*) AS n FROM readings WHERE time < '2026-10-25T03:00:00Z'";
    let hours = [
        ("2026-10-25T00:00", 2),
        ("2026-10-25T01:00", 2),
        ("2026-10-25T02:00", 2),
    ];
    let local = "time AT TIME ZONE 'Europe/Brussels'";
    check(
        &store,
        &format!("date_bin(INTERVAL '1 hour', {local})"),
        within,
        &hours,
    );
    check(
        &store,
        &format!("date_trunc('hour', {local})"),
        within,
        &hours,
    );
}

#[test]
fn days_and_hours_where_the_clock_is_ahead_by_half_an_hour() {
    let dir = tempfile::tempdir().unwrap();
    let store = filled(dir.path(), "2026-11-20T18:30:00Z", 2);
    let within = "count(*) AS n FROM readings";
    let days = [("2026-11-20T18:30", 48), ("2026-11-21T18:30", 48)];
    let local = "time AT TIME ZONE 'Asia/Kolkata'";
    check(
        &store,
        &format!("date_bin(INTERVAL '1 day', {local})"),
        within,
        &days,
    );
    check(
        &store,
        &format!("date_trunc('day', {local})"),
        within,
        &days,
    );
    let rolled_up = "sum(count) AS n FROM downsample('1d', 'Asia/Kolkata')";
    check(&store, "time", rolled_up, &days);
    let within = "count(*) AS n FROM readings WHERE time < '2026-11-20T20:00:00Z'";
    let hours = [("2026-11-20T18:30", 2), ("2026-11-20T19:30", 1)];
    check(
        &store,
        &format!("date_bin(INTERVAL '1 hour', {local})"),
        within,
        &hours,
    );
    check(
        &store,
        &format!("date_trunc('hour', {local})"),
        within,
        &hours,
    );
    let unknown = store.try_sql(
        "SELECT * FROM downsample('1d', 'Europe/Nowhere')",
        crate::QueryLimits::default(),
    );
    assert!(unknown.unwrap_err().to_string().contains("Europe/Nowhere"));
}
