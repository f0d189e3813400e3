//! A simulated fleet of devices, believable enough to show what Weir does.
//!
//! [`Fleet`] is pure: a device's event is a function of the seed, the device
//! and the time, so any run can be repeated.

mod faults;
mod fleet;
mod kinds;
mod names;
mod noise;
mod payload;

pub use fleet::{Emit, FaultPlan, Fleet, FleetSpec};
pub use names::{Anomaly, FaultKind, Scenario, UnknownName};
