//! What happens at the bounds of statements and of their number.

use std::time::Duration;

use super::support::{T0, block_on, n, open, row};
use crate::{QueryError, QueryLimits};

#[test]
fn a_statement_that_is_too_long_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let of_bytes = |bytes: usize| format!("SELECT length('{}')", "x".repeat(bytes - 17));
    assert_eq!(store.sql(&of_bytes(64 * 1024)), ["65519"]);
    let error = store
        .try_sql(&of_bytes(64 * 1024 + 1), QueryLimits::default())
        .unwrap_err();
    assert!(
        matches!(
            error,
            QueryError::TooLong {
                bytes: 65_537,
                limit: 65_536
            }
        ),
        "{error:?}"
    );
}

#[test]
fn queries_beyond_their_number_wait_and_then_fail() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path());
    store.append(&[row("a", T0, vec![("x", n(1.0))])]);
    let sql = store.sql.clone().with_concurrency(1);
    block_on(async {
        let first = sql
            .query("SELECT * FROM readings", QueryLimits::default())
            .await
            .unwrap();
        let limits = QueryLimits {
            timeout: Duration::from_millis(50),
            ..QueryLimits::default()
        };
        let second = sql.query("SELECT value FROM readings", limits).await;
        assert!(matches!(second, Err(QueryError::Busy { .. })));
        drop(first);
        let third = sql.query("SELECT value FROM readings", QueryLimits::default());
        assert!(third.await.is_ok());
    });
}
