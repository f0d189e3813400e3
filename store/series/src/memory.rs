//! Rows since the last checkpoint: where they are appended, how a late row is
//! compared with stored ones, and how they become Arrow arrays.

pub(crate) mod buffer;
pub(crate) mod gather;
pub(crate) mod late;
pub(crate) mod memtable;
