//! The HTTP interface of Weir: ingestion, queries, alarms, shadows, readiness and
//! metrics.
//!
//! [`router`] lists the routes, [`Api`] is what their handlers work with, and
//! [`serve`] accepts the connections. Every route passes `middleware/access.rs`,
//! which asks `weir-auth` who the caller is and what it may do.

mod api;
mod auth_refusals;
mod csv;
mod encode;
mod extract;
mod function_rates;
mod handlers;
mod middleware;
mod problem;
mod router;
mod serve;

pub use api::{Admission, Api, Process};
pub use function_rates::{FunctionRates, watch_function_rates};
pub use router::router;
pub use serve::serve;
