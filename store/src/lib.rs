//! The crates of the store under one name: the series store with SQL over it, the
//! quarantine, and the way to InfluxDB.

use std::ops::Deref;
use std::path::Path;
use std::sync::Arc;

use weir_disk::Disk;

pub use weir_influxdb::{
    InfluxConfigError, InfluxSink, LineBatch, RefusedLine, SinkError, Written, encode_lines,
};
pub use weir_model::QuarantineEntry;
pub use weir_quarantine::{
    Expired, Quarantine, QuarantineError, QuarantineTotals, RejectedMessage, RejectedPage,
};
pub use weir_series::{
    Applied, BoxError, Checkpoint, CheckpointStats, Content, InspectedFile, Inspection,
    ManifestError, OpenError, StoreError, StoreStats, Verified, inspect, verify,
};
use weir_series::{Options, SeriesStore};
pub use weir_sql::{
    Dialect, MAX_SQL_BYTES, POSTGRES_VERSION, Parameters, Prepared, QueryError, QueryLimits, Sql,
    TableSource,
};

/// A series store together with SQL over it.
#[derive(Clone, Debug)]
pub struct EmbeddedStore {
    series: SeriesStore,
    sql: Sql,
}

impl EmbeddedStore {
    /// See [`SeriesStore::open`].
    pub fn open(
        dir: &Path,
        config: &weir_config::EmbeddedStore,
    ) -> Result<(Self, Option<Checkpoint>), OpenError> {
        Self::open_with(dir, config, Options::default())
    }

    /// As [`Self::open`], on another disk.
    pub fn open_on(
        disk: Arc<dyn Disk>,
        dir: &Path,
        config: &weir_config::EmbeddedStore,
    ) -> Result<(Self, Option<Checkpoint>), OpenError> {
        let options = Options {
            disk,
            ..Options::default()
        };
        Self::open_with(dir, config, options)
    }

    fn open_with(
        dir: &Path,
        config: &weir_config::EmbeddedStore,
        options: Options,
    ) -> Result<(Self, Option<Checkpoint>), OpenError> {
        let (series, checkpoint) = SeriesStore::open_with(dir, config, options)?;
        let sql = Sql::new(series.reader());
        Ok((Self { series, sql }, checkpoint))
    }

    /// Read-only SQL over the readings, and over the tables registered there.
    pub fn sql(&self) -> Sql {
        self.sql.clone()
    }
}

impl Deref for EmbeddedStore {
    type Target = SeriesStore;

    fn deref(&self) -> &SeriesStore {
        &self.series
    }
}
