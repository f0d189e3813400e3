//! Scenarios with the real binary and real peers, as one test binary.
//!
//! A module per subject, a file per scenario. Each scenario starts its own
//! processes on free ports and in temporary folders, so scenarios run side by
//! side; none changes the environment or the working folder of this process.
//!
//! One of them: `cargo xtask test NAME`, or `cargo test -p weir-tests
//! faults::crash`.

mod alarms;
mod faults;
mod functions;
mod guarantees;
mod influxdb;
mod ingest;
mod loads;
mod operations;
mod queries;
mod shadows;
