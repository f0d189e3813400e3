//! InfluxDB as the second store.

mod faults;
mod sink;
