//! The conditions of a query that the store can look up instead of scanning.

/// Conditions on device, sensor and time; all must hold. The default matches every
/// reading.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    /// Any of these devices, sorted.
    pub devices: Option<Vec<String>>,
    /// Any of these sensors, sorted.
    pub sensors: Option<Vec<String>>,
    /// Nanoseconds, inclusive.
    pub from: i64,
    /// Nanoseconds, inclusive.
    pub to: i64,
}

impl Default for Filter {
    fn default() -> Self {
        Self {
            devices: None,
            sensors: None,
            from: i64::MIN,
            to: i64::MAX,
        }
    }
}

impl Filter {
    /// Whether it has no condition on whole rows (device, time).
    pub(crate) fn matches_all_rows(&self) -> bool {
        self.devices.is_none() && self.from == i64::MIN && self.to == i64::MAX
    }

    /// Whether it restricts the time.
    pub fn has_times(&self) -> bool {
        self.from != i64::MIN || self.to != i64::MAX
    }

    pub(crate) fn matches_sensor(&self, sensor: &str) -> bool {
        takes(self.sensors.as_deref(), sensor)
    }

    pub(crate) fn matches_device(&self, device: &str) -> bool {
        takes(self.devices.as_deref(), device)
    }

    pub(crate) fn matches_time(&self, time: i64) -> bool {
        (self.from..=self.to).contains(&time)
    }

    /// Whether rows with times from `min` to `max` can match.
    pub(crate) fn overlaps(&self, min: i64, max: i64) -> bool {
        min <= self.to && max >= self.from
    }

    /// Whether a run of sorted devices from `min` to `max` can match.
    pub(crate) fn overlaps_devices(&self, min: &[u8], max: &[u8]) -> bool {
        let Some(devices) = &self.devices else {
            return true;
        };
        devices
            .iter()
            .any(|device| min <= device.as_bytes() && device.as_bytes() <= max)
    }

    /// Adds the condition that the device is one of `devices`.
    pub fn only_devices(&mut self, devices: Vec<String>) {
        only(&mut self.devices, devices);
    }

    /// Adds the condition that the sensor is one of `sensors`.
    pub fn only_sensors(&mut self, sensors: Vec<String>) {
        only(&mut self.sensors, sensors);
    }
}

fn takes(names: Option<&[String]>, name: &str) -> bool {
    names.is_none_or(|names| {
        names
            .binary_search_by(|probe| probe.as_str().cmp(name))
            .is_ok()
    })
}

fn only(current: &mut Option<Vec<String>>, mut names: Vec<String>) {
    names.sort_unstable();
    names.dedup();
    if let Some(before) = current {
        names.retain(|name| before.binary_search(name).is_ok());
    }
    *current = Some(names);
}
