//! Makes alarms and the quarantine durable, and sees to it that every alert in
//! the outbox goes out.
//!
//! Effects are keyed by what caused them (an alert's id, a record's position),
//! so recording them again after a crash changes nothing. A database that
//! fails is tried again until it works or Weir stops: nothing is dropped, and
//! no checkpoint passes what is not recorded.

use std::collections::HashSet;
use std::fmt::Display;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use tracing::{error, warn};
use weir_alerts::AlarmStore;
use weir_model::{Alert, Position, QuarantineReason};
use weir_store::{Quarantine, QuarantineEntry};

use crate::health::Health;
use crate::notifier::Notifier;
use crate::progress::Progress;

/// Waits between tries of a transaction that failed.
const RETRY: Duration = Duration::from_secs(1);
/// How long an alert may be on its way before the outbox sends it again.
const RESEND_AFTER: Duration = Duration::from_secs(30);
/// Alerts taken from the outbox at a time.
const RESEND_BATCH: usize = 1_000;
/// Security events logged per minute; the rest is only counted.
const SECURITY_LOG_PER_MINUTE: u32 = 10;

#[derive(Debug)]
pub(crate) enum EffectsCommand {
    /// What a chunk that ends at `position` decided.
    Record { position: Position, alerts: Vec<Alert>, quarantined: Vec<QuarantineEntry> },
    /// Tell [`Progress`] once everything before is durable.
    Barrier(Position),
    /// Every outlet has delivered the alert of this id.
    Delivered(String),
}

pub(crate) struct EffectsWorker {
    pub(crate) alarms: Arc<AlarmStore>,
    pub(crate) quarantine: Arc<Quarantine>,
    pub(crate) commands: Receiver<EffectsCommand>,
    pub(crate) notifier: Notifier,
    pub(crate) progress: Progress,
    pub(crate) health: Arc<Health>,
    pub(crate) stop: Arc<AtomicBool>,
}

impl EffectsWorker {
    /// Runs until it is told to stop and no command is left.
    pub(crate) fn run(self) {
        let mut outbox = Outbox::default();
        let mut security_log = SecurityLog::default();
        self.resend(&mut outbox);
        loop {
            match self.commands.recv_timeout(RETRY) {
                Ok(command) => self.handle(command, &mut outbox, &mut security_log),
                Err(RecvTimeoutError::Timeout) if self.stop.load(Ordering::Acquire) => break,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            if outbox.looked.elapsed() >= RESEND_AFTER {
                self.resend(&mut outbox);
            }
        }
        self.progress.close();
    }

    fn handle(&self, command: EffectsCommand, outbox: &mut Outbox, security: &mut SecurityLog) {
        match command {
            EffectsCommand::Record { position, alerts, quarantined } => {
                if !quarantined.is_empty() {
                    quarantined.iter().for_each(|entry| security.note(entry));
                    self.insist("quarantine", || self.quarantine.record(position, &quarantined));
                }
                if !alerts.is_empty() {
                    self.insist("alarms", || self.alarms.record(position, &alerts));
                    let early: Vec<String> = alerts
                        .into_iter()
                        .map(|alert| alert.id)
                        .filter(|id| outbox.delivered_early.remove(id))
                        .collect();
                    self.mark_delivered(&early, outbox);
                }
            }
            EffectsCommand::Barrier(position) => self.progress.advance(position),
            EffectsCommand::Delivered(id) => self.mark_delivered(&[id], outbox),
        }
    }

    /// Takes alerts out of the outbox. One that is delivered before it was
    /// recorded is remembered until it is.
    fn mark_delivered(&self, ids: &[String], outbox: &mut Outbox) {
        for id in ids {
            let found = self.insist("alarms", || self.alarms.delivered(id));
            if found == Some(false) {
                outbox.delivered_early.insert(id.clone());
            }
        }
    }

    /// Publishes what waits in the outbox.
    fn resend(&self, outbox: &mut Outbox) {
        outbox.looked = Instant::now();
        let mut after = 0;
        while let Some(pending) =
            self.insist("alarms", || self.alarms.pending(after, RESEND_BATCH))
        {
            for (sequence, alert) in &pending {
                after = *sequence;
                self.notifier.publish(alert);
            }
            if pending.len() < RESEND_BATCH {
                break;
            }
        }
    }

    /// Tries until it works; `None` when Weir stops first.
    fn insist<T, E: Display>(
        &self,
        component: &str,
        mut action: impl FnMut() -> Result<T, E>,
    ) -> Option<T> {
        let mut failed = false;
        loop {
            match action() {
                Ok(value) => {
                    if failed {
                        self.health.clear(component);
                    }
                    return Some(value);
                }
                Err(error) => {
                    error!(component, %error, "cannot record; trying again");
                    self.health.set(component, format!("cannot record: {error}"));
                    failed = true;
                    if self.stop.load(Ordering::Acquire) {
                        return None;
                    }
                    thread::sleep(RETRY);
                }
            }
        }
    }
}

/// What the worker knows about alerts on their way.
#[derive(Debug)]
struct Outbox {
    delivered_early: HashSet<String>,
    looked: Instant,
}

impl Default for Outbox {
    fn default() -> Self {
        Self { delivered_early: HashSet::new(), looked: Instant::now() }
    }
}

/// A device that claims to be another is logged, but cannot flood the log.
#[derive(Debug)]
struct SecurityLog {
    since: Instant,
    logged: u32,
    suppressed: u32,
}

impl Default for SecurityLog {
    fn default() -> Self {
        Self { since: Instant::now(), logged: 0, suppressed: 0 }
    }
}

impl SecurityLog {
    fn note(&mut self, entry: &QuarantineEntry) {
        use QuarantineReason::{DeviceMismatch, InvalidDevice, NotAllowed};
        if !matches!(entry.reason, DeviceMismatch | InvalidDevice | NotAllowed) {
            return;
        }
        if self.since.elapsed() >= Duration::from_secs(60) {
            if self.suppressed > 0 {
                warn!(events = self.suppressed, "further security events in the last minute");
            }
            *self = Self::default();
        }
        if self.logged == SECURITY_LOG_PER_MINUTE {
            self.suppressed += 1;
            return;
        }
        self.logged += 1;
        let (reason, topic, client) = (entry.reason.as_str(), &entry.topic, &entry.client);
        warn!(reason, ?topic, ?client, detail = entry.detail, "security event: message refused");
    }
}
