//! Scenarios with the real binary and real peers, as one test binary.
//!
//! A module per subject, a file per scenario. Each scenario starts its own
//! processes on free ports and in temporary folders, so they run side by side, as
//! many as the machine has cores; none changes the environment or the working
//! folder of this process. Most of their time is waiting.
//!
//! One of them: `cargo xtask test NAME`, or `cargo test -p weir-tests
//! faults::crash`.

mod alarms;
mod faults;
mod functions;
mod guarantees;
mod influxdb;
mod ingest;
mod lambda;
mod loads;
mod operations;
mod queries;
mod shadows;
