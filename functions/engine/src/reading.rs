//! One event's way through the memory: which device, and per reading which
//! series, what it changes and what the functions conclude.
//!
//! A reading is judged whole before it changes anything: one that is refused
//! leaves no device, series or name behind.

use std::sync::Arc;

use weir_codec::{Decoder, Fault, Quoted, RawEvent, RawReading, RawTime, RawValue, Span};
use weir_config::{Captures, Limits};
use weir_model::{
    Cell, DeviceIx, Flags, LocationIx, Message, Position, PublishRights,
    QuarantineReason as Reason, Timestamp, Value, ValueKind,
};

use crate::absence;
use crate::batch::Batch;
use crate::checks::unit::UnitOutcome;
use crate::engine::Watches;
use crate::latest::LatestValue;
use crate::memory::{Memory, NEVER, is_column, same_text};
use crate::meter::Meter;
use crate::row_builder::{RowBuilder, RowKey};
use crate::rules::Rule;
use crate::run::Subject;
use crate::validator;
use crate::wasm::Pending;

/// Everything that the readings of one message are judged by.
pub(crate) struct Step<'a> {
    pub(crate) position: Position,
    pub(crate) message: &'a Message<'a>,
    pub(crate) captures: &'a Captures<'a>,
    /// The payload.
    pub(crate) text: &'a str,
    pub(crate) decoder: &'a Decoder,
    pub(crate) limits: &'a Limits,
    pub(crate) rights: Option<&'a dyn PublishRights>,
    pub(crate) rules: &'a [Rule],
    pub(crate) memory: &'a mut Memory,
    pub(crate) row_builder: &'a mut RowBuilder,
    pub(crate) out: &'a mut Batch,
    /// Readings that functions get once the message is done.
    pub(crate) pending: &'a mut Vec<Pending>,
    /// What functions ask for besides readings.
    pub(crate) watches: Watches,
    pub(crate) meter: &'a mut Meter,
    /// What `out` held before the event.
    pub(crate) cells_before: usize,
}

/// What an event knows of its device.
pub(crate) struct Sender<'a> {
    pub(crate) name: &'a str,
    /// `None` until a reading of it is taken.
    pub(crate) device: Option<DeviceIx>,
    /// No reading says when it was measured, and the message was retained.
    timeless: bool,
    /// The broker has replayed this very message before.
    replayed: bool,
}

/// A reading that has been judged good, with what is known of its names.
pub(crate) struct Judged<'a> {
    /// Which reading of its event.
    pub(crate) at: usize,
    pub(crate) sensor: &'a str,
    pub(crate) unit: &'a str,
    pub(crate) location: &'a str,
    pub(crate) kind: ValueKind,
    pub(crate) time: Timestamp,
    pub(crate) flags: Flags,
    pub(crate) series: Option<u32>,
    pub(crate) known_location: Option<LocationIx>,
}

impl<'a> Step<'a> {
    /// Counts every reading of the event as what it becomes, and says how many
    /// indexes they take. An error means that nothing was counted and the event is
    /// refused as one.
    pub(crate) fn event(
        &mut self,
        event: &RawEvent,
        readings: &[RawReading],
        first_index: u32,
    ) -> Result<u32, Fault> {
        if let Some(fault) = &event.fault {
            return Err(fault.clone());
        }
        let number = self.row_builder.begin_event();
        let mut sender = self.sender(event, readings)?;
        for (at, raw) in readings.iter().enumerate() {
            if let Err(fault) = self.reading(&mut sender, event, raw, at) {
                let index = first_index + at as u32;
                self.out.quarantine(self.position, Some(index), fault);
                self.note_rejected_sequence(&sender, raw, at);
            }
        }
        let mut indexes = readings.len() as u32;
        if self.watches.derived && !self.message.retained {
            indexes += self.derive(&mut sender, number, first_index + indexes);
        }
        if let (Some(number), Some(device), false) =
            (event.sequence, sender.device, self.message.retained)
        {
            self.memory.note_sequence(device, None, number);
        }
        if let (Some(device), false) = (sender.device, self.message.retained) {
            self.hear_device(device);
        }
        if sender.timeless && !sender.replayed {
            // A device that was not known before the event is only now.
            self.is_replayed(sender.device);
        }
        Ok(indexes)
    }

    /// The device is there: a reading of it was taken.
    #[inline]
    fn hear_device(&mut self, device: DeviceIx) {
        if !self.watches.devices || self.out.rows.cells.len() == self.cells_before {
            return;
        }
        if let Some(series) = self
            .memory
            .series_of_device(device, self.rules, self.limits)
        {
            self.hear(series);
        }
    }

    fn hear(&mut self, series: u32) {
        let now = self.message.received.0;
        absence::hear(
            self.memory,
            self.rules,
            series,
            self.position,
            now,
            self.meter,
            self.out,
        );
    }

