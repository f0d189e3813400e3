//! What a checkpoint does: rows in memory become files, small files are merged,
//! expired readings are removed, and one manifest commits all of it.

pub(crate) mod checkpoint;
pub(crate) mod commit;
pub(crate) mod compaction;
pub(crate) mod expiry;
pub(crate) mod merge;
pub(crate) mod plan;
