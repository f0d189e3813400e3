//! What every request passes before its handler.

pub(crate) mod access;
pub(crate) mod body;
pub(crate) mod changes;
pub(crate) mod compress;
pub(crate) mod guard;
