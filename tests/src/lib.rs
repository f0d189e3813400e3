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

mod address;
mod alertmanager;
mod auditor;
mod clock;
mod effort;
mod flow;
mod golden;
mod hook;
mod hostile;
mod http;
mod influx_peer;
mod kills;
mod link;
mod load_spec;
mod loader;
mod log;
mod mosquitto;
mod mosquitto_clients;
pub mod mqtt;
mod process;
mod programs;
mod python;
mod reload;
mod site;
mod sql_door;
mod subscriber;
mod tmpfs;
mod victoria_metrics;
mod wait;
mod weir;
mod weir_spec;

pub use address::{Address, free_port};
pub use alertmanager::Alertmanager;
pub use auditor::{Audited, MEMORY_CAP, audit, audit_shared};
pub use clock::Clock;
pub use effort::{effort, first_seed, kill_runs, soak_duration};
pub use flow::Flow;
pub use golden::{golden_dir, golden_held, golden_spec, make_golden, pack_golden, unpack_golden};
pub use hook::{Hook, Hooked};
pub use hostile::{Hostile, TIGHT_LIMITS, with_reader};
pub use http::{Http, Response};
pub use influx_peer::{Answer, InfluxPeer, LineWrite};
pub use kills::{Soaked, kill_run, soak};
pub use link::Link;
pub use load_spec::{LoadSpec, Spoilt};
pub use loader::{LoadReport, Loader};
pub use mosquitto::{Mosquitto, MosquittoSpec};
pub use mosquitto_clients::{MosquittoSub, mosquitto_pub};
pub use process::{Exit, Process};
pub use programs::{library, program, weir_binary};
pub use python::{python, python_module, python_process};
pub use site::{Door, Site};
pub use sql_door::{leaves_an_endless_query, weir_with_readings};
pub use subscriber::{Received, Subscriber};
pub use tmpfs::Tmpfs;
pub use victoria_metrics::{Exported, VictoriaMetrics};
pub use wait::{DEADLINE, now_ms, wait_until};
pub use weir::{Weir, run_weir};
pub use weir_spec::WeirSpec;
