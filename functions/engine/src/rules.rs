//! The `[[function]]`s as the engine runs them, and which series each selects.
//!
//! A selector is a glob over the whole name: `*` is any run of characters, `?`
//! any one. Series are matched when they appear and when their location
//! changes, never per reading.

use serde::{Deserialize, Serialize};
use weir_config::{Config, Function, FunctionKind, Threshold};
use weir_model::glob_matches;

use crate::kind::Stage;
use crate::kinds;
use crate::state::index::FunctionIx;

/// All functions, by index. The payload's limits are the function before the first
/// rule.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Rules {
    rules: Vec<Rule>,
    payload: FunctionKind,
    pub(crate) watches: Watches,
}

/// What the functions ask for besides readings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Watches {
    /// Some function notices absence.
    pub(crate) absence: bool,
    /// Some function watches devices as a whole.
    pub(crate) devices: bool,
    /// Some function computes new readings.
    pub(crate) derived: bool,
}

impl Rules {
    pub(crate) fn new(config: &Config) -> Self {
        let rules: Vec<Rule> = config.functions.iter().map(Rule::new).collect();
        let some = |holds: fn(&Rule) -> bool| rules.iter().any(holds);
        let watches = Watches {
            absence: some(|rule| matches!(rule.kind, FunctionKind::Absence(_))),
            devices: some(Rule::is_of_devices),
            derived: some(|rule| kinds::output(&rule.kind).is_some()),
        };
        Self {
            rules,
            payload: FunctionKind::Threshold(Threshold::default()),
            watches,
        }
    }

    /// The rule of a function; `None` for the payload's limits and for a removed
    /// function.
    #[inline]
    pub(crate) fn get(&self, function: FunctionIx) -> Option<&Rule> {
        self.rules.get(function.rule())
    }

    /// The kind of a function, also of the payload's limits.
    pub(crate) fn kind(&self, function: FunctionIx) -> Option<&FunctionKind> {
        match function {
            FunctionIx::PAYLOAD => Some(&self.payload),
            function => self.get(function).map(|rule| &rule.kind),
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (FunctionIx, &Rule)> {
        let rules = self.rules.iter().enumerate();
        rules.map(|(nth, rule)| (FunctionIx::of_rule(nth), rule))
    }

    pub(crate) fn named(&self, name: &str) -> Option<(FunctionIx, &Rule)> {
        self.iter().find(|(_, rule)| rule.name == name)
    }

    /// How a snapshot knows the rules again, in their order.
    pub(crate) fn marks(&self) -> impl Iterator<Item = &Mark> {
        self.rules.iter().map(|rule| &rule.mark)
    }
}

/// A `[[function]]`: what it computes, and over which series.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Rule {
    pub(crate) name: String,
    device: Option<String>,
    sensor: Option<String>,
    location: Option<String>,
    pub(crate) kind: FunctionKind,
    pub(crate) stage: Stage,
    pub(crate) checks_late: bool,
    pub(crate) mark: Mark,
}

/// A function as a snapshot knows it: whether it is still the same, and if not,
/// whether its memory still serves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Mark {
    pub(crate) name: String,
    /// Its kind and those settings that its memory depends on.
    pub(crate) shape: String,
    /// All settings that say which series it selects.
    pub(crate) selectors: String,
}

impl Mark {
    pub(crate) fn new(name: &str, kind: &str, shape: &str, selectors: String) -> Self {
        Self {
            name: name.to_owned(),
            shape: format!("{kind} {shape}"),
            selectors,
        }
    }

    /// The memory of the one serves the other.
    pub(crate) fn keeps(&self, other: &Self) -> bool {
        self.name == other.name && self.shape == other.shape
    }
}

/// The selectors as a snapshot keeps them.
pub(crate) fn selectors(
    device: Option<&str>,
    sensor: Option<&str>,
    location: Option<&str>,
) -> String {
    format!("{:?}", (device, sensor, location))
}

impl Rule {
    fn new(function: &Function) -> Self {
        let Function {
            name,
            device,
            sensor,
            location,
            kind,
            ..
        } = function;
        let selectors = selectors(device.as_deref(), sensor.as_deref(), location.as_deref());
        Self {
            name: name.clone(),
            device: device.clone(),
            sensor: sensor.clone(),
            location: location.clone(),
            mark: Mark::new(name, kind.name(), &kinds::shape(kind), selectors),
            stage: kinds::stage(kind),
            checks_late: kinds::checks_late(kind),
            kind: kind.clone(),
        }
    }

    /// It watches devices and not their series: its memory belongs to a series
    /// without a name.
    pub(crate) fn is_of_devices(&self) -> bool {
        matches!(self.kind, FunctionKind::Absence(_)) && self.sensor.is_none()
    }

    pub(crate) fn selects_device(&self, device: &str) -> bool {
        fits(self.device.as_deref(), device)
    }

    pub(crate) fn selects(&self, device: &str, sensor: &str, location: &str) -> bool {
        if sensor.is_empty() != self.is_of_devices() {
            return false;
        }
        // Its verdicts are those of the sensor that it feeds.
        if let Some(output) = kinds::output(&self.kind) {
            return output == sensor && self.selects_device(device);
        }
        fits(self.sensor.as_deref(), sensor)
            && self.selects_device(device)
            && fits(self.location.as_deref(), location)
    }
}

fn fits(glob: Option<&str>, name: &str) -> bool {
    glob.is_none_or(|glob| glob_matches(glob, name))
}
