//! Readings that are computed from other sensors of the same device: the kinds
//! `derived` and `multivariate`.
//!
//! They are evaluated when an event has brought a newer value of any sensor that
//! they name, with the latest values of all of them, none older than `max_age`.
//! The result is a reading of the sensor `output`, at the newest time of its
//! inputs, flagged `derived`: checked, watched, stored and served like any other,
//! and counted as received. Functions see the outputs of those that are before
//! them in the configuration, so one may build on another.

use std::time::Duration;

use weir_codec::{Fault, Quoted, RawReading, RawValue};
use weir_config::{Derived, FunctionKind, Multivariate, Outcome};
use weir_model::{
    DeviceIx, Flags, LocationIx, QuarantineReason as Reason, Timestamp, ValueKind, Verdict, Why,
};

use super::context::{EventContext, EventDevice, ValidReading};
use crate::conclusion::Conclusion;
use crate::detectors::multivariate;
use crate::input::UnitOutcome;
use crate::inspect::latest::LatestValue;
use crate::kinds::State;
use crate::state::index::{FunctionIx, NEVER, SeriesIx};

/// No expression has more inputs.
const MAX_INPUTS: usize = 16;

/// The latest values of what an expression names.
struct Inputs {
    values: [f64; MAX_INPUTS],
    time: i64,
    /// The time of the oldest of them.
    oldest: i64,
    location: LocationIx,
}

impl<'a> EventContext<'a> {
    /// Computes what follows from the event. `event` is its number; failures are
    /// quarantined as readings from `next` on. Returns how many.
    pub(super) fn derive(&mut self, owner: &mut EventDevice<'a>, event: u64, next: u32) -> u32 {
        let Some(device) = owner.device else {
            return 0;
        };
        let mut failed = 0;
        for (function, rule) in self.rules.iter() {
            let (names, max_age) = match &rule.kind {
                FunctionKind::Derived(settings) => (settings.expression.inputs(), settings.max_age),
                FunctionKind::Multivariate(settings) => (&*settings.sensors, settings.max_age),
                _ => continue,
            };
            if !rule.selects_device(owner.name) {
                continue;
            }
            let Some(inputs) = self.inputs(device, names, max_age, event) else {
                continue;
            };
            let values = &inputs.values[..names.len()];
            let taken = match &rule.kind {
                FunctionKind::Derived(settings) => {
                    let began = self.meter.begin(function);
                    let outcome = settings.expression.evaluate(values);
                    self.meter.end(function, began);
                    self.take_derived(owner, settings, function, &inputs, outcome)
                }
                FunctionKind::Multivariate(settings) => {
                    self.take_vector(owner, settings, function, &inputs)
                }
                _ => Ok(()),
            };
            if let Err(fault) = taken {
                if fault.reason == Reason::ExpressionFailed {
                    self.meter.note_error(function);
                }
                self.out
                    .quarantine(self.position, Some(next + failed), fault);
                failed += 1;
            }
        }
        failed
    }

    /// `None` when nothing that the expression names is new, or some of it is
    /// not known or too old.
    fn inputs(
        &mut self,
        device: DeviceIx,
        names: &[String],
        max_age: Duration,
        event: u64,
    ) -> Option<Inputs> {
        let mut inputs = Inputs {
            values: [f64::NAN; MAX_INPUTS],
            time: NEVER,
            oldest: NEVER,
            location: LocationIx(0),
        };
        let (mut is_new, mut oldest) = (false, i64::MAX);
        for (value, name) in inputs.values.iter_mut().zip(names) {
            // No reading that the device sends: it must not change the prediction.
            let series = self.tables.find_series(device, usize::MAX, name)?;
            let series = &self.tables.series[series.index()];
            let LatestValue::Number(latest) = series.latest else {
                return None;
            };
            if series.latest_time == NEVER {
                return None;
            }
            *value = latest;
            is_new |= series.event == event;
            oldest = oldest.min(series.latest_time);
            if series.latest_time > inputs.time {
                (inputs.time, inputs.location) = (series.latest_time, series.location);
            }
        }
        inputs.oldest = oldest;
        let apart = i128::from(inputs.time) - i128::from(oldest);
        (is_new && apart <= max_age.as_nanos() as i128).then_some(inputs)
    }

