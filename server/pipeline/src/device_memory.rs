//! The memory of single devices, for a host that keeps each by itself.
//!
//! ```text
//! version u8 (1) | postcard: engine bytes, alarms bytes
//! ```
//!
//! The law of [`weir_engine::Engine::assemble`] and
//! [`AlarmEngine::assemble`] together: a pipeline of assembled devices has for each
//! device the effects, and in the end the bytes, of a pipeline of this device alone.

use std::collections::BTreeMap;

use thiserror::Error;
use weir_alarms::{AlarmEngine, DeviceSlots};
use weir_config::Config;
use weir_engine::Engine;
use weir_model::{DeviceIx, Timestamp};

use crate::alarm_names::delays;
use crate::pipeline::{Pipeline, RestoreError};

const VERSION: u8 = 1;

/// Why memories cannot be put together.
#[derive(Debug, Error)]
pub enum AssembleError {
    #[error("the memory of a device has version {found}, this program reads {VERSION}")]
    Version { found: u8 },
    #[error("the memory of a device is empty")]
    Empty,
    #[error("the memory of a device cannot be read: {0}")]
    Malformed(#[from] postcard::Error),
    #[error(transparent)]
    Restore(#[from] RestoreError),
}

impl From<weir_engine::SnapshotError> for AssembleError {
    fn from(error: weir_engine::SnapshotError) -> Self {
        Self::Restore(error.into())
    }
}

impl From<weir_alarms::RestoreError> for AssembleError {
    fn from(error: weir_alarms::RestoreError) -> Self {
        Self::Restore(error.into())
    }
}

/// The engine's slots of each device, ascending. Devices that have none are left
/// out.
fn slots_by_device(engine: &Engine) -> BTreeMap<&str, Vec<u32>> {
    let mut slots: BTreeMap<&str, Vec<u32>> = BTreeMap::new();
    for slot in 0..engine.slot_count() {
        slots
            .entry(engine.slot(slot).device)
            .or_default()
            .push(slot);
    }
    slots
}

/// Names the memories of all devices at once: the slots are grouped once.
#[derive(Debug)]
pub struct DeviceMemories<'p> {
    pipeline: &'p Pipeline,
    slots: BTreeMap<&'p str, Vec<u32>>,
}

impl DeviceMemories<'_> {
    /// The memory of one device, for [`Pipeline::assemble`]; `None` if the pipeline
    /// does not know the device.
    pub fn of(&self, device: &str) -> Option<Vec<u8>> {
        let (engine, alarms) = (self.pipeline.engine(), self.pipeline.alarms());
        let ix = engine.device_ix(device)?;
        let slots = self.slots.get(device).map_or(&[][..], Vec::as_slice);
        let memory = (
            engine.device_snapshot(ix),
            alarms.device_snapshot(DeviceSlots { device: ix, slots }),
        );
        let bytes = postcard::to_extend(&memory, vec![VERSION]);
        Some(bytes.expect("byte strings always serialise"))
    }
}

impl Pipeline {
    /// The memories of the devices, one by one.
    pub fn device_memories(&self) -> DeviceMemories<'_> {
        DeviceMemories {
            pipeline: self,
            slots: slots_by_device(self.engine()),
        }
    }

    /// See [`Engine::bridge_silence`].
    pub fn bridge_silence(&mut self, until: Timestamp) {
        self.engine_mut().bridge_silence(until);
    }

    /// A pipeline that knows the devices of these memories and no others. It makes
    /// no reports of its own: see [`Pipeline::take_reports`]. Under another
    /// configuration than the memories were made by, [`Pipeline::close_abandoned`]
    /// has to follow, as after [`Pipeline::restore`].
    pub fn assemble(config: &Config, memories: &[&[u8]]) -> Result<Self, AssembleError> {
        let (mut engines, mut alarms) = (Vec::new(), Vec::new());
        for memory in memories {
            let (engine, alarm): (&[u8], &[u8]) = match memory.split_first() {
                Some((&VERSION, body)) => postcard::from_bytes(body)?,
                Some((&found, _)) => return Err(AssembleError::Version { found }),
                None => return Err(AssembleError::Empty),
            };
            engines.push(engine);
            alarms.push(alarm);
        }
        let engine = Engine::assemble(config, &engines)?;
        let slots = slots_by_device(&engine);
        let devices = (0..memories.len() as u32).map(DeviceIx);
        let devices = devices.zip(alarms).map(|(device, alarms)| {
            let name = engine.catalog().device(device);
            let slots = slots.get(&*name).map_or(&[][..], Vec::as_slice);
            (DeviceSlots { device, slots }, alarms)
        });
        let alarms = AlarmEngine::assemble(delays(&engine), devices.collect::<Vec<_>>())?;
        Ok(Self::from_parts(config, engine, alarms).without_reports())
    }
}

