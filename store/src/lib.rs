//! Where readings are kept: the embedded time-series store with SQL over it, the
//! quarantine, and the way to InfluxDB.

mod embedded;
mod influx;
mod line_protocol;
mod quarantine;
mod sql;

pub use embedded::{
    Applied, BoxError, Checkpoint, CheckpointStats, EmbeddedStore, ManifestError, OpenError,
    StoreError, StoreStats,
    inspect::{Content, InspectedFile, Inspection, Verified, inspect, verify},
};
pub use influx::{InfluxConfigError, InfluxSink, RefusedLine, SinkError, Written};
pub use line_protocol::{LineBatch, encode_lines};
pub use quarantine::{
    Expired, Quarantine, QuarantineEntry, QuarantineError, QuarantineTotals, RejectedMessage,
    RejectedPage,
};
pub use sql::{
    Dialect, MAX_SQL_BYTES, POSTGRES_VERSION, Parameters, Prepared, QueryError, QueryLimits, Sql,
    TableSource,
};
