//! Read-only SQL over the series store and over tables that the server registers.
//!
//! Every endpoint (HTTP, Flight SQL, Postgres) queries through [`Sql`], so its rules
//! hold for all of them: only queries are planned, no file is named, nothing is
//! written, and time, rows and memory are limited. `tests/hostile.json` lists the
//! statements that every endpoint is tested with.
//!
//! | module | contents |
//! | --- | --- |
//! | `sql`, `prepared`, `runtime` | the way of a query: prepare, run, stream |
//! | `session`, `bounded`, `cooperative` | what a query may use |
//! | `nesting`, `plan_size`, `plan_threads` | what parsing and planning may use |
//! | `readings`, `scan`, `pushdown` | the table `readings` |
//! | `parts`, `downsample`, `rolled` | roll-up tables, and aggregates answered by roll-ups |
//! | `direct` | simple statements that run without a plan |
//! | `postgres` | the dialect and the `pg_catalog` that Postgres clients expect |

mod bounded;
mod cooperative;
mod direct;
mod downsample;
mod edge;
mod error;
mod functions;
mod nesting;
mod parts;
mod plan_size;
mod plan_threads;
mod postgres;
mod prepared;
mod pushdown;
mod query;
mod readings;
mod rolled;
mod runtime;
mod scan;
mod session;
mod sql;
mod table;
mod zone;

#[cfg(test)]
mod tests;

/// The rows of a running query.
pub use datafusion::execution::SendableRecordBatchStream as RowStream;
pub use error::QueryError;
pub use postgres::{OID_ELEMENT, POSTGRES_VERSION, postgres_setting};
pub use prepared::{Parameters, Prepared};
pub use query::{Dialect, MAX_SQL_BYTES, QueryLimits};
pub use sql::Sql;
pub use table::TableSource;
pub use zone::Zone;
