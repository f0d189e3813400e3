//! One reading's way through the memory: which series it belongs to, what it
//! changes and what the functions conclude.
//!
//! A reading is validated whole before it changes anything: one that is refused
//! leaves no device, series or name behind.

use std::sync::Arc;

use weir_codec::{EventMark, Fault, Quoted, RawEvent, RawReading, RawValue, Span};
use weir_model::{
    Cell, DeviceIx, Flags, LocationIx, QuarantineReason as Reason, Timestamp, Value, ValueKind,
};

use super::context::{EvaluatedReading, EventContext, EventDevice, ValidReading};
use crate::absence::watch::Watch;
use crate::input::UnitOutcome;
use crate::inspect::latest::LatestValue;
use crate::row_builder::RowKey;
use crate::state::index::{NEVER, SeriesIx};
use crate::state::tables::is_column;
use crate::text::same_text;
use crate::validator;

impl<'a> EventContext<'a> {
    #[inline]
    pub(super) fn reading(
        &mut self,
        owner: &mut EventDevice<'a>,
        event: &RawEvent,
        raw: &RawReading,
        at: usize,
    ) -> Result<(), Fault> {
        let mut valid = self.validate(owner, event, raw, at)?;
        if owner.replayed {
            self.out.received += 1;
            self.out.deduplicated += 1;
            return Ok(());
        }
        self.check_time_is_known(&valid)?;
        let converted = self.in_expected_unit(owner, &mut valid, raw);
        let (raw, unit) = match &converted {
            Some((raw, unit)) => (raw, *unit),
            None => (raw, UnitOutcome::AsExpected),
        };
        let timeless = valid.flags.contains(Flags::TIME_RECEIVED);
        let series = self.accept(owner, valid, raw, unit)?;
        if timeless {
            self.tables.series[series.index()].timeless_in = self.position.0 + 1;
        }
        Ok(())
    }

    /// Several readings of a series in one message have the same time, that of
    /// receipt, if none says when it was measured: the second would replace the
    /// first.
    #[inline]
    fn check_time_is_known(&self, valid: &ValidReading<'a>) -> Result<(), Fault> {
        let Some(series) = valid.series else {
            return Ok(());
        };
        let earlier = self.tables.series[series.index()].timeless_in;
        if earlier != self.position.0 + 1 || !valid.flags.contains(Flags::TIME_RECEIVED) {
            return Ok(());
        }
        let detail = format!(
            "the message has several readings of {} and does not give their times",
            Quoted(valid.sensor)
        );
        Err(Fault::new(Reason::MissingTime, detail))
    }

    /// Takes a reading that is valid by itself, unless a function of its series
    /// refuses it. Returns its series.
    #[inline]
    pub(super) fn accept(
        &mut self,
        owner: &mut EventDevice<'a>,
        mut valid: ValidReading<'a>,
        raw: &RawReading,
        unit: UnitOutcome,
    ) -> Result<SeriesIx, Fault> {
        let (device, series, location) = self.remember(owner, &valid)?;
        // What a person made up is stored and judged by nothing.
        let is_real = !valid.flags.contains(Flags::SIMULATED);
        let counts = is_real && self.counts(series, valid.time, owner.timeless);
        if counts && self.tables.series[series.index()].location != location {
            self.tables.series[series.index()].location = location;
            self.tables.resolve_rules(series, self.rules);
        }
        let found = self.run_functions(EvaluatedReading {
            series,
            device,
            location,
            time: valid.time,
            raw,
            unit,
            live: counts && !self.message.retained,
        })?;
        valid.flags = valid.flags.with(found);
        self.out.received += 1;

        if let (Some(number), false) = (raw.sequence, self.message.retained) {
            self.tables.note_sequence(device, Some(series), number);
        }
        self.step_time(series, &mut valid, owner.timeless, counts);
        self.store(device, series, location, &valid, raw.value);
        if self.tables.series[series.index()].stages.absence && !self.message.retained {
            self.record_activity(series);
        }
        if counts {
            self.set_latest(series, &valid, raw.value);
        }
        Ok(series)
    }

