//! Runs the functions of a series on one reading: checks first, and on what
//! passed them everything that learns.

use weir_codec::{Fault, Quoted, RawReading, RawValue};
use weir_model::{DeviceIx, Flags, LocationIx, Quality, Timestamp, Verdict};

use crate::checks::unit::UnitOutcome;
use crate::conclusion::{Conclusion, reason_of};
use crate::kinds::{Input, InputValue, Stage, State};
use crate::memory::{NO_SLOT, PAYLOAD};
use crate::reading::Step;
use crate::threshold;
use crate::wasm::Pending;

/// The reading that functions run on.
#[derive(Clone, Copy)]
pub(crate) struct Subject<'r> {
    pub(crate) series: u32,
    pub(crate) device: DeviceIx,
    pub(crate) location: LocationIx,
    pub(crate) time: Timestamp,
    pub(crate) raw: &'r RawReading,
    pub(crate) unit: UnitOutcome,
    /// It is newer than all before it and was measured now. If not, only checks
    /// without memory look at it, and no verdict comes of it.
    pub(crate) live: bool,
}

impl Step<'_> {
    /// One verdict per function of the series. The flags that the reading gets,
    /// or why it is bad.
    #[inline]
    pub(crate) fn run_functions(&mut self, subject: Subject<'_>) -> Result<Flags, Fault> {
        let input = Input {
            time: subject.time.0,
            received: self.message.received.0,
            unit: subject.unit,
            value: match subject.raw.value {
                RawValue::Number(value) => InputValue::Number(value),
                RawValue::Text(text) => InputValue::Text(self.decoder.text(self.text, text)),
                RawValue::Missing => return Ok(Flags::default()),
            },
        };
        let mut flags = Flags::default();
        if self.memory.series[subject.series as usize].stages.checks {
            flags = self.check(&subject, &input)?;
        }
        if subject.live && input.value.number().is_some() {
            flags = flags.with(self.detect(&subject, &input)?);
            if self.memory.series[subject.series as usize].stages.batches {
                self.put_off(&subject, &input);
            }
        }
        Ok(flags)
    }

    /// Notes the reading for the functions that are called once the message is done.
    #[inline(never)]
    fn put_off(&mut self, subject: &Subject<'_>, input: &Input<'_>) {
        let mut at = self.memory.series[subject.series as usize].first_slot;
        while at != NO_SLOT {
            let slot = &self.memory.slots[at as usize];
            let (this, function, active) = (at, slot.function, slot.active);
            at = slot.next;
            let rule = usize::from(function).checked_sub(1);
            let rule = rule.and_then(|rule| self.rules.get(rule));
            if rule.is_none_or(|rule| rule.kind.stage() != Stage::Batch) {
                continue;
            }
            if !active {
                self.conclude(subject, input, this, function, &Conclusion::QUIET);
                continue;
            }
            self.pending.push(Pending {
                slot: this,
                function,
                device: subject.device,
                location: subject.location,
                time: subject.time,
                value: input.value.number().unwrap_or(f64::NAN),
            });
        }
    }

    fn check(&mut self, subject: &Subject<'_>, input: &Input<'_>) -> Result<Flags, Fault> {
        let mut flags = Flags::default();
        let mut at = self.memory.series[subject.series as usize].first_slot;
        while at != NO_SLOT {
            let slot = &mut self.memory.slots[at as usize];
            let (this, function) = (at, slot.function);
            at = slot.next;
            let rule = usize::from(function).checked_sub(1);
            let Some(rule) = rule.and_then(|rule| self.rules.get(rule)) else {
                continue;
            };
            let runs = subject.live || rule.kind.is_stateless();
            if rule.kind.stage() != Stage::Check || !runs {
                continue;
            }
            let concluded = if slot.active {
                let began = self.meter.begin(function);
                let concluded = rule.kind.step(&mut slot.state, input);
                self.meter.end(function, began);
                concluded
            } else {
                Conclusion::QUIET
            };
            self.meter.note(function, &concluded);
            if subject.live {
                self.conclude(subject, input, this, function, &concluded);
            }
            flags = flags.with(self.effect(subject, input, function, &concluded)?);
        }
        Ok(flags)
    }

    #[inline]
    fn detect(&mut self, subject: &Subject<'_>, input: &Input<'_>) -> Result<Flags, Fault> {
        let series = &self.memory.series[subject.series as usize];
        let (ruled, mut at) = (series.ruled, series.first_slot);
        let raw = subject.raw;
        let has_limits = raw.warning.is_some() || raw.critical.is_some();
        if has_limits && !ruled && self.memory.slot_of(subject.series, PAYLOAD).is_none() {
            let state = State::Threshold(threshold::Memory::EMPTY);
            self.memory.add_slot(subject.series, PAYLOAD, state);
            at = self.memory.series[subject.series as usize].first_slot;
        }
        let mut flags = Flags::default();
        while at != NO_SLOT {
            let slot = &mut self.memory.slots[at as usize];
            let (this, function) = (at, slot.function);
            at = slot.next;
            let concluded = if function == PAYLOAD {
                let limits = if ruled {
                    threshold::Limits::default()
                } else {
                    threshold::Limits {
                        warning_high: raw.warning,
                        critical_high: raw.critical,
                        ..threshold::Limits::default()
                    }
                };
                let began = self.meter.begin(function);
                let concluded = threshold::step(&limits, &mut slot.state, input);
                self.meter.end(function, began);
                concluded
            } else {
                // A removed function's alarms were closed when it was removed.
                match self.rules.get(usize::from(function) - 1) {
                    Some(rule) if rule.kind.stage() == Stage::Detect => {
                        // Where a function selects the series no more, it says
                        // so once more: what it raised is cleared.
                        if slot.active {
                            let began = self.meter.begin(function);
                            let concluded = rule.kind.step(&mut slot.state, input);
                            self.meter.end(function, began);
                            concluded
                        } else {
                            rule.kind.step_inactive(&mut slot.state, input)
                        }
                    }
                    _ => continue,
                }
            };
            self.meter.note(function, &concluded);
            self.conclude(subject, input, this, function, &concluded);
            flags = flags.with(self.effect(subject, input, function, &concluded)?);
        }
        Ok(flags)
    }

    #[inline]
    fn conclude(
        &mut self,
        subject: &Subject<'_>,
        input: &Input<'_>,
        slot: u32,
        function: u16,
        concluded: &Conclusion,
    ) {
        self.out.verdicts.push(Verdict {
            position: self.position,
            slot,
            function,
            device: subject.device,
            location: subject.location,
            time: subject.time,
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
        subject: &Subject<'_>,
        input: &Input<'_>,
        function: u16,
        concluded: &Conclusion,
    ) -> Result<Flags, Fault> {
        match concluded.quality {
            Quality::Good => Ok(Flags::default()),
            Quality::Suspect => Ok(concluded.flag),
            Quality::Bad => Err(self.refuse(subject, input, function, concluded)),
        }
    }

    #[cold]
    fn refuse(
        &self,
        subject: &Subject<'_>,
        input: &Input<'_>,
        function: u16,
        concluded: &Conclusion,
    ) -> Fault {
        let series = &self.memory.series[subject.series as usize];
        let unit = self.memory.columns[series.column.index()].unit.as_deref();
        let number = input.value.number().unwrap_or(f64::NAN);
        let phrase = concluded.why.phrase(number, unit);
        let phrase = phrase.unwrap_or_else(|| "not as it should be".to_owned());
        let value = match (input.value, unit) {
            (InputValue::Number(value), Some(unit)) => format!("{value} {unit}"),
            (InputValue::Number(value), None) => value.to_string(),
            (InputValue::Text(text), _) => Quoted(text).to_string(),
        };
        let name = usize::from(function)
            .checked_sub(1)
            .and_then(|at| self.rules.get(at))
            .map_or("payload", |rule| &rule.name);
        let detail = format!(
            "{} {value} is {phrase} (function {name})",
            Quoted(&series.sensor)
        );
        Fault::new(reason_of(concluded.flag), detail)
    }
}
