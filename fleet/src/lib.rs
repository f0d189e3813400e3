//! A simulated fleet of devices, believable enough to show what Weir does.
//!
//! [`Fleet`] is pure: a device's event is a function of the seed, the device
//! and the time, so any run can be repeated. [`simulate`] publishes a fleet to
//! an MQTT broker at a given rate and counts what the broker acknowledged.

mod faults;
mod fleet;
mod kinds;
mod names;
mod noise;
mod payload;
mod publisher;

pub use fleet::{Emit, FaultPlan, Fleet, FleetSpec};
pub use names::{Anomaly, FaultKind, Scenario, UnknownName};
pub use publisher::{SimulateArgs, SimulateError, Summary, simulate, simulate_until};