    fn take_derived(
        &mut self,
        owner: &mut EventDevice<'a>,
        settings: &'a Derived,
        function: FunctionIx,
        inputs: &Inputs,
        outcome: Result<Outcome, String>,
    ) -> Result<(), Fault> {
        let failed = |why: &str| {
            let text = settings.expression.text();
            let detail = format!("{} = {text}: {why}", Quoted(&settings.output));
            Fault::new(Reason::ExpressionFailed, detail)
        };
        let (value, holds) = match outcome.map_err(|why| failed(&why))? {
            Outcome::Number(value) if value.is_finite() => (value, false),
            Outcome::Number(value) => {
                return Err(failed(&format!("comes to {value}, which is no reading")));
            }
            Outcome::Condition(holds) => (f64::from(holds), holds),
        };
        let unit = settings.unit.as_deref().unwrap_or_default();
        let Some(series) = self.take_output(owner, &settings.output, unit, inputs, value)? else {
            return Ok(());
        };
        if settings.severity.is_some() {
            let concluded = Conclusion {
                level: settings.severity.filter(|_| holds),
                why: Why::Condition,
                ..Conclusion::QUIET
            };
            self.conclude_for_device(series, function, inputs.time, value, &concluded);
        }
        Ok(())
    }

    /// Scores a vector once all of its sensors have a newer reading. The score is a
    /// reading, and the memory belongs to its series: the first vector makes it.
    fn take_vector(
        &mut self,
        owner: &mut EventDevice<'a>,
        settings: &'a Multivariate,
        function: FunctionIx,
        inputs: &Inputs,
    ) -> Result<(), Fault> {
        let Some(device) = owner.device else {
            return Ok(());
        };
        let known = self
            .tables
            .find_series(device, usize::MAX, &settings.output);
        let slot = known.and_then(|series| self.tables.slot_of(series, function));
        let mut concluded = Conclusion::learning(0.0, f64::from(settings.warmup));
        if let Some(slot) = slot
            && let State::Multivariate(memory) = &mut self.tables.slots[slot.index()].state
        {
            if memory.time.is_some_and(|last| inputs.oldest <= last) {
                return Ok(());
            }
            memory.time = Some(inputs.time);
            let values = &inputs.values[..settings.sensors.len()];
            let began = self.meter.begin(function);
            concluded = multivariate::step(memory, settings, values);
            self.meter.end(function, began);
        }
        // A sensor has finite values: 0 while it learns, and at most so much.
        let score = if concluded.score.is_nan() {
            0.0
        } else {
            concluded.score.min(1e9)
        };
        if let Some(series) = self.take_output(owner, &settings.output, "", inputs, score)? {
            self.conclude_for_device(series, function, inputs.time, score, &concluded);
            if slot.is_none()
                && let Some(slot) = self.tables.slot_of(series, function)
                && let State::Multivariate(memory) = &mut self.tables.slots[slot.index()].state
            {
                memory.time = Some(inputs.time);
            }
        }
        Ok(())
    }

    /// Takes a reading that was computed; `None` when it is not newer than the last.
    fn take_output(
        &mut self,
        owner: &mut EventDevice<'a>,
        output: &'a str,
        unit: &'a str,
        inputs: &Inputs,
        value: f64,
    ) -> Result<Option<SeriesIx>, Fault> {
        let device = owner.device;
        let series = device.and_then(|device| self.tables.find_series(device, usize::MAX, output));
        let last = series.map(|series| self.tables.series[series.index()].last);
        if last.is_some_and(|last| inputs.time <= last) {
            return Ok(None);
        }
        if series.is_none() {
            self.tables.check_room_for_series(device, self.limits)?;
        }
        let valid = ValidReading {
            at: usize::MAX,
            sensor: output,
            unit,
            location: "",
            kind: ValueKind::Number,
            time: Timestamp(inputs.time),
            flags: Flags::DERIVED,
            series,
            known_location: Some(inputs.location),
        };
        let raw = RawReading {
            value: RawValue::Number(value),
            ..RawReading::EMPTY
        };
        self.accept(owner, valid, &raw, UnitOutcome::AsExpected)
            .map(Some)
    }

    /// Adds the verdict of a function that looks at more than one series: it is one
    /// of the series that it feeds.
    fn conclude_for_device(
        &mut self,
        series: SeriesIx,
        function: FunctionIx,
        time: i64,
        value: f64,
        concluded: &Conclusion,
    ) {
        self.meter.note(function, concluded);
        let Some(slot) = self.tables.slot_of(series, function) else {
            return;
        };
        let known = &self.tables.series[series.index()];
        self.out.verdicts.push(Verdict {
            position: self.position,
            slot: slot.0,
            function: function.0,
            device: known.device,
            location: known.location,
            time: Timestamp(time),
            value,
            level: concluded.level,
            threshold: concluded.threshold,
            side: concluded.side,
            score: concluded.score,
            why: concluded.why,
        });
    }
}
