//! The state of every device: its worst open alarm, or that it is silent. The list of
//! devices, the mosaic and the overview show the same.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Map, Value, json};
use weir_engine::DeviceSummary;
use weir_model::{DeviceIx, Severity, Timestamp};
use weir_notify::AlarmStoreError;

use super::alarm_list::{Listed, everything_listed};
use crate::api::Api;

/// Devices that are read under one lock of the pipeline.
const DEVICES_AT_ONCE: usize = 1_000;

/// The worst first: the order of the numbers in the mosaic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum DeviceState {
    Critical,
    Warning,
    /// All its open alarms are suppressed.
    Held,
    Silent,
    Normal,
}

impl DeviceState {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::Warning => "warning",
            Self::Held => "held",
            Self::Silent => "silent",
            Self::Normal => "normal",
        }
    }
}

/// One device.
#[derive(Debug)]
pub(crate) struct Device {
    pub(crate) id: Arc<str>,
    pub(crate) summary: DeviceSummary,
    pub(crate) open_alarms: usize,
    pub(crate) state: DeviceState,
    pub(crate) is_silent: bool,
    needs_acknowledgement: bool,
    worst: Option<Value>,
}

impl Device {
    pub(crate) fn location(&self) -> &str {
        self.summary.location.as_deref().unwrap_or_default()
    }

    pub(crate) fn document(&self) -> Value {
        let summary = &self.summary;
        json!({
            "id": self.id,
            "location": summary.location,
            "lastSeen": summary.last_seen.map(Timestamp::to_rfc3339),
            "lastTime": summary.last_time.map(Timestamp::to_rfc3339),
            "sensors": summary.series,
            "readings": summary.readings,
            "openAlarms": self.open_alarms,
            "state": self.state.as_str(),
            "silent": self.is_silent,
            "worst": self.worst,
        })
    }
}

/// The open alarms of one device.
#[derive(Debug, Default)]
struct Alarms {
    open: usize,
    /// Of those that are not suppressed.
    worst_severity: Option<Severity>,
    needs_acknowledgement: bool,
    /// A function has found it silent.
    is_silent: bool,
    worst: Option<Value>,
}

impl Alarms {
    /// `absences`: the functions that watch for silence. `listed` by need.
    fn by_device(listed: &[Listed], absences: &HashSet<Arc<str>>) -> HashMap<String, Self> {
        let mut devices: HashMap<String, Self> = HashMap::new();
        for alarm in listed {
            let record = &alarm.record;
            let device = devices.entry(record.device_id.clone()).or_default();
            device.needs_acknowledgement |= alarm.needs_acknowledgement() && !alarm.is_suppressed();
            if !alarm.is_open() {
                continue;
            }
            device.open += 1;
            device.is_silent |= absences.contains(record.function.as_str());
            if !alarm.is_suppressed() {
                device.worst_severity = device.worst_severity.max(Some(record.severity));
            }
            device.worst.get_or_insert_with(|| {
                json!({
                    "severity": record.severity,
                    "lifecycle": record.lifecycle,
                    "reason": record.reason,
                    "alarmId": record.alarm_id,
                })
            });
        }
        devices
    }

    fn state(&self, is_silent: bool) -> DeviceState {
        match self.worst_severity {
            Some(Severity::Critical) => DeviceState::Critical,
            Some(Severity::Warning) => DeviceState::Warning,
            None if self.open > 0 => DeviceState::Held,
            None if is_silent => DeviceState::Silent,
            None => DeviceState::Normal,
        }
    }
}

/// All devices in the order in which they became known, and what is listed of their
/// alarms, by need. Blocks on the disk.
pub(crate) fn devices(api: &Api) -> Result<(Vec<Device>, Vec<Listed>), AlarmStoreError> {
    let mut listed = everything_listed(api)?;
    listed.sort_by(Listed::by_need);
    let summaries = summaries(api);
    Ok((with_states(api, summaries, &listed), listed))
}

/// One device; `None`: there is no such device. Blocks on the disk.
pub(crate) fn device(api: &Api, id: &str) -> Result<Option<Device>, AlarmStoreError> {
    let found = {
        let pipeline = api.pipeline.lock();
        let engine = pipeline.engine();
        let ix = engine.device_ix(id);
        ix.map(|ix| (ix, engine.catalog().device(ix), engine.device_summary(ix)))
    };
    let Some(found) = found else { return Ok(None) };
    let listed = everything_listed(api)?;
    let mut listed: Vec<Listed> = listed
        .into_iter()
        .filter(|alarm| alarm.record.device_id == id)
        .collect();
    listed.sort_by(Listed::by_need);
    Ok(with_states(api, vec![found], &listed).pop())
}

