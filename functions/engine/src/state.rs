//! What the engine remembers, by device, series and slot, and its snapshots.

pub(crate) mod adopt;
pub(crate) mod index;
pub(crate) mod slot;
pub(crate) mod snapshot;
pub(crate) mod tables;