    /// Everything that can be wrong with a reading by itself.
    #[inline]
    fn validate(
        &mut self,
        owner: &EventDevice<'a>,
        event: &RawEvent,
        raw: &RawReading,
        at: usize,
    ) -> Result<ValidReading<'a>, Fault> {
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
        if event.mark == EventMark::Simulated {
            flags = flags.with(Flags::SIMULATED);
        }
        let series = owner
            .device
            .and_then(|device| self.tables.find_series(device, at, sensor));
        let unit = self.span(raw.unit);
        let location = self.location_of(event, raw);
        let mut known_location = None;
        if let Some(series) = series {
            let series = &self.tables.series[series.index()];
            if same_text(&self.tables.locations[series.location.index()], location) {
                known_location = Some(series.location);
            }
        } else {
            validator::sensor(sensor)?;
            self.tables
                .check_room_for_series(owner.device, self.limits)?;
        }
        if !unit.is_empty() {
            validator::unit(unit)?;
        }
        if known_location.is_none() {
            known_location = self.tables.find_location(location);
        }
        if known_location.is_none() {
            validator::location(location)?;
        }
        Ok(ValidReading {
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

    pub(super) fn span(&self, span: Span) -> &'a str {
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

    /// Finds the places of a reading in the tables, or makes them.
    #[inline]
    fn remember(
        &mut self,
        owner: &mut EventDevice<'a>,
        valid: &ValidReading<'a>,
    ) -> Result<(DeviceIx, SeriesIx, LocationIx), Fault> {
        let tables = &mut *self.tables;
        let device = match owner.device {
            Some(device) => device,
            None => tables.add_device(owner.name, self.message.received),
        };
        owner.device = Some(device);
        let location = match valid.known_location {
            Some(location) => location,
            None => tables.add_location(device, valid.location, self.limits)?,
        };
        let ValidReading {
            at,
            sensor,
            unit,
            kind,
            ..
        } = *valid;
        let current = valid.series.map(|ix| tables.series[ix.index()].column);
        let column = match current {
            Some(column) if is_column(&tables.columns[column.index()], sensor, unit, kind) => {
                column
            }
            _ => tables.column(device, sensor, unit, kind, self.limits)?,
        };
        let series = match valid.series {
            Some(series) => series,
            None => {
                let series = tables.add_series(device, at, column, location);
                tables.resolve_rules(series, self.rules);
                series
            }
        };
        tables.series[series.index()].column = column;
        Ok((device, series, location))
    }

    /// Whether a reading counts for the latest value and the functions.
    #[inline]
    fn counts(&self, series: SeriesIx, time: Timestamp, timeless: bool) -> bool {
        let last = self.tables.series[series.index()].last;
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
    fn step_time(
        &mut self,
        series: SeriesIx,
        valid: &mut ValidReading<'a>,
        timeless: bool,
        counts: bool,
    ) {
        let series = &mut self.tables.series[series.index()];
        let time = valid.time.0;
        if time > series.newest {
            series.newest = time;
        } else {
            valid.flags = valid.flags.with(Flags::LATE);
        }
        if counts && !timeless {
            series.last = time;
        }
    }

    #[inline]
    fn store(
        &mut self,
        device: DeviceIx,
        ix: SeriesIx,
        location: LocationIx,
        valid: &ValidReading<'a>,
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
        let series = &mut self.tables.series[ix.index()];
        let cell = Cell {
            column: series.column,
            value,
        };
        let key = RowKey {
            time: valid.time,
            device,
            location,
            flags: valid.flags,
        };
        self.row_builder.push(rows, key, ix, series, cell);

        let device = &mut self.tables.devices[device.index()];
        device.readings += 1;
        device.last_time = device.last_time.max(valid.time.0);
        if location != LocationIx(0) {
            device.location = location;
        }
    }

    #[inline]
    fn set_latest(&mut self, ix: SeriesIx, valid: &ValidReading<'a>, raw: RawValue) {
        let series = &mut self.tables.series[ix.index()];
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
        series.latest_time = valid.time.0;
        series.latest_column = series.column;
        series.latest_flags = valid.flags;
        if !series.changed {
            self.tables.mark_changed(ix);
        }
    }

    /// The functions that watch for absence get to know that the series has sent
    /// something.
    pub(super) fn record_activity(&mut self, series: SeriesIx) {
        let mut watch = Watch {
            tables: self.tables,
            rules: self.rules,
            meter: self.meter,
            position: self.position,
            out: self.out,
        };
        watch.record_activity(series, self.message.received.0);
    }
}
