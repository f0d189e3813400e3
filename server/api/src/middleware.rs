//! What every request passes before its handler.

pub(crate) mod access;
pub(crate) mod guard;
