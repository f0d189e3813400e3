//! The memory of single devices: out of an engine, and several together into one.
//!
//! A host that keeps each device's memory for itself (a function in a cloud, a
//! worker that takes over some devices) asks which devices a message is of
//! ([`Engine::devices_of`]), assembles their memories ([`Engine::assemble`]), runs
//! the message, and stores each memory again ([`Engine::device_snapshot`]).
//!
//! The law: a run over assembled devices gives for each device the rows, verdicts
//! and names, and in the end the bytes, that a run over this device alone gives.
//! Three things belong to an engine and not to a device, and so have to be the same
//! in both runs: the times that pass, modules that were stopped after failures, and
//! limits on the number of names.

use weir_codec::{Decoder, Memory};
use weir_config::Config;
use weir_model::{DeviceIx, Ingress, Message, Timestamp};

use crate::absence::watch;
use crate::engine::Engine;
use crate::rules::Rules;
use crate::state::snapshot::{self, Restored, SnapshotError};
use crate::validator;

impl Engine {
    /// The memory of one device, in the format of [`Engine::snapshot`]: that of an
    /// engine that knows only this device. The same messages give the same bytes,
    /// whichever other devices the engine knows.
    ///
    /// Panics when there is no such device.
    pub fn device_snapshot(&self, device: DeviceIx) -> Vec<u8> {
        let (parts, removed) = snapshot::of_device(&self.tables, &self.removed, device);
        // What codecs remember belongs to no device.
        self.write(&parts, &removed, &Memory::default())
    }

    /// An engine that knows the devices of all snapshots, in their order. Each is
    /// restored as by [`Engine::restore`]; the time has come as far as the latest of
    /// them says. A device in two snapshots is an error.
    pub fn assemble(config: &Config, snapshots: &[&[u8]]) -> Result<Self, SnapshotError> {
        let rules = Rules::new(config);
        let mut all = Restored::default();
        for bytes in snapshots {
            all.append(snapshot::read(bytes, &rules)?)?;
        }
        Ok(Self::with_memory(config, rules, all))
    }

    /// When time has to pass at the latest, so that silence of the device is noticed
    /// as soon as it is too long: for a host without ticks. `None`: nothing waits for
    /// it.
    ///
    /// Panics when there is no such device.
    pub fn due(&self, device: DeviceIx) -> Option<Timestamp> {
        watch::due(
            &self.tables,
            &self.rules,
            self.clock(),
            device,
            &|function| {
                let function = self.functions.get(function.index());
                function.map_or(0, |function| function.on_delay_ns)
            },
        )
    }

    /// Time has passed until now although no message came: for a host that ran
    /// meanwhile, without ticks. Without it a long time between two messages counts as
    /// one in which Weir did not run, and nobody is found silent.
    pub fn bridge_silence(&mut self, until: Timestamp) {
        self.clock_mut().bridge(until);
    }

    /// The devices that a message is of, each once, in the order in which it names
    /// them. It decodes the message and changes nothing. A message or an event that
    /// is refused whole is of no device.
    pub fn devices_of(&self, message: &Message<'_>) -> Vec<String> {
        if message.ingress == Ingress::Clock {
            return Vec::new();
        }
        let mut decoder = Decoder::with_memory(self.decoder.memory.clone());
        let Ok(decoded) = self.routes.decode(message, &mut decoder) else {
            return Vec::new();
        };
        let mut devices: Vec<String> = Vec::new();
        for event in decoder.events.iter().filter(|event| event.fault.is_none()) {
            let in_payload =
                (!event.device.is_none()).then(|| decoder.text(decoded.text, event.device));
            let device = validator::device(decoded.captures.device, in_payload)
                .and_then(|device| validator::check(device).map(|()| device));
            if let Ok(device) = device
                && !devices.iter().any(|known| known == device)
            {
                devices.push(device.to_owned());
            }
        }
        devices
    }
}
