//! What the engine shows of itself: explanations, latest values, settings and usage.
//! Nothing here changes a decision.

pub(crate) mod decoded;
pub(crate) mod explain;
pub(crate) mod fact;
pub(crate) mod info;
pub(crate) mod latest;
pub(crate) mod meter;
pub(crate) mod usage;
pub(crate) mod watched;
