//! Which readings a query is after: what can be looked up instead of scanned.

/// All conditions hold together. The default lets everything through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Filter {
    /// Sorted; any of these devices.
    pub(crate) devices: Option<Vec<String>>,
    /// Sorted; any of these sensors.
    pub(crate) sensors: Option<Vec<String>>,
    /// Nanoseconds, inclusive.
    pub(crate) from: i64,
    /// Nanoseconds, inclusive.
    pub(crate) to: i64,
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
    /// No condition on whole rows: which device, what time.
    pub(crate) fn takes_all_rows(&self) -> bool {
        self.devices.is_none() && self.from == i64::MIN && self.to == i64::MAX
    }

    pub(crate) fn has_times(&self) -> bool {
        self.from != i64::MIN || self.to != i64::MAX
    }

    pub(crate) fn takes_sensor(&self, sensor: &str) -> bool {
        takes(self.sensors.as_deref(), sensor)
    }

    pub(crate) fn takes_device(&self, device: &str) -> bool {
        takes(self.devices.as_deref(), device)
    }

    pub(crate) fn takes_time(&self, time: i64) -> bool {
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

    pub(crate) fn only_devices(&mut self, devices: Vec<String>) {
        only(&mut self.devices, devices);
    }

    pub(crate) fn only_sensors(&mut self, sensors: Vec<String>) {
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
