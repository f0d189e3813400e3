//! Where readings are kept: the embedded time-series store with SQL over it, the
//! quarantine, and the way to InfluxDB.

mod embedded;
mod sql;

pub use embedded::{
    Applied, BoxError, Checkpoint, CheckpointStats, EmbeddedStore, ManifestError, OpenError,
    StoreError, StoreStats,
};
pub use sql::{QueryError, QueryLimits, Sql, TableSource};
