//! Rows to the stores that functions write to.

pub(crate) mod influxdb;
pub(crate) mod timestream;
