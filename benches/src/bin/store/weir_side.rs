//! Weir's side: its embedded store, in this process.
//!
//! Readings go in as the pipeline hands them over, with a checkpoint per minute
//! of event time. Answers are encoded as the JSON that the API sends.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use arrow::json::ArrayWriter;
use futures::TryStreamExt;
use tokio::runtime::Runtime;
use weir_model::{
    Catalog, Cell, Column, ColumnIx, DeviceIx, Flags, LocationIx, Position, ReadingCounts, Row,
    RowBatch, Timestamp, Value, ValueKind,
};
use weir_series::{SeriesStore, StoreStats};
use weir_sql::{QueryLimits, Sql};

use crate::fleet::{SENSORS, Sample, device_name};

const CHECKPOINT_MS: i64 = 60_000;
/// After so long all windows of the store are over, and merged.
const SETTLES_MS: i64 = 12 * 3_600_000;

/// The one that stores.
pub(crate) struct Writer {
    store: SeriesStore,
    columns: Vec<ColumnIx>,
    batch: RowBatch,
    checkpoint_at_ms: i64,
}

/// One that asks.
pub(crate) struct Reader {
    sql: Sql,
    runtime: Runtime,
}

impl Writer {
    pub(crate) fn new(dir: &Path, devices: usize) -> Result<Self> {
        let config = weir_config::EmbeddedStore::default();
        let (store, _) = SeriesStore::open(dir, &config)?;
        let catalog = Arc::new(Catalog::new());
        for device in 0..devices {
            catalog.add_device(device_name(device).into());
        }
        let columns = SENSORS.map(|(name, _, _)| {
            catalog.add_column(Arc::new(Column {
                sensor: name.into(),
                unit: None,
                kind: ValueKind::Number,
            }))
        });
        store.attach(catalog);
        Ok(Self {
            store,
            columns: columns.to_vec(),
            batch: RowBatch::default(),
            checkpoint_at_ms: i64::MIN,
        })
    }

    pub(crate) fn reader(&self) -> Result<Reader> {
        let store = self.store.clone();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let sql = Sql::new(store.reader());
        Ok(Reader { sql, runtime })
    }

    pub(crate) fn stats(&self) -> StoreStats {
        self.store.stats()
    }

    /// Stores samples; how many readings it was.
    pub(crate) fn ingest(&mut self, samples: &[Sample]) -> Result<u64> {
        let mut stored = 0;
        for tick in samples.chunk_by(|a, b| a.device < b.device) {
            self.batch.clear();
            for sample in tick {
                self.push(sample);
            }
            let now_ms = tick[0].time_ms;
            let now = Timestamp(now_ms * 1_000_000);
            stored += self.store.append(&self.batch, now).stored;
            if now_ms >= self.checkpoint_at_ms {
                self.checkpoint()?;
                self.checkpoint_at_ms = now_ms + CHECKPOINT_MS;
            }
        }
        Ok(stored)
    }

    /// Until there is nothing left to merge, half a day after the last reading.
    pub(crate) fn settle(&mut self) -> Result<()> {
        self.batch.clear();
        let later = Timestamp((self.checkpoint_at_ms + SETTLES_MS) * 1_000_000);
        self.store.append(&self.batch, later);
        while self.checkpoint()? > 0 {}
        Ok(())
    }

    fn push(&mut self, sample: &Sample) {
        let batch = &mut self.batch;
        batch.rows.push(Row {
            position: Position(0),
            device: DeviceIx(u32::try_from(sample.device).expect("devices are few")),
            location: LocationIx(0),
            time: Timestamp(sample.time_ms * 1_000_000),
            flags: Flags::default(),
            first_cell: u32::try_from(batch.cells.len()).expect("a batch is small"),
            cell_count: 5,
        });
        let cells = self.columns.iter().zip(sample.values);
        batch.cells.extend(cells.map(|(column, value)| Cell {
            column: *column,
            value: Value::Number(value),
        }));
    }

    /// How many files it merged.
    fn checkpoint(&self) -> Result<u64> {
        let counts = ReadingCounts::default();
        let done = self
            .store
            .checkpoint(Position(0), b"", &counts, &mut || Ok(()))?;
        Ok(done.files_merged)
    }
}

impl Reader {
    /// Runs a query; the JSON of its answer.
    pub(crate) fn query(&self, sql: &str) -> Result<Vec<u8>> {
        let answer = self.runtime.block_on(async {
            let stream = self.sql.query(sql, QueryLimits::default()).await;
            let batches: Vec<_> = stream?.try_collect().await?;
            let mut json = ArrayWriter::new(Vec::new());
            json.write_batches(&batches.iter().collect::<Vec<_>>())?;
            json.finish()?;
            anyhow::Ok(json.into_inner())
        });
        answer.with_context(|| sql.to_owned())
    }
}
