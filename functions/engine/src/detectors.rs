//! Functions that learn what is usual in a series and score what is not.

pub(crate) mod adaptive;
pub(crate) mod cusum;
pub(crate) mod ewma;
pub(crate) mod mad;
pub(crate) mod multivariate;
pub(crate) mod seasonal;
mod steps;
