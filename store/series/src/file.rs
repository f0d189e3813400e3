//! Files of the store: their layout, how they are encoded, read and cached, and
//! the manifest that names them. A file never changes once it is written.

pub(crate) mod device_rows;
pub(crate) mod encode;
pub(crate) mod key_index;
pub(crate) mod layout;
pub(crate) mod lru;
pub(crate) mod manifest;
pub(crate) mod patch;
pub(crate) mod prune;
pub(crate) mod reader;
pub(crate) mod rewrite;
pub(crate) mod rows;
pub(crate) mod segment;
