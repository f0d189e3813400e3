//! The store of a data folder, opened for reading only: also beside a running
//! Weir, of which it then sees what the last checkpoint holds.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::Int64Type;
use futures::TryStreamExt;
use tokio::runtime::Runtime;
use weir_disk::ReadOnlyDisk;
use weir_series::{Options, SeriesStore};
use weir_sql::{QueryLimits, Sql};

use super::readings::Readings;
use super::rows::{Range, Sink};
use super::tabular;

/// One device takes what it takes; nothing else runs here.
const LIMITS: QueryLimits = QueryLimits {
    max_rows: usize::MAX,
    timeout: Duration::from_secs(24 * 3_600),
    memory: 2 << 30,
};

/// Adds the rows of a query for time, device, sensor, value, text, unit and location.
pub fn take(batches: &[RecordBatch], into: &mut Readings) -> Result<()> {
    let mut sink = Sink {
        into,
        range: Range::default(),
        file: "",
    };
    let mut batches = batches.iter();
    batches.try_for_each(|batch| tabular::record_batch(batch, &mut sink))
}

/// The readings that a store holds.
#[derive(Debug)]
pub struct Stored {
    runtime: Runtime,
    sql: Sql,
    range: Range,
    /// Each with how many readings it has.
    pub devices: Vec<(String, u64)>,
}

impl Stored {
    pub fn open(
        data_dir: &Path,
        config: &weir_config::EmbeddedStore,
        range: Range,
    ) -> Result<Self> {
        let folder = data_dir.join("store");
        if !folder.is_dir() {
            bail!(
                "{} holds no store: give --data-dir, or files with --input",
                data_dir.display()
            );
        }
        let read_only = Options {
            disk: Arc::new(ReadOnlyDisk),
            ..Options::default()
        };
        let (store, checkpoint) = SeriesStore::open_with(&folder, config, read_only)
            .with_context(|| format!("cannot read {}", folder.display()))?;
        if checkpoint.is_none() {
            bail!(
                "{} has no checkpoint yet: nothing is stored",
                folder.display()
            );
        }
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .context("cannot start")?;
        let mut stored = Self {
            runtime,
            sql: Sql::new(store.reader()),
            range,
            devices: Vec::new(),
        };
        let sql = format!(
            "SELECT device, count(*) AS readings FROM readings {} GROUP BY device ORDER BY device",
            stored.filter("WHERE")
        );
        for batch in stored.query(&sql)? {
            let (names, counts) = (batch.column(0), batch.column(1).as_primitive::<Int64Type>());
            let names = names.as_string::<i32>();
            for row in 0..batch.num_rows() {
                let count = counts.value(row).unsigned_abs();
                stored.devices.push((names.value(row).to_owned(), count));
            }
        }
        Ok(stored)
    }

    /// Adds the readings of one device, by time.
    pub fn read(&self, device: &str, into: &mut Readings) -> Result<()> {
        let sql = format!(
            "SELECT time, device, sensor, value, text, unit, location FROM readings \
             WHERE device = '{}' {} ORDER BY time, sensor",
            device.replace('\'', "''"),
            self.filter("AND")
        );
        let mut sink = Sink {
            into,
            range: self.range,
            file: device,
        };
        for batch in self.query(&sql)? {
            tabular::record_batch(&batch, &mut sink)?;
        }
        Ok(())
    }

    fn filter(&self, begin: &str) -> String {
        let from = self
            .range
            .from
            .map(|from| format!("time >= '{}'", from.to_rfc3339()));
        let to = self
            .range
            .to
            .map(|to| format!("time < '{}'", to.to_rfc3339()));
        let conditions: Vec<String> = from.into_iter().chain(to).collect();
        if conditions.is_empty() {
            return String::new();
        }
        format!("{begin} {}", conditions.join(" AND "))
    }

    fn query(&self, sql: &str) -> Result<Vec<RecordBatch>> {
        let batches = async {
            let stream = self.sql.query(sql, LIMITS).await?;
            anyhow::Ok(stream.try_collect().await?)
        };
        self.runtime
            .block_on(batches)
            .context("the store cannot be read; if a Weir runs on it, try once more")
    }
}