    /// A reading that is refused has arrived all the same: it is no gap.
    #[cold]
    fn note_rejected_sequence(&mut self, sender: &Sender<'a>, raw: &RawReading, at: usize) {
        let (Some(number), Some(device), false) =
            (raw.sequence, sender.device, self.message.retained)
        else {
            return;
        };
        let named = (!raw.sensor.is_none()).then(|| self.span(raw.sensor));
        let Some(sensor) = named.or(self.captures.sensor) else {
            return;
        };
        if let Some(series) = self.memory.find_series(device, at, sensor) {
            self.memory.note_sequence(device, Some(series), number);
        }
    }

    fn sender(&mut self, event: &RawEvent, readings: &[RawReading]) -> Result<Sender<'a>, Fault> {
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
        let device = self.memory.find_device(name);
        match device {
            Some(device) if !self.message.retained => {
                let device = &mut self.memory.devices[device.index()];
                device.last_seen = device.last_seen.max(self.message.received.0);
            }
            Some(_) => {}
            None => {
                validator::check(name)?;
                if self.memory.devices.len() >= self.limits.max_devices {
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
        Ok(Sender {
            name,
            device,
            timeless,
            replayed,
        })
    }

    fn is_replayed(&mut self, device: Option<DeviceIx>) -> bool {
        let Message { topic, payload, .. } = *self.message;
        device.is_some_and(|device| {
            self.memory
                .is_replayed(device, topic, payload, self.position.0)
        })
    }

    #[inline]
    fn reading(
        &mut self,
        sender: &mut Sender<'a>,
        event: &RawEvent,
        raw: &RawReading,
        at: usize,
    ) -> Result<(), Fault> {
        let mut judged = self.judge(sender, event, raw, at)?;
        if sender.replayed {
            self.out.received += 1;
            self.out.deduplicated += 1;
            return Ok(());
        }
        let converted = self.in_expected_unit(sender, &mut judged, raw);
        let (raw, unit) = match &converted {
            Some((raw, unit)) => (raw, *unit),
            None => (raw, UnitOutcome::AsExpected),
        };
        self.take_judged(sender, judged, raw, unit).map(|_| ())
    }

    /// Takes a reading that has been judged good by itself, unless a function of
    /// its series refuses it. Returns its series.
    #[inline]
    pub(crate) fn take_judged(
        &mut self,
        sender: &mut Sender<'a>,
        mut judged: Judged<'a>,
        raw: &RawReading,
        unit: UnitOutcome,
    ) -> Result<u32, Fault> {
        let (device, series, location) = self.remember(sender, &judged)?;
        let counts = self.counts(series, judged.time, sender.timeless);
        if counts && self.memory.series[series as usize].location != location {
            self.memory.series[series as usize].location = location;
            self.memory.resolve_rules(series, self.rules);
        }
        let found = self.run_functions(Subject {
            series,
            device,
            location,
            time: judged.time,
            raw,
            unit,
            live: counts && !self.message.retained,
        })?;
        judged.flags = judged.flags.with(found);
        self.out.received += 1;

        if let (Some(number), false) = (raw.sequence, self.message.retained) {
            self.memory.note_sequence(device, Some(series), number);
        }
        self.step_time(series, &mut judged, sender.timeless, counts);
        self.store(device, series, location, &judged, raw.value);
        if self.memory.series[series as usize].stages.absence && !self.message.retained {
            self.hear(series);
        }
        if counts {
            self.set_latest(series, &judged, raw.value);
        }
        Ok(series)
    }

    /// Everything that can be wrong with a reading by itself.
    #[inline]
    fn judge(
        &mut self,
        sender: &Sender<'a>,
        event: &RawEvent,
        raw: &RawReading,
        at: usize,
    ) -> Result<Judged<'a>, Fault> {
        if let Some(fault) = raw.fault {
            return Err(self.decoder.faults[fault as usize].clone());
        }
        let sensor = match (raw.sensor.is_none(), self.captures.sensor) {
            (false, _) => self.span(raw.sensor),
            (true, Some(sensor)) => sensor,
            (true, None) => {
                let detail = "neither the reading nor the topic names a sensor".to_owned();
                return Err(Fault::new(Reason::MissingSensor, detail));
            }
        };
        let kind = match raw.value {
            RawValue::Number(_) => ValueKind::Number,
            RawValue::Text(_) => ValueKind::Text,
            RawValue::Missing => {
                let detail = format!("the reading of {} has no value", Quoted(sensor));
                return Err(Fault::new(Reason::MissingValue, detail));
            }
        };
        let (time, mut flags) =
            validator::time(raw.time, event.time, self.message.received, self.limits)?;
        if self.message.retained {
            flags = flags.with(Flags::RETAINED);
        }
        let series = sender
            .device
            .and_then(|device| self.memory.find_series(device, at, sensor));
        let unit = self.span(raw.unit);
        let location = self.location_of(event, raw);
        let mut known_location = None;
        if let Some(series) = series {
            let series = &self.memory.series[series as usize];
            if same_text(&self.memory.locations[series.location.index()], location) {
                known_location = Some(series.location);
            }
        } else {
            validator::sensor(sensor)?;
            self.memory
                .check_room_for_series(sender.device, self.limits)?;
        }
        if !unit.is_empty() {
            validator::unit(unit)?;
        }
        if known_location.is_none() {
            known_location = self.memory.find_location(location);
        }
        if known_location.is_none() {
            validator::location(location)?;
        }
        Ok(Judged {
            at,
            sensor,
            unit,
            location,
            kind,
            time,
            flags,
            series,
            known_location,
        })
    }

    fn span(&self, span: Span) -> &'a str {
        self.decoder.text(self.text, span)
    }

