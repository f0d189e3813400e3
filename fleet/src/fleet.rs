//! The fleet: which devices there are, and what each says at a given time.

use weir_model::Timestamp;

use crate::{Anomaly, FaultKind, Scenario};

/// What a fleet is made of. The same spec gives the same fleet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FleetSpec {
    pub devices: usize,
    pub seed: u64,
    pub scenario: Scenario,
    pub anomaly: Option<Anomaly>,
}

/// What is to be done with the payload of [`Fleet::next`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Emit {
    /// The device is silent; the payload is empty.
    Silent,
    Publish,
    /// Publish the same bytes twice: a sender that repeats itself.
    PublishTwice,
}

/// One planned fault.
#[derive(Clone, Debug, PartialEq)]
pub struct FaultPlan {
    pub device: String,
    pub kind: FaultKind,
    /// Seconds since the fleet's start.
    pub from_s: f64,
    pub to_s: f64,
    /// One sentence for a person.
    pub text: String,
}

/// A simulated fleet.
#[derive(Debug)]
pub struct Fleet {
    spec: FleetSpec,
}

impl Fleet {
    pub fn new(spec: FleetSpec) -> Self {
        Self { spec }
    }

    pub fn len(&self) -> usize {
        self.spec.devices
    }

    pub fn is_empty(&self) -> bool {
        self.spec.devices == 0
    }

    /// Writes what the device says at `now` into `payload`, which is cleared
    /// first. The first call of a fleet is its start: faults are planned from there.
    pub fn next(&mut self, _device: usize, _now: Timestamp, payload: &mut String) -> Emit {
        payload.clear();
        Emit::Silent
    }

    /// `devices/{id}/telemetry`
    pub fn topic(&self, _device: usize) -> &str {
        ""
    }

    /// The faults of the first five minutes, by their begin.
    pub fn describe(&self) -> Vec<FaultPlan> {
        Vec::new()
    }
}
