//! What a schedule does: time passes for the devices that wait for it, and outboxes
//! that no caller emptied leave.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;
use weir_config::FunctionKind;
use weir_model::Timestamp;

use crate::answer::Answer;
use crate::handler::Handler;
use crate::metrics::Metrics;
use crate::run::pass_time_only;
use crate::state::{Cache, StateStore};
use crate::stateful::{GroupRan, Stateful};

/// Devices of one sweep.
const MAX_DEVICES: usize = 500;

/// Devices that a function expects, and whose items exist.
#[derive(Debug, Default)]
pub(crate) struct Expected(BTreeSet<String>);

impl Handler {
    pub(crate) fn lock_cache(&self) -> std::sync::MutexGuard<'_, Cache> {
        self.cache
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Lets time pass up to `time`.
    pub(crate) fn sweep(
        &self,
        time: Timestamp,
        deadline: Timestamp,
        metrics: &mut Metrics,
    ) -> Answer {
        let Some(store) = &self.store else {
            return Answer::Result(json!({"devices": 0, "alerts": 0, "failed": 0}));
        };
        match self.sweep_devices(time, deadline, &**store, metrics) {
            Ok((devices, failed)) => {
                metrics.failed = failed as u64;
                Answer::Result(
                    json!({"devices": devices, "alerts": metrics.alerts, "failed": failed}),
                )
            }
            Err(message) => Answer::Error {
                kind: "Failed",
                message,
            },
        }
    }

    fn sweep_devices(
        &self,
        time: Timestamp,
        deadline: Timestamp,
        store: &dyn StateStore,
        metrics: &mut Metrics,
    ) -> Result<(usize, usize), String> {
        let mut devices = store
            .due(time, MAX_DEVICES)
            .map_err(|error| error.to_string())?;
        devices.extend(self.expected_devices());
        devices.sort();
        devices.dedup();
        // What this environment remembers of them may be old.
        for device in &devices {
            self.lock_cache().remove(device);
        }
        let mut stateful = Stateful::new(self, store, deadline, metrics);
        stateful.load(&devices)?;
        let mut failed = 0;
        for device in &devices {
            let done = stateful.has_time() && stateful.pass_time(device, time);
            failed += usize::from(!done);
            if done {
                let mut expected = self.expected.lock();
                if let Ok(expected) = &mut expected {
                    expected.0.insert(device.clone());
                }
            }
        }
        Ok((devices.len(), failed))
    }

    /// Devices that functions expect and that may have no item yet.
    fn expected_devices(&self) -> Vec<String> {
        let known = self.expected.lock();
        let is_new = |device: &&String| {
            known
                .as_ref()
                .map_or(true, |known| !known.0.contains(*device))
        };
        let functions = self.settings.config.functions.iter();
        let expected = functions.filter_map(|function| match &function.kind {
            FunctionKind::Absence(absence) => Some(&absence.expect),
            _ => None,
        });
        expected.flatten().filter(is_new).cloned().collect()
    }
}

impl Stateful<'_> {
    /// Lets time pass for one device; false if that has to be tried again.
    fn pass_time(&mut self, device: &str, time: Timestamp) -> bool {
        let devices: BTreeSet<String> = [device.to_owned()].into();
        let item = self.items.get(device);
        let is_new = item.is_some_and(|item| item.version == 0);
        let waits = item
            .and_then(|item| item.applied.silence)
            .is_some_and(|due| due <= time);
        if is_new || waits {
            let (pipeline, cleared) = match self.assemble(&devices) {
                Ok(assembled) => assembled,
                Err(reason) => {
                    self.metrics.note_failure(&reason);
                    return false;
                }
            };
            let ran = pass_time_only(&self.handler.settings.config, pipeline, &devices, time);
            let run = GroupRan {
                devices: devices.clone(),
                messages: Vec::new(),
                cleared,
                ran,
            };
            let nothing = BTreeMap::new();
            let items = self.new_items(&[], &BTreeMap::new(), run, &nothing);
            for (item, committed) in items.clone().into_iter().zip(self.commit(&items)) {
                if !self.settle(item, committed) {
                    // A message came meanwhile: the next sweep looks at it again.
                    return false;
                }
            }
        }
        let failed = self.publish_outboxes(&devices);
        for reason in failed.values() {
            self.metrics.note_failure(reason);
        }
        failed.is_empty()
    }
}
