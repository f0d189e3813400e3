//! The composition root: opens what is on disk, starts the shard and the
//! endpoints, and stops all of it again in the order that loses nothing.
//!
//! ```text
//! start: listeners ▶ data folder ▶ brokers ▶ notification service ▶ shard ▶ SQL, HTTP
//! stop:  brokers, HTTP, SQL ▶ shard (catches up, checkpoints) ▶ notifications ▶ publishers ▶ journal
//! ```

mod addresses;
mod app;
mod bind;
mod ingress;
mod sql_endpoints;

pub use addresses::Addresses;
pub use app::{App, Origin};
