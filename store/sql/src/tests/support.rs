//! An open store with its names and SQL over it; answers are lines of text.

use std::path::Path;
use std::time::Duration;

use arrow::array::RecordBatch;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use futures::TryStreamExt;
use weir_model::{Position, ReadingCounts, Timestamp};
use weir_series::{Applied, Checkpoint, CheckpointStats, Options, SeriesStore};
pub(crate) use weir_store_fixtures::{Names, R, SECOND, T0, late, n, row, t};

use crate::{QueryError, QueryLimits, Sql};

/// An open store, SQL over it, and its names.
pub(crate) struct Store {
    pub(crate) store: SeriesStore,
    pub(crate) sql: Sql,
    pub(crate) names: Names,
    position: u64,
}

pub(crate) fn config() -> weir_config::EmbeddedStore {
    weir_config::EmbeddedStore::default()
}

/// Tests have small files: they are rolled up too.
pub(crate) fn options() -> Options {
    Options {
        rollup_min_rows: 2,
        ..Options::default()
    }
}

pub(crate) fn open(dir: &Path) -> Store {
    let (store, restored) = SeriesStore::open_with(dir, &config(), options()).unwrap();
    attach(store, restored, Names::new())
}

/// Opens with the names that the engine would restore from its snapshot.
pub(crate) fn reopen(before: Store, dir: &Path) -> Store {
    let Store {
        store, sql, names, ..
    } = before;
    drop((store, sql));
    let (store, restored) = SeriesStore::open_with(dir, &config(), options()).unwrap();
    attach(store, restored, names)
}

pub(crate) fn attach(store: SeriesStore, restored: Option<Checkpoint>, names: Names) -> Store {
    store.attach(names.catalog.clone());
    let position = restored.map_or(0, |checkpoint| checkpoint.position.0);
    Store {
        sql: Sql::new(store.reader()),
        store,
        names,
        position,
    }
}

impl Store {
    pub(crate) fn append(&mut self, rows: &[R<'_>]) -> Applied {
        self.append_at(rows, T0)
    }

    pub(crate) fn append_at(&mut self, rows: &[R<'_>], now: i64) -> Applied {
        let batch = self.names.batch(rows);
        self.store.append(&batch, Timestamp(now))
    }

    pub(crate) fn checkpoint(&mut self) -> CheckpointStats {
        self.position += 1;
        let counts = ReadingCounts {
            stored: self.position,
            ..ReadingCounts::default()
        };
        let snapshot = self.position.to_le_bytes();
        self.store
            .checkpoint(Position(self.position), &snapshot, &counts, &mut || Ok(()))
            .unwrap()
    }

    pub(crate) fn sql(&self, sql: &str) -> Vec<String> {
        self.try_sql(sql, QueryLimits::default()).unwrap()
    }

    pub(crate) fn try_sql(
        &self,
        sql: &str,
        limits: QueryLimits,
    ) -> Result<Vec<String>, QueryError> {
        block_on(async {
            let stream = self.sql.query(sql, limits).await?;
            let batches: Vec<_> = stream.try_collect().await?;
            Ok(show(&batches))
        })
    }

    pub(crate) fn count(&self) -> u64 {
        self.sql("SELECT count(*) FROM readings")[0]
            .parse()
            .unwrap()
    }
}

/// Rows as texts, with `|` between the columns.
pub(crate) fn show(batches: &[RecordBatch]) -> Vec<String> {
    let options = FormatOptions::default().with_null("-");
    let mut lines = Vec::new();
    for batch in batches {
        let columns: Vec<_> = batch
            .columns()
            .iter()
            .map(|column| ArrayFormatter::try_new(column, &options).unwrap())
            .collect();
        for row in 0..batch.num_rows() {
            let cells = columns.iter().map(|column| column.value(row).to_string());
            lines.push(cells.collect::<Vec<_>>().join("|"));
        }
    }
    lines
}

pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let value = runtime.block_on(future);
    runtime.shutdown_timeout(Duration::from_secs(1));
    value
}