#[cfg(test)]
mod tests {
    use weir_model::{Ingress, Message, Position};

    use super::*;
    use crate::Effects;

    const SECOND: i64 = 1_000_000_000;

    fn config() -> Config {
        let text = "[[function]]\nname = \"hot\"\nkind = \"threshold\"\nsensor = \"t\"\n\
                    warning_high = 50.0\ncritical_high = 80.0\non_delay = \"10s\"\n\
                    [[function]]\nname = \"level\"\nkind = \"ewma\"\nhalf_life = \"5s\"\nsensor = \"t\"\n";
        Config::from_toml(text).unwrap()
    }

    /// Sends the value to the device; the ids of the alerts that follow.
    fn send(pipeline: &mut Pipeline, nth: i64, device: &str, value: f64) -> Vec<String> {
        let received = Timestamp((1_700_000_000 + nth) * SECOND);
        let payload = format!(
            "{{\"deviceId\": \"{device}\", \"data\": [{{\"sensorId\": \"t\", \"value\": {value}, \
             \"timestamp\": {}}}]}}",
            received.millis()
        );
        let message = Message {
            received,
            ingress: Ingress::Function,
            client: "",
            topic: &format!("devices/{device}/telemetry"),
            payload: payload.as_bytes(),
            qos: 1,
            retained: false,
            duplicate: false,
        };
        let mut effects = Effects::default();
        pipeline.on_message(Position(nth as u64), &message, &mut effects);
        assert!(effects.shadow_updates.is_empty() && effects.quarantined.is_empty());
        effects.alerts.into_iter().map(|alert| alert.id).collect()
    }

    #[test]
    fn devices_that_are_put_together_for_each_message_run_as_each_alone() {
        let config = config();
        let devices = ["a", "b", "c"];
        let new = || Pipeline::new(&config).without_reports();
        let mut alone: Vec<Pipeline> = devices.iter().map(|_| new()).collect();
        let mut kept: Vec<Option<Vec<u8>>> = vec![None; devices.len()];
        let mut raised = 0;
        for nth in 0..120 {
            let at = (nth * 7 % 3) as usize;
            let value = if nth / 30 % 2 == 1 {
                90.0
            } else {
                20.0 + (nth % 5) as f64
            };
            let known: Vec<&[u8]> = kept.iter().flatten().map(Vec::as_slice).collect();
            let mut together = Pipeline::assemble(&config, &known).unwrap();
            let expect = send(&mut alone[at], nth, devices[at], value);
            raised += expect.len();
            assert_eq!(
                send(&mut together, nth, devices[at], value),
                expect,
                "{nth}"
            );
            let memories = together.device_memories();
            for (kept, device) in kept.iter_mut().zip(devices) {
                *kept = memories.of(device);
            }
        }
        assert!(raised >= 6, "{raised}");
        for ((alone, kept), device) in alone.iter().zip(&kept).zip(devices) {
            assert_eq!(alone.device_memories().of(device), *kept, "{device}");
        }
    }

    #[test]
    fn a_memory_of_another_version_is_refused() {
        let config = config();
        assert!(matches!(
            Pipeline::assemble(&config, &[&[9]]),
            Err(AssembleError::Version { found: 9 })
        ));
        assert!(matches!(
            Pipeline::assemble(&config, &[&[]]),
            Err(AssembleError::Empty)
        ));
    }
}
