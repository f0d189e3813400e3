//! Runs the functions of a series on one reading: checks first, and on what
//! passed them everything that learns.

use weir_codec::{Fault, Quoted, RawValue};
use weir_config::Threshold;
use weir_model::{Flags, Quality, Verdict};

use super::context::{EvaluatedReading, EventContext};
use crate::conclusion::{Conclusion, reason_of};
use crate::input::{Input, InputValue};
use crate::kind::{Kind, Stage};
use crate::kinds;
use crate::pending::Pending;
use crate::state::index::{FunctionIx, SlotIx};

impl EventContext<'_> {
    /// One verdict per function of the series. The flags that the reading gets,
    /// or why it is bad.
    #[inline]
    pub(super) fn run_functions(&mut self, reading: EvaluatedReading<'_>) -> Result<Flags, Fault> {
        let input = Input {
            time: reading.time.0,
            received: self.message.received.0,
            unit: reading.unit,
            value: match reading.raw.value {
                RawValue::Number(value) => InputValue::Number(value),
                RawValue::Text(text) => InputValue::Text(self.decoder.text(self.text, text)),
                RawValue::Missing => return Ok(Flags::default()),
            },
        };
        let mut flags = Flags::default();
        if self.tables.series[reading.series.index()].stages.checks {
            flags = self.check(&reading, &input)?;
        }
        if reading.live && input.value.number().is_some() {
            flags = flags.with(self.detect(&reading, &input)?);
            if self.tables.series[reading.series.index()].stages.batches {
                self.defer_to_batch(&reading, &input);
            }
        }
        Ok(flags)
    }

    /// Defers the reading to the functions that are called once the message is done.
    #[inline(never)]
    fn defer_to_batch(&mut self, reading: &EvaluatedReading<'_>, input: &Input<'_>) {
        let mut chain = self.tables.chain(reading.series);
        while let Some((ix, slot)) = chain.next(&self.tables.slots) {
            let (function, active) = (slot.function, slot.active);
            let rule = self.rules.get(function);
            if rule.is_none_or(|rule| rule.stage != Stage::Batch) {
                continue;
            }
            if !active {
                self.conclude(reading, input, ix, function, &Conclusion::QUIET);
                continue;
            }
            self.pending.push(Pending {
                slot: ix,
                function,
                device: reading.device,
                location: reading.location,
                time: reading.time,
                value: input.value.number().unwrap_or(f64::NAN),
            });
        }
    }

    fn check(&mut self, reading: &EvaluatedReading<'_>, input: &Input<'_>) -> Result<Flags, Fault> {
        let mut flags = Flags::default();
        let mut chain = self.tables.chain(reading.series);
        while let Some((ix, slot)) = chain.next_mut(&mut self.tables.slots) {
            let function = slot.function;
            let Some(rule) = self.rules.get(function) else {
                continue;
            };
            let runs = reading.live || rule.checks_late;
            if rule.stage != Stage::Check || !runs {
                continue;
            }
            let concluded = if slot.active {
                let began = self.meter.begin(function);
                let concluded = kinds::step(&rule.kind, &mut slot.state, input);
                self.meter.end(function, began);
                concluded
            } else {
                Conclusion::QUIET
            };
            self.meter.note(function, &concluded);
            if reading.live {
                self.conclude(reading, input, ix, function, &concluded);
            }
            flags = flags.with(self.effect(reading, input, function, &concluded)?);
        }
        Ok(flags)
    }

    #[inline]
    fn detect(
        &mut self,
        reading: &EvaluatedReading<'_>,
        input: &Input<'_>,
    ) -> Result<Flags, Fault> {
        let ruled = self.tables.series[reading.series.index()].ruled;
        let raw = reading.raw;
        let limits = Threshold {
            warning_high: raw.warning.filter(|_| !ruled),
            critical_high: raw.critical.filter(|_| !ruled),
            ..Threshold::default()
        };
        let has_limits = limits.warning_high.is_some() || limits.critical_high.is_some();
        let payload = FunctionIx::PAYLOAD;
        if has_limits && self.tables.slot_of(reading.series, payload).is_none() {
            let state = kinds::State::Threshold(limits.empty());
            self.tables.add_slot(reading.series, payload, state);
        }
        let mut flags = Flags::default();
        let mut chain = self.tables.chain(reading.series);
        while let Some((ix, slot)) = chain.next_mut(&mut self.tables.slots) {
            let function = slot.function;
            let concluded = if function == payload {
                let began = self.meter.begin(function);
                let concluded = kinds::step_as(&limits, &mut slot.state, input);
                self.meter.end(function, began);
                concluded
            } else {
                // A removed function's alarms were closed when it was removed.
                let Some(rule) = self.rules.get(function) else {
                    continue;
                };
                if rule.stage != Stage::Detect {
                    continue;
                }
                // Where a function no longer selects the series, it says so
                // once: what it raised is cleared.
                if slot.active {
                    let began = self.meter.begin(function);
                    let concluded = kinds::step(&rule.kind, &mut slot.state, input);
                    self.meter.end(function, began);
                    concluded
                } else {
                    kinds::step_inactive(&rule.kind, &mut slot.state, input)
                }
            };
            self.meter.note(function, &concluded);
            self.conclude(reading, input, ix, function, &concluded);
            flags = flags.with(self.effect(reading, input, function, &concluded)?);
        }
        Ok(flags)
    }

    #[inline]
    fn conclude(
        &mut self,
        reading: &EvaluatedReading<'_>,
        input: &Input<'_>,
        slot: SlotIx,
        function: FunctionIx,
        concluded: &Conclusion,
    ) {
        if let InputValue::Text(text) = input.value {
            let verdict = self.out.verdicts.len();
            self.out.verdict_texts.push((verdict, text.into()));
        }
        self.out.verdicts.push(Verdict {
            position: self.position,
            slot: slot.0,
            function: function.0,
            device: reading.device,
            location: reading.location,
            time: reading.time,
            value: input.value.number().unwrap_or(f64::NAN),
            level: concluded.level,
            threshold: concluded.threshold,
            side: concluded.side,
            score: concluded.score,
            why: concluded.why,
        });
    }

    #[inline]
    fn effect(
        &self,
        reading: &EvaluatedReading<'_>,
        input: &Input<'_>,
        function: FunctionIx,
        concluded: &Conclusion,
    ) -> Result<Flags, Fault> {
        match concluded.quality {
            Quality::Good => Ok(Flags::default()),
            Quality::Suspect => Ok(concluded.flag),
            Quality::Bad => Err(self.refuse(reading, input, function, concluded)),
        }
    }

    #[cold]
    fn refuse(
        &self,
        reading: &EvaluatedReading<'_>,
        input: &Input<'_>,
        function: FunctionIx,
        concluded: &Conclusion,
    ) -> Fault {
        let series = &self.tables.series[reading.series.index()];
        let unit = self.tables.columns[series.column.index()].unit.as_deref();
        let number = input.value.number().unwrap_or(f64::NAN);
        let phrase = (concluded.why)
            .phrase(number, unit)
            .unwrap_or_else(|| "not as it should be".to_owned());
        let value = match (input.value, unit) {
            (InputValue::Number(value), Some(unit)) => format!("{value} {unit}"),
            (InputValue::Number(value), None) => value.to_string(),
            (InputValue::Text(text), _) => Quoted(text).to_string(),
        };
        let rule = self.rules.get(function);
        let name = rule.map_or("payload", |rule| &rule.name);
        let detail = format!(
            "{} {value} is {phrase} (function {name})",
            Quoted(&series.sensor)
        );
        Fault::new(reason_of(concluded.flag), detail)
    }
}
