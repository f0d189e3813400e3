//! The embedded series store: rows in memory and in Parquet files, and one manifest
//! that states what is durable.
//!
//! One thread appends and checkpoints ([`SeriesStore`]); any number of queries read
//! beside it, each over a view of the store at one instant ([`ReadView`]). Appended
//! rows are durable only once a checkpoint has committed them; until then the
//! journal holds them too.
//!
//! The crate knows Arrow and Parquet, and no query engine. A query engine reads
//! through [`SeriesReader`]: Arrow batches of readings and of roll-up parts that
//! match a [`Filter`].
//!
//! | module | contents |
//! | --- | --- |
//! | `memory/` | rows since the last checkpoint, and the look-up of late readings |
//! | `file/` | Parquet files, the manifest, and how they are read |
//! | `upkeep/` | checkpoints, merging, retention |
//! | `read/` | views and scans |

mod error;
mod file;
mod filter;
mod inspect;
mod memory;
mod open;
pub mod read;
mod retention;
mod rollup;
mod rollup_step;
mod scalar;
mod state;
mod stats;
mod store;
mod upkeep;

#[cfg(test)]
mod tests;

pub use error::{BoxError, OpenError, ReadError, StoreError};
pub use file::layout::time_type;
pub use file::manifest::ManifestError;
pub use filter::Filter;
pub use inspect::{Content, InspectedFile, Inspection, Verified, inspect, verify};
pub use read::parts::PartsScan;
pub use read::readings::{ReadingsScan, RowCount};
pub use read::view::{ReadView, SeriesReader};
pub use rollup_step::RollupStep;
pub use stats::{Applied, Checkpoint, CheckpointStats, StoreStats};
pub use store::{Options, SeriesStore};
