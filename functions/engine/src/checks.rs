//! Functions that check single readings before anything learns from them.

pub(crate) mod allowed;
pub(crate) mod clock;
pub(crate) mod duplicate;
pub(crate) mod flatline;
pub(crate) mod gap;
pub(crate) mod range;
pub(crate) mod rate;
pub(crate) mod unit;
