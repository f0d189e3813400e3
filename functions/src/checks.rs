//! Functions that check single readings before anything learns from them.

pub(crate) mod clock;
pub(crate) mod range;
