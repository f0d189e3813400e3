//! A store with a catalog, rows by name, and answers as lines of text.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use arrow::util::display::{ArrayFormatter, FormatOptions};
use futures::TryStreamExt;
use weir_model::{
    Catalog, Cell, Column, ColumnIx, DeviceIx, Flags, LocationIx, Position, ReadingCounts, Row,
    RowBatch, Timestamp, Value, ValueKind,
};

use crate::{Applied, Checkpoint, CheckpointStats, EmbeddedStore, QueryError, QueryLimits};

/// 2026-11-21T00:00:00Z
pub(crate) const T0: i64 = 1_795_219_200_000_000_000;
pub(crate) const SECOND: i64 = 1_000_000_000;

/// A value as tests write it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum V {
    N(f64),
    T(String),
}

pub(crate) fn n(value: f64) -> V {
    V::N(value)
}

pub(crate) fn t(value: &str) -> V {
    V::T(value.to_owned())
}

/// A row by name. Units are written behind the sensor: `temperature [°C]`.
pub(crate) struct R<'a> {
    pub(crate) device: &'a str,
    pub(crate) time: i64,
    pub(crate) location: &'a str,
    pub(crate) flags: Flags,
    pub(crate) cells: Vec<(&'a str, V)>,
}

pub(crate) fn row<'a>(device: &'a str, time: i64, cells: Vec<(&'a str, V)>) -> R<'a> {
    R {
        device,
        time,
        location: "",
        flags: Flags::default(),
        cells,
    }
}

pub(crate) fn late<'a>(device: &'a str, time: i64, cells: Vec<(&'a str, V)>) -> R<'a> {
    R {
        flags: Flags::LATE,
        ..row(device, time, cells)
    }
}

/// What the engine does with names.
#[derive(Default)]
pub(crate) struct Names {
    pub(crate) catalog: Arc<Catalog>,
    devices: HashMap<String, DeviceIx>,
    columns: HashMap<(String, ValueKind), ColumnIx>,
    locations: HashMap<String, LocationIx>,
}

impl Names {
    pub(crate) fn new() -> Self {
        Self {
            catalog: Arc::new(Catalog::new()),
            ..Self::default()
        }
    }

    fn device(&mut self, name: &str) -> DeviceIx {
        let catalog = &self.catalog;
        *self
            .devices
            .entry(name.to_owned())
            .or_insert_with(|| catalog.add_device(name.into()))
    }

    fn column(&mut self, name: &str, kind: ValueKind) -> ColumnIx {
        let catalog = &self.catalog;
        *self
            .columns
            .entry((name.to_owned(), kind))
            .or_insert_with(|| {
                let (sensor, unit) = match name.split_once(" [") {
                    Some((sensor, unit)) => (sensor, Some(unit.trim_end_matches(']').into())),
                    None => (name, None),
                };
                catalog.add_column(Arc::new(Column {
                    sensor: sensor.into(),
                    unit,
                    kind,
                }))
            })
    }

    fn location(&mut self, name: &str) -> LocationIx {
        if name.is_empty() {
            return LocationIx(0);
        }
        let catalog = &self.catalog;
        let locations = &mut self.locations;
        *locations
            .entry(name.to_owned())
            .or_insert_with(|| catalog.add_location(name.into()))
    }

    pub(crate) fn batch(&mut self, rows: &[R<'_>]) -> RowBatch {
        let mut batch = RowBatch::default();
        for row in rows {
            let first_cell = batch.cells.len() as u32;
            for (name, value) in &row.cells {
                let (kind, value) = match value {
                    V::N(number) => (ValueKind::Number, Value::Number(*number)),
                    V::T(text) => {
                        batch.texts.push(text.as_str().into());
                        (ValueKind::Text, Value::Text(batch.texts.len() as u32 - 1))
                    }
                };
                batch.cells.push(Cell {
                    column: self.column(name, kind),
                    value,
                });
            }
            batch.rows.push(Row {
                position: Position(0),
                device: self.device(row.device),
                location: self.location(row.location),
                time: Timestamp(row.time),
                flags: row.flags,
                first_cell,
                cell_count: row.cells.len() as u32,
            });
        }
        batch
    }
}

/// An open store and its names.
pub(crate) struct Store {
    pub(crate) store: EmbeddedStore,
    pub(crate) names: Names,
    pub(crate) restored: Option<Checkpoint>,
    position: u64,
}

pub(crate) fn config() -> weir_config::EmbeddedStore {
    weir_config::EmbeddedStore::default()
}

pub(crate) fn open(dir: &Path) -> Store {
    let (store, restored) = EmbeddedStore::open(dir, &config()).unwrap();
    attach(store, restored, Names::new())
}

/// Opens with the names that the engine would restore from its snapshot.
pub(crate) fn reopen(before: Store, dir: &Path) -> Store {
    let Store { store, names, .. } = before;
    drop(store);
    let (store, restored) = EmbeddedStore::open(dir, &config()).unwrap();
    attach(store, restored, names)
}

pub(crate) fn attach(store: EmbeddedStore, restored: Option<Checkpoint>, names: Names) -> Store {
    store.attach(names.catalog.clone());
    let position = restored
        .as_ref()
        .map_or(0, |checkpoint| checkpoint.position.0);
    Store {
        store,
        names,
        restored,
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
            let stream = self.store.sql().query(sql, limits).await?;
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
pub(crate) fn show(batches: &[arrow::array::RecordBatch]) -> Vec<String> {
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
