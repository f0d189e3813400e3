//! An open store with its names, and its readings as lines of text.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::{Float64Type, TimestampNanosecondType};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use weir_model::{Position, ReadingCounts, Timestamp};
pub(crate) use weir_store_fixtures::{Names, R, SECOND, T0, V, late, n, row, t};

use crate::read::columns;
use crate::{
    Applied, Checkpoint, CheckpointStats, Filter, Options, ReadView, RollupStep, SeriesStore,
};

/// An open store and its names.
pub(crate) struct Store {
    pub(crate) store: SeriesStore,
    pub(crate) names: Names,
    pub(crate) restored: Option<Checkpoint>,
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
    let Store { store, names, .. } = before;
    drop(store);
    let (store, restored) = SeriesStore::open_with(dir, &config(), options()).unwrap();
    attach(store, restored, names)
}

pub(crate) fn attach(store: SeriesStore, restored: Option<Checkpoint>, names: Names) -> Store {
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

    /// All readings.
    pub(crate) fn readings(&self) -> Readings {
        self.matching(Filter::default())
    }

    pub(crate) fn matching(&self, filter: Filter) -> Readings {
        read(&self.store.reader().view(), filter)
    }

    pub(crate) fn count(&self) -> u64 {
        self.readings().0.len() as u64
    }

    /// Device, sensor and number of readings of each hour that has any.
    pub(crate) fn hours(&self) -> Vec<(String, String, u64)> {
        let view = self.store.reader().view();
        let parts = view.parts(RollupStep::Hour, &Filter::default(), None);
        let mut hours: BTreeMap<(String, String, String, i64), f64> = BTreeMap::new();
        for batch in parts.read() {
            let batch = batch.unwrap();
            let text = |name: &str, row| {
                let column = batch.column_by_name(name).unwrap();
                format!("{:?}", column.as_string_view().iter().nth(row).unwrap())
            };
            let times = batch.column_by_name("time").unwrap();
            let times = times.as_primitive::<TimestampNanosecondType>();
            let counts = batch.column_by_name("count").unwrap();
            let counts = counts.as_primitive::<Float64Type>();
            for row in 0..batch.num_rows() {
                let key = (
                    text("device", row),
                    text("sensor", row),
                    text("unit", row),
                    times.value(row),
                );
                *hours.entry(key).or_default() += counts.value(row);
            }
        }
        let name = |text: String| text.replace("Some(\"", "").replace("\")", "");
        hours
            .into_iter()
            .map(|((device, sensor, ..), count)| (name(device), name(sensor), count as u64))
            .collect()
    }
}

/// A reading: its time in nanoseconds, and all its columns as texts.
#[derive(Clone, Debug)]
struct Reading {
    time: i64,
    cells: Vec<String>,
}

/// Readings, in the order in which they were read or sorted.
#[derive(Clone, Debug)]
pub(crate) struct Readings(Vec<Reading>);

/// Reads a view. Absent values are `-`.
pub(crate) fn read(view: &ReadView, filter: Filter) -> Readings {
    let all: Vec<usize> = (0..columns::schema().fields().len()).collect();
    let scan = view.readings(filter, &all, columns::schema(), 2);
    let mut readings = Vec::new();
    for partition in 0..scan.partitions() {
        for batch in scan.read(partition, None) {
            push(&batch.unwrap(), &mut readings);
        }
    }
    Readings(readings)
}

fn push(batch: &RecordBatch, into: &mut Vec<Reading>) {
    let options = FormatOptions::default().with_null("-");
    let times = batch.column(columns::TIME);
    let times = times.as_primitive::<TimestampNanosecondType>();
    // Arrow formats times with a zone only when it knows time zones.
    let mut texts = batch.columns().to_vec();
    texts[columns::TIME] = Arc::new(times.clone().with_timezone_opt(None::<&str>));
    let formatters: Vec<_> = texts
        .iter()
        .map(|column| ArrayFormatter::try_new(column, &options).unwrap())
        .collect();
    for row in 0..batch.num_rows() {
        let cells = formatters.iter().map(|column| column.value(row));
        let mut cells: Vec<String> = cells.map(|cell| cell.to_string()).collect();
        cells[columns::TIME].push('Z');
        into.push(Reading {
            time: times.value(row),
            cells,
        });
    }
}

impl Reading {
    /// A column by name; `time_ns` is the time as a number.
    fn cell(&self, name: &str) -> String {
        match name {
            "time_ns" => self.time.to_string(),
            name => self.cells[columns::schema().index_of(name).unwrap()].clone(),
        }
    }
}

impl Readings {
    /// Sorted by these columns, then by time.
    pub(crate) fn by(mut self, names: &[&str]) -> Self {
        self.0.sort_by_cached_key(|reading| {
            let cells: Vec<String> = names.iter().map(|name| reading.cell(name)).collect();
            (cells, reading.time)
        });
        self
    }

    /// Some columns of each reading, with `|` between them.
    pub(crate) fn show(&self, names: &[&str]) -> Vec<String> {
        let line = |reading: &Reading| {
            let cells: Vec<String> = names.iter().map(|name| reading.cell(name)).collect();
            cells.join("|")
        };
        self.0.iter().map(line).collect()
    }

    pub(crate) fn sum(&self) -> f64 {
        let values = self.0.iter().map(|reading| reading.cell("value"));
        values.filter_map(|value| value.parse::<f64>().ok()).sum()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}
