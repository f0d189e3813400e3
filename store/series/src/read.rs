//! Reading the store: a view of it at one instant, and scans over a view that give
//! Arrow batches.
//!
//! [`readings`] gives one row per reading, [`parts`] one row per series and minute
//! or hour. A scan reads only what its filter can match, takes a damaged file out
//! of service and continues with the others.

pub mod columns;
pub mod parts;
pub mod readings;
mod unpivot;
pub(crate) mod view;
