//! The memory of functions and alarms, and what a message does to it.
//!
//! Functions and alarms change together: a snapshot, a restore and another
//! configuration always concern both.

use thiserror::Error;
use weir_alarms::AlarmEngine;
use weir_config::Config;
use weir_engine::{Engine, NanoClock, REMOVED_FUNCTION, Usage};
use weir_model::{Alert, Ingress, Message, Position, PublishRights, Timestamp};
use weir_shadow_document::Request;

use crate::alarm_names::{delays, names};
use crate::counts::PipelineCounts;
use crate::effects::{Effects, ShadowCause, ShadowUpdate};
use crate::quarantined::copy_rejected;
use crate::shadow_reports::{ReportState, Reporter};
use crate::shadow_requests::{RequestTopics, ShadowRequest};
use crate::snapshot::Snapshot;

/// Messages in, effects out.
#[derive(Debug)]
pub struct Pipeline {
    engine: Engine,
    alarms: AlarmEngine,
    request_topics: RequestTopics,
    reporter: Reporter,
    counts: PipelineCounts,
}

/// Why a snapshot cannot be restored.
#[derive(Debug, Error)]
pub enum RestoreError {
    #[error("cannot restore the memory of the functions")]
    Functions(#[from] weir_engine::SnapshotError),
    #[error("cannot restore the memory of the alarms")]
    Alarms(#[from] weir_alarms::RestoreError),
}

impl Pipeline {
    /// A pipeline with an empty memory.
    pub fn new(config: &Config) -> Self {
        let engine = Engine::new(config);
        let alarms = AlarmEngine::new(delays(&engine));
        Self::from_parts(config, engine, alarms)
    }

    /// A pipeline that has counted and reported nothing yet.
    pub(crate) fn from_parts(config: &Config, engine: Engine, alarms: AlarmEngine) -> Self {
        Self {
            engine,
            alarms,
            request_topics: RequestTopics::new(config),
            reporter: Reporter::new(ReportState::EMPTY, config.shadows.interval),
            counts: PipelineCounts::default(),
        }
    }

    /// Continues from a snapshot. `config` is the configuration that was in force
    /// there.
    pub fn restore(config: &Config, snapshot: &Snapshot) -> Result<Self, RestoreError> {
        let mut engine = Engine::restore(config, &snapshot.engine)?;
        engine.resume_tallies(&snapshot.tallies);
        let alarms = AlarmEngine::restore(delays(&engine), &snapshot.alarms)?;
        Ok(Self {
            engine,
            alarms,
            request_topics: RequestTopics::new(config),
            reporter: Reporter::new(snapshot.reports, config.shadows.interval),
            counts: snapshot.counts.restored(),
        })
    }

    /// The memory as of the last message. `config` is the number of the
    /// configuration in force.
    pub fn snapshot(&self, config: u64) -> Snapshot {
        Snapshot {
            engine: self.engine.snapshot(),
            alarms: self.alarms.snapshot(),
            counts: self.counts.clone(),
            config,
            tallies: self.engine.tallies(),
            reports: self.reporter.state(),
        }
    }

    /// Leaves out the reports into shadows, for those who have none.
    #[must_use]
    pub fn without_reports(mut self) -> Self {
        self.reporter.turn_off();
        self
    }

    /// The reports of all devices that have something new, for a caller that decides
    /// by itself when a shadow is updated.
    pub fn take_reports(&mut self) -> Vec<Request> {
        self.reporter.take(&mut self.engine, &self.alarms)
    }

    /// Reports readings of a device in whose name the sender may not publish as
    /// violations.
    pub fn guard_by(&mut self, rights: impl PublishRights + 'static) {
        self.engine.guard_by(rights);
    }

    /// Samples how long functions take. Without a clock their time is not measured.
    pub fn measure_by(&mut self, clock: NanoClock) {
        self.engine.measure_by(clock);
    }

    /// Puts another configuration into force for the messages to come. Returns
    /// the clears of alarms that no function watches any longer.
    pub fn reconfigure(&mut self, config: &Config) -> Vec<Alert> {
        self.engine.reconfigure(config);
        self.request_topics = RequestTopics::new(config);
        self.reporter.set_interval(config.shadows.interval);
        self.close_abandoned()
    }

    /// Clears alarms whose function was removed, or no longer selects their
    /// series: no reading ever will. The ids of the clears come from the alarms'
    /// last readings, so a repetition after a crash changes nothing.
    pub fn close_abandoned(&mut self) -> Vec<Alert> {
        let Self {
            engine,
            alarms,
            reporter,
            ..
        } = self;
        let abandoned = engine.abandoned();
        let is_lost = |slot: u32| {
            abandoned.binary_search(&slot).is_ok()
                || engine.slot(slot).function_ix == REMOVED_FUNCTION
        };
        let cleared = alarms.remap(delays(engine), |slot| (!is_lost(slot)).then_some(slot));
        // The shadows of these devices show one alarm less.
        for alert in &cleared {
            if let Some(device) = engine.device_ix(&alert.device_id) {
                engine.mark_changed(device);
                reporter.changed();
            }
        }
        cleared
    }

    /// Adds the effects of one message to `effects`. A tick only lets time pass.
    pub fn on_message(&mut self, position: Position, message: &Message<'_>, effects: &mut Effects) {
        let start = effects.begin();
        if self.request_topics.matches(message.topic) {
            self.counts.shadow_requests += 1;
            effects.shadow_updates.push(ShadowUpdate {
                position,
                received: message.received,
                cause: ShadowCause::Request(ShadowRequest::new(message)),
            });
        } else {
            self.engine
                .on_message(position, message, &mut effects.batch);
            let (batch, quarantined) = (&effects.batch, &mut effects.quarantined);
            copy_rejected(batch, Some(message), message.payload, quarantined);
            self.run_alarms(start.verdicts, message.received, effects);
        }
        if !effects.is_unchanged(&start) {
            self.reporter.changed();
        }
        if self.reporter.is_due(message.received) {
            self.report(position, message.received, effects);
        }
        self.counts.messages += u64::from(message.ingress != Ingress::Clock);
        self.counts.add(&start, effects);
        effects.finish(position, &start, &self.engine);
    }

    /// Adds the effects of a record that the journal could not read.
    pub fn on_corrupt(
        &mut self,
        position: Position,
        reason: &str,
        bytes: &[u8],
        effects: &mut Effects,
    ) {
        let start = effects.begin();
        self.engine.on_corrupt(position, reason, &mut effects.batch);
        copy_rejected(&effects.batch, None, bytes, &mut effects.quarantined);
        self.counts.messages += 1;
        self.counts.add(&start, effects);
        effects.finish(position, &start, &self.engine);
    }

    fn run_alarms(&mut self, first: usize, received: Timestamp, effects: &mut Effects) {
        let Self { engine, alarms, .. } = self;
        let Effects { batch, alerts, .. } = effects;
        for (ix, verdict) in batch.verdicts.iter().enumerate().skip(first) {
            let names = || names(engine, verdict, batch.text_of(ix), received);
            if let Some(alert) = alarms.on_verdict(verdict, names) {
                alerts.push(alert.clone());
            }
        }
    }

    fn report(&mut self, position: Position, received: Timestamp, effects: &mut Effects) {
        let Self {
            engine,
            alarms,
            reporter,
            ..
        } = self;
        let reports = reporter.report(received, engine, alarms).into_iter();
        effects
            .shadow_updates
            .extend(reports.map(|report| ShadowUpdate {
                position,
                received,
                cause: ShadowCause::Report(report),
            }));
    }

    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    pub(crate) fn engine_mut(&mut self) -> &mut Engine {
        &mut self.engine
    }

    pub fn alarms(&self) -> &AlarmEngine {
        &self.alarms
    }

    /// What went through since the data folder was created.
    pub fn counts(&self) -> &PipelineCounts {
        &self.counts
    }

    /// What the functions did and cost so far.
    pub fn usage(&mut self) -> Usage {
        self.engine.usage()
    }

    /// Whether time must pass when no message comes: the caller then passes a
    /// tick ([`weir_model::tick`]) every five seconds, at a position of the
    /// journal.
    pub fn wants_ticks(&self) -> bool {
        self.engine.wants_ticks()
    }

    /// Whether reports into shadows wait for a record of this time.
    pub fn reports_wait(&self, now: Timestamp) -> bool {
        self.reporter.is_due(now)
    }
}

#[cfg(test)]
mod tests;
