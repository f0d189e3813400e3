//! The second reader of the journal, which writes to InfluxDB at its own pace.

pub(crate) mod influx_waits;
pub(crate) mod influx_worker;
pub(crate) mod row_reader;
