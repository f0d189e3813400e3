//! One event's way through the engine: which device it is of, and what becomes of
//! each of its readings.
//!
//! ```text
//! event ─▶ device ─▶ per reading: valid? ─▶ expected unit ─▶ series ─▶ functions ─▶ row, latest
//!                                (reading.rs)    (unit.rs)              (run.rs)
//!       ─▶ readings that are computed from those (derive.rs): the same way from the series on
//! ```

mod context;
mod derive;
mod reading;
mod run;
mod unit;

use weir_codec::{EventMark, Fault, Quoted, RawEvent, RawReading, RawTime};
use weir_model::{DeviceIx, Message, QuarantineReason as Reason};

use crate::batch::UnusedTime;
use crate::validator;

pub(crate) use context::EventContext;
use context::EventDevice;

impl<'a> EventContext<'a> {
    /// Counts every reading of the event as what it becomes, and says how many
    /// indexes they take. An error means that nothing was counted and the event is
    /// refused as one.
    pub(crate) fn process(
        &mut self,
        event: &RawEvent,
        readings: &[RawReading],
        first_index: u32,
    ) -> Result<u32, Fault> {
        if let Some(fault) = &event.fault {
            return Err(fault.clone());
        }
        let number = self.row_builder.begin_event();
        let mut owner = self.device(event, readings)?;
        for (at, raw) in readings.iter().enumerate() {
            if let Err(fault) = self.reading(&mut owner, event, raw, at) {
                let index = first_index + at as u32;
                self.out.quarantine(self.position, Some(index), fault);
                self.note_rejected_sequence(&owner, raw, at);
            }
        }
        let mut indexes = readings.len() as u32;
        let is_judged = !self.message.retained && event.mark == EventMark::None;
        if self.rules.watches.derived && is_judged {
            indexes += self.derive(&mut owner, number, first_index + indexes);
        }
        if let (Some(number), Some(device), false) =
            (event.sequence, owner.device, self.message.retained)
        {
            self.tables.note_sequence(device, None, number);
        }
        if let (Some(device), false) = (owner.device, self.message.retained) {
            self.record_device_activity(device);
        }
        if owner.timeless && !owner.replayed {
            // A device that was not known before the event is only now.
            self.is_replayed(owner.device);
        }
        self.note_unused_time(owner.device);
        Ok(indexes)
    }

    /// The sender meant a member to be the time, and the route did not.
    #[inline]
    fn note_unused_time(&mut self, device: Option<DeviceIx>) {
        let (Some(device), false) = (device, self.decoder.unused_time.is_none()) else {
            return;
        };
        let member = self.span(self.decoder.unused_time).into();
        let unused = &mut self.out.unused_times;
        if unused.last().is_none_or(|last| last.device != device) {
            unused.push(UnusedTime { device, member });
        }
    }

    /// A reading of the device was taken.
    #[inline]
    fn record_device_activity(&mut self, device: DeviceIx) {
        if !self.rules.watches.devices || self.out.rows.cells.len() == self.cells_before {
            return;
        }
        let series = self
            .tables
            .series_of_device(device, self.rules, self.limits);
        if let Some(series) = series {
            self.record_activity(series);
        }
    }

    /// A reading that is refused has arrived all the same: it is no gap.
    #[cold]
    fn note_rejected_sequence(&mut self, owner: &EventDevice<'a>, raw: &RawReading, at: usize) {
        let (Some(number), Some(device), false) =
            (raw.sequence, owner.device, self.message.retained)
        else {
            return;
        };
        let named = (!raw.sensor.is_none()).then(|| self.span(raw.sensor));
        let Some(sensor) = named.or(self.captures.sensor) else {
            return;
        };
        if let Some(series) = self.tables.find_series(device, at, sensor) {
            self.tables.note_sequence(device, Some(series), number);
        }
    }

    fn device(
        &mut self,
        event: &RawEvent,
        readings: &[RawReading],
    ) -> Result<EventDevice<'a>, Fault> {
        let decoder = self.decoder;
        let in_payload = (!event.device.is_none()).then(|| decoder.text(self.text, event.device));
        let name = validator::device(self.captures.device, in_payload)?;
        // The listener has checked a topic that names its device.
        if let (None, Some(rights)) = (self.captures.device, self.rights)
            && !rights.may_write(self.message.client, name)
        {
            let (client, name) = (Quoted(self.message.client), Quoted(name));
            let detail = format!("{client} may not publish for {name}");
            return Err(Fault::new(Reason::NotAllowed, detail));
        }
        let device = self.tables.find_device(name);
        match device {
            Some(device) if !self.message.retained => {
                let device = &mut self.tables.devices[device.index()];
                device.last_seen = device.last_seen.max(self.message.received.0);
            }
            Some(_) => {}
            None => {
                validator::check(name)?;
                if self.tables.devices.len() >= self.limits.max_devices {
                    let detail = format!(
                        "{} would be one device more than limits.max_devices allows",
                        Quoted(name)
                    );
                    return Err(Fault::new(Reason::TooManySeries, detail));
                }
            }
        }
        let timeless = self.message.retained
            && event.time == RawTime::Missing
            && readings.iter().all(|raw| raw.time == RawTime::Missing);
        let replayed = timeless && self.is_replayed(device);
        Ok(EventDevice {
            name,
            device,
            timeless,
            replayed,
        })
    }

    fn is_replayed(&mut self, device: Option<DeviceIx>) -> bool {
        let Message { topic, payload, .. } = *self.message;
        device.is_some_and(|device| {
            self.tables.devices[device.index()].retained.is_replayed(
                topic,
                payload,
                self.position.0,
            )
        })
    }
}
