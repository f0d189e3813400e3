//! Functions that learn what is usual in a series and score what is not.

pub(crate) mod ewma;
