//! A simulated fleet of devices, realistic enough to show what Weir does.
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
mod track;

use std::sync::Arc;

use weir_config::{Config, Loaded, ModuleContent, Problem};

/// The functions for the scenario `demo`, as a configuration: one of every kind, each
/// for faults of this scenario.
pub const DEMO_CONFIG: &str = include_str!("../demo.toml");

/// The content of the modules that [`DEMO_CONFIG`] names.
pub fn demo_module(name: &str) -> Option<Arc<ModuleContent>> {
    const HUNTING: &[u8] = include_bytes!("../hunting.wat");
    (name == "hunting.wat").then(|| ModuleContent::new(HUNTING.to_vec()).into())
}

/// [`DEMO_CONFIG`] with its modules, under the variables of
/// [`Config::from_toml_with_env`].
pub fn demo_configuration(
    variables: impl Iterator<Item = (String, String)>,
) -> Result<Loaded, Vec<Problem>> {
    Config::from_toml_with_modules(DEMO_CONFIG, variables, &demo_module)
}

pub use fleet::{Emit, FaultPlan, Fleet, FleetSpec};
pub use names::{Anomaly, FaultKind, Scenario, UnknownName};
pub use publisher::{SimulateArgs, SimulateError, Summary, simulate, simulate_until};
