//! A simulated fleet of devices, believable enough to show what Weir does.
//!
//! [`Fleet`] is pure: a device's event is a function of the seed, the device
//! and the time, so any run can be repeated. [`simulate`] publishes a fleet to
//! an MQTT broker at a given rate and counts what the broker acknowledged.

mod demo;
mod faults;
mod fleet;
mod kinds;
mod names;
mod noise;
mod payload;
mod publisher;

/// The functions that watch the scenario `demo`, as a configuration: one of every
/// kind, each for faults that this scenario has.
pub const DEMO_CONFIG: &str = include_str!("../demo.toml");

pub use fleet::{Emit, FaultPlan, Fleet, FleetSpec};
pub use names::{Anomaly, FaultKind, Scenario, UnknownName};
pub use publisher::{SimulateArgs, SimulateError, Summary, simulate, simulate_until};