fn with_states(
    api: &Api,
    summaries: Vec<(DeviceIx, Arc<str>, DeviceSummary)>,
    listed: &[Listed],
) -> Vec<Device> {
    let mut alarms = Alarms::by_device(listed, &absences(api));
    let seen = summaries.iter();
    let seen = seen.map(|(ix, _, summary)| (*ix, summary.last_seen));
    let silent = api.signals.pace.silent(seen, Timestamp::now());
    let devices = summaries.into_iter().zip(silent);
    let devices = devices.map(|((_, id, summary), is_silent)| {
        let alarms = alarms.remove(&*id).unwrap_or_default();
        let is_silent = is_silent || alarms.is_silent;
        Device {
            id,
            summary,
            state: alarms.state(is_silent),
            open_alarms: alarms.open,
            is_silent,
            needs_acknowledgement: alarms.needs_acknowledgement,
            worst: alarms.worst,
        }
    });
    devices.collect()
}

/// The functions that watch for silence.
fn absences(api: &Api) -> HashSet<Arc<str>> {
    let pipeline = api.pipeline.lock();
    let functions = pipeline.engine().functions().iter();
    let absences = functions.filter(|function| function.kind == "absence");
    absences.map(|function| function.name.clone()).collect()
}

/// The pipeline waits for a few devices at a time, not for all.
fn summaries(api: &Api) -> Vec<(DeviceIx, Arc<str>, DeviceSummary)> {
    let mut found = Vec::new();
    loop {
        let pipeline = api.pipeline.lock();
        let engine = pipeline.engine();
        let names = engine.catalog().devices();
        let first = found.len();
        let few = names.iter().enumerate().skip(first).take(DEVICES_AT_ONCE);
        for (ix, name) in few {
            let ix = DeviceIx(ix as u32);
            found.push((ix, name.clone(), engine.device_summary(ix)));
        }
        if found.len() == names.len() || found.len() == first {
            return found;
        }
    }
}

/// How many devices are in each state.
pub(crate) fn counts<'a>(devices: impl Iterator<Item = &'a Device>) -> Value {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for device in devices {
        *counts.entry(device.state.as_str()).or_default() += 1;
    }
    let counts = counts.into_iter();
    let counts: Map<String, Value> = counts
        .map(|(name, count)| (name.to_owned(), json!(count)))
        .collect();
    Value::Object(counts)
}

/// The locations that devices name, sorted.
pub(crate) fn locations(devices: &[Device]) -> Vec<&str> {
    let named: BTreeSet<&str> = devices.iter().map(Device::location).collect();
    named.into_iter().filter(|name| !name.is_empty()).collect()
}

/// Every device in a few bytes: its id, its location, its state, and 1 if an alarm of it
/// needs an acknowledgement.
pub(crate) fn mosaic(devices: &[Device]) -> Value {
    let named: BTreeSet<&str> = devices.iter().map(Device::location).collect();
    let numbers: HashMap<&str, usize> = named
        .iter()
        .enumerate()
        .map(|(n, name)| (*name, n))
        .collect();
    let cells = devices.iter().map(|device| {
        json!([
            device.id,
            numbers[device.location()],
            device.state as u8,
            u8::from(device.needs_acknowledgement),
        ])
    });
    let cells: Vec<Value> = cells.collect();
    json!({"locations": named, "devices": cells})
}

#[cfg(test)]
mod tests {
    use weir_alarms::Lifecycle;

    use super::super::alarm_list::tests::listed;
    use super::*;

    #[track_caller]
    fn check(alarms: &[(Severity, Lifecycle)], is_silent: bool, expect: DeviceState) {
        let alarms: Vec<Listed> = alarms
            .iter()
            .enumerate()
            .map(|(n, (severity, lifecycle))| listed(&format!("a/{n}"), *severity, *lifecycle))
            .collect();
        let found = Alarms::by_device(&alarms, &HashSet::new());
        let state = found.get("a").map_or_else(
            || Alarms::default().state(is_silent),
            |alarms| alarms.state(is_silent),
        );
        assert_eq!(state, expect, "{alarms:?}");
    }

    #[test]
    fn the_worst_alarm_that_is_not_suppressed_decides() {
        use Lifecycle::{Acknowledged, Shelved, Unacknowledged};
        use Severity::{Critical, Warning};
        check(&[], false, DeviceState::Normal);
        check(&[], true, DeviceState::Silent);
        check(
            &[(Warning, Unacknowledged), (Critical, Acknowledged)],
            true,
            DeviceState::Critical,
        );
        check(
            &[(Critical, Shelved), (Warning, Unacknowledged)],
            false,
            DeviceState::Warning,
        );
        check(&[(Critical, Shelved)], true, DeviceState::Held);
    }
}
