//! SQL over a store with a few readings.

mod bounds;
mod rollups;
mod sql;
pub(crate) mod support;
mod zones;