    /// The nearest location that is given: the reading's, the event's, the topic's.
    #[inline]
    fn location_of(&self, event: &RawEvent, raw: &RawReading) -> &'a str {
        let own = self.span(raw.location);
        if !own.is_empty() {
            return own;
        }
        let shared = self.span(event.location);
        if !shared.is_empty() {
            return shared;
        }
        self.captures.location.unwrap_or_default()
    }

    /// Finds the places of a judged reading in the tables, or makes them.
    #[inline]
    fn remember(
        &mut self,
        sender: &mut Sender<'a>,
        judged: &Judged<'a>,
    ) -> Result<(DeviceIx, u32, LocationIx), Fault> {
        let memory = &mut *self.memory;
        let device = match sender.device {
            Some(device) => device,
            None => memory.add_device(sender.name, self.message.received),
        };
        sender.device = Some(device);
        let location = match judged.known_location {
            Some(location) => location,
            None => memory.add_location(device, judged.location, self.limits)?,
        };
        let Judged {
            at,
            sensor,
            unit,
            kind,
            ..
        } = *judged;
        let current = judged.series.map(|ix| memory.series[ix as usize].column);
        let column = match current {
            Some(column) if is_column(&memory.columns[column.index()], sensor, unit, kind) => {
                column
            }
            _ => memory.column(device, sensor, unit, kind, self.limits)?,
        };
        let series = match judged.series {
            Some(series) => series,
            None => {
                let series = memory.add_series(device, at, column, location);
                memory.resolve_rules(series, self.rules);
                series
            }
        };
        memory.series[series as usize].column = column;
        Ok((device, series, location))
    }

    /// Whether a reading counts for the latest value and the functions.
    #[inline]
    fn counts(&self, series: u32, time: Timestamp, timeless: bool) -> bool {
        let last = self.memory.series[series as usize].last;
        // Retained, and of an unknown age: it is better than nothing, but must
        // not make live readings look late.
        if timeless {
            last == NEVER
        } else {
            time.0 > last
        }
    }

    /// Moves the series' times on, and flags a reading that is not newer.
    #[inline]
    fn step_time(&mut self, series: u32, judged: &mut Judged<'a>, timeless: bool, counts: bool) {
        let series = &mut self.memory.series[series as usize];
        let time = judged.time.0;
        if time > series.newest {
            series.newest = time;
        } else {
            judged.flags = judged.flags.with(Flags::LATE);
        }
        if counts && !timeless {
            series.last = time;
        }
    }

    #[inline]
    fn store(
        &mut self,
        device: DeviceIx,
        ix: u32,
        location: LocationIx,
        judged: &Judged<'a>,
        raw: RawValue,
    ) {
        let rows = &mut self.out.rows;
        let value = match raw {
            RawValue::Number(value) => Value::Number(value),
            RawValue::Text(text) => {
                let text = self.decoder.text(self.text, text);
                rows.texts.push(text.into());
                Value::Text(rows.texts.len() as u32 - 1)
            }
            RawValue::Missing => return,
        };
        let series = &mut self.memory.series[ix as usize];
        let cell = Cell {
            column: series.column,
            value,
        };
        let key = RowKey {
            time: judged.time,
            device,
            location,
            flags: judged.flags,
        };
        self.row_builder.push(rows, key, ix, series, cell);

        let device = &mut self.memory.devices[device.index()];
        device.readings += 1;
        device.last_time = device.last_time.max(judged.time.0);
        if location != LocationIx(0) {
            device.location = location;
        }
    }

    #[inline]
    fn set_latest(&mut self, ix: u32, judged: &Judged<'a>, raw: RawValue) {
        let series = &mut self.memory.series[ix as usize];
        match raw {
            RawValue::Number(value) => series.latest = LatestValue::Number(value),
            RawValue::Text(text) => {
                let text = self.decoder.text(self.text, text);
                let same = matches!(&series.latest, LatestValue::Text(old) if **old == *text);
                if !same {
                    series.latest = LatestValue::Text(Arc::from(text));
                }
            }
            RawValue::Missing => {}
        }
        series.latest_time = judged.time.0;
        series.latest_column = series.column;
        series.latest_flags = judged.flags;
        if !series.changed {
            self.memory.mark_changed(ix);
        }
    }
}
