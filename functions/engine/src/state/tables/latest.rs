//! Reads the latest values out of the tables.

use weir_model::{DeviceIx, Timestamp};

use super::{Series, Tables};
use crate::inspect::latest::{DeviceSummary, Latest};
use crate::state::index::{NEVER, SeriesIx};

impl Tables {
    pub(crate) fn latest_of(&self, device: DeviceIx) -> Vec<Latest> {
        self.devices[device.index()]
            .series
            .iter()
            .map(|ix| &self.series[ix.index()])
            .filter(|series| series.has_latest())
            .map(|series| self.latest_of_series(series))
            .collect()
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
        let named = |ix: &&SeriesIx| !self.series[ix.index()].sensor.is_empty();
        let time = |time: i64| (time != NEVER).then_some(Timestamp(time));
        DeviceSummary {
            last_seen: time(device.last_seen),
            last_time: time(device.last_time),
            series: device.series.iter().filter(named).count(),
            readings: device.readings,
            location: (!location.is_empty()).then(|| location.clone()),
        }
    }

    pub(crate) fn last_seen(&self, device: DeviceIx) -> Option<Timestamp> {
        let time = self.devices[device.index()].last_seen;
        (time != NEVER).then_some(Timestamp(time))
    }

    pub(crate) fn latest_of_sensor(&self, device: DeviceIx, sensor: &str) -> Option<Latest> {
        let series = &self.series[self.series_named(device, sensor)?.index()];
        series.has_latest().then(|| self.latest_of_series(series))
    }

    /// Marks the newest of the latest values of a device, if it has any.
    pub(crate) fn mark_newest_changed(&mut self, device: DeviceIx) {
        let newest = self.devices[device.index()]
            .series
            .iter()
            .copied()
            .filter(|ix| self.series[ix.index()].has_latest())
            .max_by_key(|ix| self.series[ix.index()].latest_time);
        if let Some(newest) = newest {
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
                if self.series[ix.index()].changed {
                    latest.push(self.latest_of_series(&self.series[ix.index()]));
                    self.series[ix.index()].changed = false;
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
