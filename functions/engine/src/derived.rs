//! The kind `derived`: new sensors, computed from others of the same device.
//!
//! An expression is evaluated when an event has brought a newer value of any
//! sensor that it names, with the latest values of all of them, none older than
//! `max_age`. What it comes to is a reading of the sensor `output`, at the newest
//! time of its inputs, flagged `derived`: checked, watched, stored and served like
//! any other, and counted as received. A condition is 1 or 0, and with a
//! `severity` raises an alarm while it holds. Functions see those that stand
//! before them in the configuration, so one may build on another. What fails is
//! quarantined with the expression.
//!
//! Remembers nothing; an evaluation allocates a name and a value per input.
//!
//! `multivariate` looks at several sensors as well, and feeds one: its score.

use std::time::Duration;

use weir_codec::{Fault, Quoted, RawReading, RawValue};
use weir_config::{Derived, Multivariate, Outcome};
use weir_model::{DeviceIx, Flags, Position, QuarantineReason as Reason, Timestamp, ValueKind};

use crate::checks::unit::UnitOutcome;
use crate::conclusion::Conclusion;
use crate::detectors::multivariate;
use crate::kinds::{Kind, State};
use crate::latest::LatestValue;
use crate::memory::NEVER;
use crate::reading::{Judged, Sender, Step};
use weir_model::{LocationIx, Verdict, Why};

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

impl<'a> Step<'a> {
    /// Computes what follows from the event. `event` is its number;
    /// failures are told as readings from `next` on. Returns how many.
    pub(crate) fn derive(&mut self, sender: &mut Sender<'a>, event: u64, next: u32) -> u32 {
        let Some(device) = sender.device else {
            return 0;
        };
        let mut failed = 0;
        let rules = self.rules;
        for (function, rule) in (1_u16..).zip(rules) {
            let (names, max_age) = match &rule.kind {
                Kind::Derived(settings) => (settings.expression.inputs(), settings.max_age),
                Kind::Multivariate(settings) => (&*settings.sensors, settings.max_age),
                _ => continue,
            };
            if !rule.selects_device(sender.name) {
                continue;
            }
            let Some(inputs) = self.inputs(device, names, max_age, event) else {
                continue;
            };
            let values = &inputs.values[..names.len()];
            let taken = match &rule.kind {
                Kind::Derived(settings) => {
                    let began = self.meter.begin(function);
                    let outcome = settings.expression.evaluate(values);
                    self.meter.end(function, began);
                    self.take_derived(sender, settings, function, &inputs, outcome)
                }
                Kind::Multivariate(settings) => {
                    self.take_vector(sender, settings, function, &inputs)
                }
                _ => Ok(()),
            };
            if let Err(fault) = taken {
                if fault.reason == Reason::ExpressionFailed {
                    self.meter.note_error(function);
                }
                let position: Position = self.position;
                self.out.quarantine(position, Some(next + failed), fault);
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
            // Not one of the device's habits: it must not foretell them.
            let series = self.memory.find_series(device, usize::MAX, name)?;
            let series = &self.memory.series[series as usize];
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
        sender: &mut Sender<'a>,
        settings: &'a Derived,
        function: u16,
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
        let Some(series) = self.take_output(sender, &settings.output, unit, inputs, value)? else {
            return Ok(());
        };
        if settings.severity.is_some() {
            let concluded = Conclusion {
                level: settings.severity.filter(|_| holds),
                why: Why::Condition,
                ..Conclusion::QUIET
            };
            self.tell_of_device(series, function, inputs.time, value, &concluded);
        }
        Ok(())
    }

    /// Scores a vector once all of its sensors have spoken anew. The score is a
    /// reading, and the memory hangs on its series: the first vector makes it.
    fn take_vector(
        &mut self,
        sender: &mut Sender<'a>,
        settings: &'a Multivariate,
        function: u16,
        inputs: &Inputs,
    ) -> Result<(), Fault> {
        let Some(device) = sender.device else {
            return Ok(());
        };
        let known = self
            .memory
            .find_series(device, usize::MAX, &settings.output);
        let slot = known.and_then(|series| self.memory.slot_of(series, function));
        let mut concluded = Conclusion::learning(0.0, f64::from(settings.warmup));
        if let Some(slot) = slot
            && let State::Multivariate(memory) = &mut self.memory.slots[slot as usize].state
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
        // A sensor has finite values: 0 while it learns, and no more than so much.
        let score = match concluded.score.is_nan() {
            true => 0.0,
            false => concluded.score.min(1e9),
        };
        if let Some(series) = self.take_output(sender, &settings.output, "", inputs, score)? {
            self.tell_of_device(series, function, inputs.time, score, &concluded);
            if slot.is_none()
                && let Some(slot) = self.memory.slot_of(series, function)
                && let State::Multivariate(memory) = &mut self.memory.slots[slot as usize].state
            {
                memory.time = Some(inputs.time);
            }
        }
        Ok(())
    }

    /// Takes a reading that was computed; `None` when it is not newer than the last.
    fn take_output(
        &mut self,
        sender: &mut Sender<'a>,
        output: &'a str,
        unit: &'a str,
        inputs: &Inputs,
        value: f64,
    ) -> Result<Option<u32>, Fault> {
        let device = sender.device;
        let series = device.and_then(|device| self.memory.find_series(device, usize::MAX, output));
        let last = series.map(|series| self.memory.series[series as usize].last);
        if last.is_some_and(|last| inputs.time <= last) {
            return Ok(None);
        }
        if series.is_none() {
            self.memory.check_room_for_series(device, self.limits)?;
        }
        let judged = Judged {
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
        self.take_judged(sender, judged, &raw, UnitOutcome::AsExpected)
            .map(Some)
    }

    /// The verdict of a function that looks at more than one series, told of the
    /// series that it feeds.
    pub(crate) fn tell_of_device(
        &mut self,
        series: u32,
        function: u16,
        time: i64,
        value: f64,
        concluded: &Conclusion,
    ) {
        self.meter.note(function, concluded);
        let Some(slot) = self.memory.slot_of(series, function) else {
            return;
        };
        let Some(known) = self.memory.series.get(series as usize) else {
            return;
        };
        self.out.verdicts.push(Verdict {
            position: self.position,
            slot,
            function,
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
