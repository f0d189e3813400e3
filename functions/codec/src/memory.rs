//! What codecs remember from one message to the next: descriptions of devices.
//!
//! It changes with messages in their order only, so a replay remembers the same. It is
//! bounded: a description replaces the one before of its base topic, and is no larger
//! than a payload.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What codecs remember.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memory {
    /// By base topic, then by friendly name.
    zigbee2mqtt: BTreeMap<String, BTreeMap<String, Exposes>>,
}

/// The properties of a device of Zigbee2MQTT, by the name of the sensor.
pub(crate) type Exposes = BTreeMap<String, Property>;

/// What a description says of a property.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Property {
    /// UCUM, if the unit is known.
    pub(crate) unit: Option<String>,
    /// What is 1 and 0 of a binary property.
    pub(crate) on: Option<String>,
    pub(crate) off: Option<String>,
}

impl Memory {
    pub fn is_empty(&self) -> bool {
        self.zigbee2mqtt.is_empty()
    }

    /// Adds what another one remembers.
    pub fn join(&mut self, other: Self) {
        self.zigbee2mqtt.extend(other.zigbee2mqtt);
    }

    /// What is known of a device; `None`: no description names it.
    pub(crate) fn exposes(&self, base: &str, name: &str) -> Option<&Exposes> {
        self.zigbee2mqtt.get(base)?.get(name)
    }

    /// The devices below a base topic, all at once.
    pub(crate) fn describe(&mut self, base: &str, devices: BTreeMap<String, Exposes>) {
        self.zigbee2mqtt.insert(base.to_owned(), devices);
    }
}
