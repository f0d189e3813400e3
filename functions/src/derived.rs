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
//! Remembers nothing; some 500 ns per evaluation.

use weir_config::{Derived, Outcome};
use weir_model::{DeviceIx, Flags, Position, QuarantineReason as Reason, Timestamp, ValueKind};

use crate::checks::unit::UnitOutcome;
use crate::codec::{RawReading, RawValue};
use crate::conclusion::Conclusion;
use crate::fault::{Fault, Quoted};
use crate::kinds::Kind;
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
            let Kind::Derived(settings) = &rule.kind else {
                continue;
            };
            if !rule.selects_device(sender.name) {
                continue;
            }
            let Some(inputs) = self.inputs(device, settings, event) else {
                continue;
            };
            let count = settings.expression.inputs().len();
            let outcome = settings.expression.evaluate(&inputs.values[..count]);
            let taken = self.take_derived(sender, settings, function, &inputs, outcome);
            if let Err(fault) = taken {
                let position: Position = self.position;
                self.out.quarantine(position, Some(next + failed), fault);
                failed += 1;
            }
        }
        failed
    }

    /// `None` when nothing that the expression names is new, or some of it is
    /// not known or too old.
    fn inputs(&mut self, device: DeviceIx, settings: &Derived, event: u64) -> Option<Inputs> {
        let mut inputs = Inputs {
            values: [f64::NAN; MAX_INPUTS],
            time: NEVER,
            location: LocationIx(0),
        };
        let (mut is_new, mut oldest) = (false, i64::MAX);
        for (value, name) in inputs.values.iter_mut().zip(settings.expression.inputs()) {
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
        let apart = i128::from(inputs.time) - i128::from(oldest);
        (is_new && apart <= settings.max_age.as_nanos() as i128).then_some(inputs)
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
        let device = sender.device;
        let series = device.and_then(|device| {
            self.memory
                .find_series(device, usize::MAX, &settings.output)
        });
        let is_newer =
            series.is_none_or(|series| inputs.time > self.memory.series[series as usize].last);
        if !is_newer {
            return Ok(());
        }
        if series.is_none() {
            self.memory.check_room_for_series(device, self.limits)?;
        }
        let judged = Judged {
            at: usize::MAX,
            sensor: &settings.output,
            unit: settings.unit.as_deref().unwrap_or_default(),
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
        let series = self.take_judged(sender, judged, &raw, UnitOutcome::AsExpected)?;
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
