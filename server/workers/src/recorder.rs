//! The recorder: makes alarms and the quarantine durable, and sends every alert
//! that is still in the outbox.
//!
//! Effects are keyed by what caused them (an alert's id, a record's position),
//! so recording them again after a crash changes nothing. A database that
//! fails is tried again until it works or Weir stops: nothing is dropped, and
//! no checkpoint passes what is not recorded.

use std::collections::HashSet;
use std::fmt::Display;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use tracing::{error, info, warn};
use weir_journal::Journal;
use weir_model::QuarantineEntry;
use weir_model::{Alert, Position, QuarantineReason, Timestamp};
use weir_notify::{AlarmStore, AlarmStoreError};
use weir_quarantine::Quarantine;
use weir_retry::LogThrottle;

use crate::health::Health;
use crate::insist::Insist;
use crate::notifications::notifier::Notifier;
use crate::progress::Progress;
use crate::recorder_command::RecorderCommand;

/// How often it looks for shelves that have ended.
const TICK: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
/// How long an alert may be on its way before the outbox sends it again.
const RESEND_AFTER: Duration = Duration::from_secs(10);
/// Alerts sent again at a time: the oldest ones.
const RESEND_BATCH: usize = 1_000;
/// Commands handled together.
const GATHER: usize = 255;
/// Security events logged per minute; the rest is only counted.
const SECURITY_LOG_PER_MINUTE: u32 = 10;

pub(crate) struct Recorder {
    pub(crate) journal: Arc<dyn Journal>,
    pub(crate) alarms: Arc<AlarmStore>,
    pub(crate) quarantine: Arc<Quarantine>,
    pub(crate) commands: Receiver<RecorderCommand>,
    pub(crate) notifier: Notifier,
    pub(crate) progress: Progress,
    pub(crate) health: Arc<Health>,
    pub(crate) stop: Arc<AtomicBool>,
}

impl Recorder {
    /// Runs until [`RecorderCommand::Stop`].
    pub(crate) fn run(self) {
        let mut outbox = Outbox::default();
        let security_log = SecurityLog::default();
        self.resend(&mut outbox);
        let mut stopping = false;
        while !stopping {
            let first = match self.commands.recv_timeout(TICK) {
                Ok(command) => Some(command),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => break,
            };
            // What has gathered is handled together: deliveries of a burst are
            // one transaction.
            let gathered = first
                .into_iter()
                .chain(self.commands.try_iter().take(GATHER));
            let mut delivered = Vec::new();
            for command in gathered.collect::<Vec<_>>() {
                match command {
                    RecorderCommand::Record {
                        position,
                        alerts,
                        quarantined,
                    } => {
                        quarantined
                            .iter()
                            .for_each(|entry| security_log.note(entry));
                        self.record(position, &alerts, &quarantined, &mut outbox);
                    }
                    RecorderCommand::Operational(alert) => {
                        self.record_operational(*alert, &mut outbox);
                    }
                    RecorderCommand::Cleared { position, alerts } => {
                        self.unpositioned(position, || {
                            let new = self.alarms.record_unpositioned(&alerts)?;
                            Ok(if new > 0 { alerts.clone() } else { Vec::new() })
                        });
                    }
                    RecorderCommand::Reconcile { position, open } => {
                        self.unpositioned(position, || self.alarms.reconcile(&open));
                    }
                    RecorderCommand::Barrier(position) => self.progress.advance(position),
                    RecorderCommand::Delivered(id) => delivered.push(id),
                    RecorderCommand::Stop => stopping = true,
                }
            }
            self.mark_delivered(delivered, &mut outbox);
            if outbox.shelves_looked.elapsed() >= TICK {
                outbox.shelves_looked = Instant::now();
                // What a shelf suppressed is sent once it ends.
                let released =
                    self.insist("alarms", || self.alarms.expire_shelves(Timestamp::now()));
                if released.is_some_and(|alerts| alerts > 0) {
                    self.resend(&mut outbox);
                }
            }
            if outbox.looked.elapsed() >= RESEND_AFTER {
                self.resend(&mut outbox);
                let expired =
                    self.insist("quarantine", || self.quarantine.expire(Timestamp::now()));
                if let Some(entries @ 1..) = expired {
                    info!(entries, "old entries of the quarantine are gone");
                }
            }
        }
        self.progress.close();
    }

