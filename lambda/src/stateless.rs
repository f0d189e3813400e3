//! `state = "none"`: every message meets an empty memory, as in the reference
//! handler. Each event beyond a limit raises; nothing clears.

use std::time::Instant;

use weir_config::ShadowReports;
use weir_model::{Alert, QuarantineEntry, QuarantineReason, Quarantined, Row};
use weir_pipeline::Pipeline;

use crate::handler::Handler;
use crate::message::{Incoming, Outcome, Processed};
use crate::metrics::Metrics;
use crate::outlets::{RefusedReading, Rejected, Report, Rows};
use crate::run::{Devices, Ran, rejected, run};

pub(crate) struct Stateless<'h> {
    handler: &'h Handler,
    metrics: &'h mut Metrics,
}

impl<'h> Stateless<'h> {
    pub(crate) fn new(handler: &'h Handler, metrics: &'h mut Metrics) -> Self {
        Self { handler, metrics }
    }

    pub(crate) fn process(mut self, messages: &[Incoming]) -> Vec<Outcome> {
        let config = &self.handler.settings.config;
        let one = |at: usize| {
            let pipeline = Pipeline::new(config).without_reports();
            run(config, pipeline, Devices::All, messages, &[at])
        };
        let mut runs: Vec<Ran> = (0..messages.len()).map(one).collect();
        let mut outcomes: Vec<Outcome> = runs.iter().map(|ran| Outcome::Done(sum(ran))).collect();
        for ran in &runs {
            self.metrics.readings.add(&ran.readings);
            self.metrics.untimed |= ran.untimed;
        }
        let entries: Vec<Rejected> = runs
            .iter_mut()
            .flat_map(|ran| std::mem::take(&mut ran.rejected))
            .collect();
        self.quarantine(&entries, &mut outcomes);
        self.write_rows(messages, &runs, &mut outcomes);
        self.publish(&runs, &mut outcomes);
        self.report(&mut runs, &mut outcomes);
        outcomes
    }

    fn quarantine(&mut self, entries: &[Rejected], outcomes: &mut [Outcome]) {
        if entries.is_empty() {
            return;
        }
        for entry in entries {
            let reason = entry.entry.reason.as_str();
            *self.metrics.reasons.entry(reason).or_default() += 1;
        }
        let sent = self.handler.outlets.quarantine(entries);
        for (entry, sent) in entries.iter().zip(sent) {
            match sent {
                Ok(()) => note_quarantined(&mut outcomes[entry.message]),
                Err(reason) => outcomes[entry.message] = Outcome::Failed(reason),
            }
        }
    }

    fn write_rows(&mut self, messages: &[Incoming], runs: &[Ran], outcomes: &mut [Outcome]) {
        let version = |row: &Row| {
            let message = messages.get(row.position.0 as usize);
            message.map_or(1, |message| message.received.millis().max(1))
        };
        let rows: Vec<Rows<'_>> = runs
            .iter()
            .filter(|ran| !ran.rows.is_empty())
            .map(|ran| Rows {
                batch: &ran.rows,
                catalog: ran.pipeline.engine().catalog(),
                version: &version,
            })
            .collect();
        if rows.is_empty() {
            return;
        }
        let began = Instant::now();
        let written = self.handler.outlets.write_rows(&rows);
        self.metrics.rows_latency += began.elapsed();
        match written {
            Ok(refused) => {
                let config = &self.handler.settings.config;
                let entries = refused.iter().map(|refused| {
                    self.metrics.note_refused();
                    rejected(config, refused_entry(refused, messages), messages)
                });
                let entries: Vec<Rejected> = entries.collect();
                self.quarantine(&entries, outcomes);
            }
            Err(reason) => {
                for (ran, outcome) in runs.iter().zip(outcomes) {
                    if !ran.rows.is_empty() {
                        *outcome = Outcome::Failed(reason.clone());
                    }
                }
            }
        }
    }

    fn publish(&mut self, runs: &[Ran], outcomes: &mut [Outcome]) {
        let raised = runs.iter().enumerate();
        let raised: Vec<(usize, &[Alert])> = raised
            .filter(|(at, ran)| !ran.alerts.is_empty() && !outcomes[*at].is_failed())
            .map(|(at, ran)| (at, &*ran.alerts))
            .collect();
        if raised.is_empty() {
            return;
        }
        let groups: Vec<&[Alert]> = raised.iter().map(|(_, alerts)| *alerts).collect();
        for ((at, alerts), sent) in raised.iter().zip(self.handler.outlets.publish(&groups)) {
            match sent {
                Ok(()) => self.metrics.alerts += alerts.len() as u64,
                Err(reason) => outcomes[*at] = Outcome::Failed(reason),
            }
        }
    }

    /// Nobody remembers what a shadow shows, so every message is reported.
    fn report(&mut self, runs: &mut [Ran], outcomes: &mut [Outcome]) {
        if self.handler.reports() == ShadowReports::Off {
            return;
        }
        let mut reports: Vec<(usize, Report)> = Vec::new();
        for (at, ran) in runs.iter_mut().enumerate() {
            if outcomes[at].is_failed() {
                continue;
            }
            let taken = ran.pipeline.take_reports().into_iter();
            reports.extend(taken.map(|request| {
                let report = Report {
                    device: request.thing,
                    payload: request.payload,
                };
                (at, report)
            }));
        }
        if reports.is_empty() {
            return;
        }
        let all: Vec<&Report> = reports.iter().map(|(_, report)| report).collect();
        let sent = self.handler.outlets.report(&all);
        for ((at, _), sent) in reports.iter().zip(sent) {
            if let Err(reason) = sent {
                outcomes[*at] = Outcome::Failed(reason);
            }
        }
    }
}

fn sum(ran: &Ran) -> Processed {
    let mut sum = Processed::default();
    ran.parts.values().for_each(|part| sum.add(part));
    sum
}

fn note_quarantined(outcome: &mut Outcome) {
    if let Outcome::Done(processed) = outcome {
        processed.quarantined += 1;
    }
}

/// The entry of a reading that a store refuses.
pub(crate) fn refused_entry(refused: &RefusedReading, messages: &[Incoming]) -> QuarantineEntry {
    let quarantined = Quarantined {
        position: refused.position,
        reading: Some(refused.reading),
        reason: QuarantineReason::StoreRejected,
        detail: refused.detail.clone(),
    };
    let message = messages.get(refused.position.0 as usize);
    let payload = message.map_or(&[][..], |message| &message.payload);
    let message = message.map(Incoming::message);
    QuarantineEntry::new(&quarantined, message.as_ref(), payload)
}
