//! Which functions a series has: the selectors of the `[[function]]`s.
//!
//! A selector is a glob over the whole name: `*` is any run of characters, `?`
//! any one. Series are matched when they appear and when their location
//! changes, never per reading.

use serde::{Deserialize, Serialize};
use weir_config::Function;
use weir_model::glob_matches;

use crate::kinds::Kind;

/// A `[[function]]`: what it computes, and over which series.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Rule {
    pub(crate) name: String,
    device: Option<String>,
    sensor: Option<String>,
    location: Option<String>,
    pub(crate) kind: Kind,
    /// How a snapshot knows it again.
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
    pub(crate) fn new(function: &Function) -> Self {
        let Function {
            name,
            device,
            sensor,
            location,
            kind: settings,
            ..
        } = function;
        let selectors = selectors(device.as_deref(), sensor.as_deref(), location.as_deref());
        let kind = Kind::new(settings);
        let shape = kind.shape();
        Self {
            name: name.clone(),
            device: device.clone(),
            sensor: sensor.clone(),
            location: location.clone(),
            mark: Mark::new(name, settings.name(), &shape, selectors),
            kind,
        }
    }

    /// It watches devices and not their series: its memory hangs on a series
    /// without a name.
    pub(crate) fn is_of_devices(&self) -> bool {
        matches!(self.kind, Kind::Absence(_)) && self.sensor.is_none()
    }

    pub(crate) fn selects_device(&self, device: &str) -> bool {
        self.device
            .as_deref()
            .is_none_or(|glob| glob_matches(glob, device))
    }

    pub(crate) fn selects(&self, device: &str, sensor: &str, location: &str) -> bool {
        if sensor.is_empty() != self.is_of_devices() {
            return false;
        }
        // What it concludes is told of the sensor that it feeds.
        let output = match &self.kind {
            Kind::Derived(settings) => Some(&settings.output),
            Kind::Multivariate(settings) => Some(&settings.output),
            _ => None,
        };
        if let Some(output) = output {
            return output == sensor && self.selects_device(device);
        }
        let fits = |glob: &Option<String>, name: &str| {
            glob.as_deref().is_none_or(|glob| glob_matches(glob, name))
        };
        fits(&self.sensor, sensor) && fits(&self.device, device) && fits(&self.location, location)
    }
}
