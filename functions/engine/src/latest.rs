//! The latest values: what a dashboard and a shadow show of a device.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use weir_model::{DeviceIx, Flags, Timestamp};

use crate::memory::{Memory, NEVER, Series};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum LatestValue {
    /// Booleans are 1 and 0.
    Number(f64),
    Text(Arc<str>),
}

/// The latest reading of a sensor.
#[derive(Clone, Debug, PartialEq)]
pub struct Latest {
    pub sensor: Arc<str>,
    pub unit: Option<Arc<str>>,
    pub value: LatestValue,
    pub time: Timestamp,
    pub flags: Flags,
}

/// A device at a glance.
#[derive(Clone, Debug, PartialEq)]
pub struct DeviceSummary {
    /// When Weir last received something from it (by Weir's clock); `None`: never.
    pub last_seen: Option<Timestamp>,
    /// Time of its newest reading.
    pub last_time: Option<Timestamp>,
    pub series: usize,
    /// Readings that went to the store, repeated ones included.
    pub readings: u64,
    /// The last one that it named.
    pub location: Option<Arc<str>>,
}

impl Memory {
    pub(crate) fn latest_of(&self, device: DeviceIx) -> Vec<Latest> {
        let series = self.devices[device.index()].series.iter();
        let series = series
            .map(|ix| &self.series[*ix as usize])
            .filter(|series| series.has_latest());
        series.map(|series| self.latest_of_series(series)).collect()
    }

    fn latest_of_series(&self, series: &Series) -> Latest {
        Latest {
            sensor: series.sensor.clone(),
            unit: self.columns[series.latest_column.index()].unit.clone(),
            value: series.latest.clone(),
            time: Timestamp(series.latest_time),
            flags: series.latest_flags,
        }
    }

    pub(crate) fn summary(&self, device: DeviceIx) -> DeviceSummary {
        let device = &self.devices[device.index()];
        let location = &self.locations[device.location.index()];
        let named = |ix: &&u32| !self.series[**ix as usize].sensor.is_empty();
        let time = |time: i64| (time != NEVER).then_some(Timestamp(time));
        DeviceSummary {
            last_seen: time(device.last_seen),
            last_time: time(device.last_time),
            series: device.series.iter().filter(named).count(),
            readings: device.readings,
            location: (!location.is_empty()).then(|| location.clone()),
        }
    }

    /// Marks the newest of the latest values of a device, if it has any.
    pub(crate) fn mark_newest_changed(&mut self, device: DeviceIx) {
        let series = self.devices[device.index()].series.iter().copied();
        let known = series.filter(|ix| self.series[*ix as usize].has_latest());
        if let Some(newest) = known.max_by_key(|ix| self.series[*ix as usize].latest_time) {
            self.mark_changed(newest);
        }
    }

    /// Hands out what changed since the last call and forgets that it changed.
    pub(crate) fn take_changed(&mut self, visit: &mut dyn FnMut(DeviceIx, &[Latest])) {
        let mut changed = std::mem::take(&mut self.changed);
        let mut latest = Vec::new();
        for device in changed.drain(..) {
            latest.clear();
            self.devices[device.index()].changed = false;
            for ix in &self.devices[device.index()].series {
                if self.series[*ix as usize].changed {
                    latest.push(self.latest_of_series(&self.series[*ix as usize]));
                    self.series[*ix as usize].changed = false;
                }
            }
            visit(device, &latest);
        }
        self.changed = changed;
    }
}

impl Series {
    fn has_latest(&self) -> bool {
        self.latest_time != NEVER
    }
}
