//! The harness: real processes, real peers, scenarios of ten lines.
//!
//! [`Weir`] is the real binary on free ports with a data folder of its own;
//! [`Mosquitto`] and [`VictoriaMetrics`] are the real peers. Nothing sleeps to
//! synchronise: [`wait_until`] waits by predicate. A [`Loader`] knows exactly
//! what was acknowledged to it, [`audit`] compares that with what is stored.
//!
//! Harness functions panic with what they saw: they are called by tests. When
//! a [`Weir`] goes out of scope it has to end with exit code 0 after SIGTERM,
//! and must not have logged a WARN or ERROR that the scenario did not allow.

mod auditor;
mod effort;
mod flow;
mod golden;
mod hostile;
mod http;
mod kills;
mod load_spec;
mod loader;
mod machine;
pub mod mqtt;
mod peers;
mod reload;
mod site;
mod sql_endpoint;
mod weir;

pub use auditor::{Audited, MEMORY_CAP, audit, audit_shared};
pub use effort::{effort, first_seed, kill_runs, soak_duration};
pub use flow::Flow;
pub use golden::{golden_dir, golden_held, golden_spec, make_golden, pack_golden, unpack_golden};
pub use hostile::{Hostile, TIGHT_LIMITS, with_reader};
pub use http::{Http, Response};
pub use kills::{Soaked, kill_run, soak};
pub use load_spec::{LoadSpec, Spoilt};
pub use loader::{LoadReport, Loader};
pub use machine::{
    Address, Clock, DEADLINE, Exit, Process, Tmpfs, bootstrap_binary, free_port, library, now_ms,
    program, wait_until, weir_binary,
};
pub use peers::{
    Alertmanager, Answer, Bootstrap, Exported, Hook, Hooked, InfluxPeer, LineWrite, Link,
    Mosquitto, MosquittoSpec, MosquittoSub, Received, Subscriber, VictoriaMetrics, mosquitto_pub,
    python, python_module, python_process,
};
pub use site::{Broker, Site};
pub use sql_endpoint::{leaves_an_endless_query, weir_with_readings};
pub use weir::{Weir, WeirSpec, run_weir};
