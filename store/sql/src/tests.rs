//! SQL over a store with a few readings.

mod rollups;
mod sql;
pub(crate) mod support;
mod zones;