    fn record(
        &self,
        position: Position,
        alerts: &[Alert],
        quarantined: &[QuarantineEntry],
        outbox: &mut Outbox,
    ) {
        // A position that power could still take back would be given to another
        // message, whose effects would then pass for recorded.
        if let Err(error) = self.journal.wait_committed(position) {
            error!(%error, "alerts and quarantined readings are not recorded");
            self.progress.close();
            return;
        }
        if !quarantined.is_empty() {
            self.insist("quarantine", || {
                self.quarantine.record(position, quarantined)
            });
        }
        if !alerts.is_empty() {
            self.insist("alarms", || self.alarms.record(position, alerts));
            if alerts.iter().any(|alert| self.alarms.may_latch(alert)) {
                // It was not published at once; if it does not latch, it is now.
                self.resend(outbox);
            }
            self.mark_delivered_early(alerts, outbox);
        }
    }

    fn record_operational(&self, alert: Alert, outbox: &mut Outbox) {
        let alerts = [alert];
        self.insist("alarms", || self.alarms.record_unpositioned(&alerts));
        self.mark_delivered_early(&alerts, outbox);
    }

    /// What was delivered before it was recorded.
    fn mark_delivered_early(&self, alerts: &[Alert], outbox: &mut Outbox) {
        let early = alerts
            .iter()
            .filter_map(|alert| outbox.delivered_early.take(&alert.id));
        let early = early.collect();
        self.mark_delivered(early, outbox);
    }

    /// Records alerts that no message caused, and publishes those that are new.
    fn unpositioned(
        &self,
        position: Position,
        record: impl FnMut() -> Result<Vec<Alert>, AlarmStoreError>,
    ) {
        // As in `record`: they follow from the messages before.
        if let Err(error) = self.journal.wait_committed(position) {
            error!(%error, "alarms are not cleared");
            self.progress.close();
            return;
        }
        for alert in self.insist("alarms", record).unwrap_or_default() {
            self.notifier.publish_unless_withheld(&alert);
        }
    }

    /// Takes alerts out of the outbox. One that is delivered before it was
    /// recorded is remembered until it is.
    fn mark_delivered(&self, ids: Vec<String>, outbox: &mut Outbox) {
        if ids.is_empty() {
            return;
        }
        let texts: Vec<&str> = ids.iter().map(String::as_str).collect();
        let known = self.insist("alarms", || self.alarms.delivered_ids(&texts));
        let known = known.unwrap_or_default();
        let early = ids
            .into_iter()
            .zip(known)
            .filter(|(_, known)| !known)
            .map(|(id, _)| id);
        outbox.delivered_early.extend(early);
    }

    /// Publishes what still waits in the outbox.
    fn resend(&self, outbox: &mut Outbox) {
        outbox.looked = Instant::now();
        let pending = self.insist("alarms", || self.alarms.pending(0, RESEND_BATCH));
        for (_, alert) in pending.unwrap_or_default() {
            self.notifier.publish(&alert);
        }
    }

    /// Retries until it succeeds; `None` when Weir stops first, and then no checkpoint
    /// passes what was given up.
    fn insist<T, E: Display>(
        &self,
        component: &str,
        action: impl FnMut() -> Result<T, E>,
    ) -> Option<T> {
        let insist = Insist {
            stop: &self.stop,
            health: &self.health,
            component,
        };
        let value = insist.on("cannot record", action);
        if value.is_none() {
            self.progress.close();
        }
        value
    }
}

/// What the worker knows about alerts on their way.
#[derive(Debug)]
struct Outbox {
    delivered_early: HashSet<String>,
    looked: Instant,
    shelves_looked: Instant,
}

impl Default for Outbox {
    fn default() -> Self {
        let now = Instant::now();
        Self {
            delivered_early: HashSet::new(),
            looked: now,
            shelves_looked: now,
        }
    }
}

/// A device that claims to be another is logged, but cannot flood the log.
#[derive(Debug)]
struct SecurityLog(LogThrottle);

impl Default for SecurityLog {
    fn default() -> Self {
        Self(LogThrottle::burst(SECURITY_LOG_PER_MINUTE, MINUTE))
    }
}

impl SecurityLog {
    fn note(&self, entry: &QuarantineEntry) {
        use QuarantineReason::{DeviceMismatch, InvalidDevice, NotAllowed};
        if !matches!(entry.reason, DeviceMismatch | InvalidDevice | NotAllowed) {
            return;
        }
        let Some(suppressed) = self.0.admit() else {
            return;
        };
        let (reason, topic, client) = (entry.reason.as_str(), &entry.topic, &entry.client);
        warn!(
            security = true,
            reason,
            ?topic,
            ?client,
            detail = entry.detail,
            suppressed,
            "message refused"
        );
    }
}
