//! Reads the alarm history and the operators' actions as two logs, asks the router
//! who is notified, and stores its decisions together with its position in both
//! logs in one transaction: a crash repeats no decision and loses none.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::SyncSender;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tracing::error;
use weir_alarms::{AuditAction, AuditEntry, Now, Router};
use weir_model::{Alert, Timestamp};
use weir_notify::{AlarmStore, AlarmStoreError, RoutedUpTo};

use crate::health::Health;
use crate::log_throttle::LogThrottle;

/// Longest sleep without news: what is due by time is seen so late at most.
const TICK: Duration = Duration::from_millis(200);
/// Entries that are taken in and stored together.
const BATCH: usize = 1_000;
/// Wait between tries of a transaction that failed.
const RETRY: Duration = Duration::from_secs(1);
/// How often old history is forgotten.
const EXPIRE_EVERY: Duration = Duration::from_secs(60);

/// A clock that no jump of the wall clock moves while the process runs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SteadyClock {
    started_ms: i64,
    started: Instant,
}

impl SteadyClock {
    pub(crate) fn new() -> Self {
        Self {
            started_ms: Timestamp::now().millis(),
            started: Instant::now(),
        }
    }

    pub(crate) fn now(&self) -> Now {
        let elapsed = i64::try_from(self.started.elapsed().as_millis()).unwrap_or(i64::MAX);
        Now {
            steady_ms: self.started_ms.saturating_add(elapsed),
            wall_ms: Timestamp::now().millis(),
        }
    }
}

pub(crate) struct AlarmRouter {
    pub(crate) alarms: Arc<AlarmStore>,
    pub(crate) router: Arc<Mutex<Router>>,
    pub(crate) up_to: RoutedUpTo,
    pub(crate) clock: SteadyClock,
    /// One per channel worker.
    pub(crate) wake: Vec<SyncSender<()>>,
    pub(crate) history: Duration,
    pub(crate) health: Arc<Health>,
    pub(crate) stop: Arc<AtomicBool>,
}

impl AlarmRouter {
    /// Runs until it shall stop and has routed what was recorded by then.
    pub(crate) fn run(mut self) {
        let mut seen = 0;
        let mut expired = Instant::now();
        loop {
            let stopping = self.stop.load(Ordering::Acquire);
            let idle = match self.route() {
                Ok(idle) => idle,
                Err(error) => {
                    error!(%error, "alarms cannot be routed; trying again");
                    self.health
                        .set("alarm routing", format!("cannot read or store: {error}"));
                    std::thread::sleep(RETRY);
                    // What was not stored is decided again at the next start.
                    if stopping {
                        return;
                    }
                    continue;
                }
            };
            self.health.clear("alarm routing");
            if stopping && idle {
                return;
            }
            if expired.elapsed() >= EXPIRE_EVERY {
                expired = Instant::now();
                self.expire();
            }
            if idle && !stopping {
                seen = self.alarms.wait_for_change(seen, TICK);
            }
        }
    }

    /// Takes in what is new and stores what follows; whether that was nothing.
    fn route(&mut self) -> Result<bool, AlarmStoreError> {
        let mut up_to = self.up_to;
        let (mut alerts, mut actions) = (Vec::new(), Vec::new());
        if self.alarms.has_changes_after(up_to)? {
            alerts = self.alarms.history(BATCH, up_to.seq)?;
            actions = self.alarms.actions(BATCH, up_to.audit)?;
        }
        let mut acted = Vec::with_capacity(actions.len());
        for (n, action) in actions {
            up_to.audit = n;
            acted.push((self.alarms.last_alert(&action.alarm_id)?, action));
        }
        let now = self.clock.now();
        let decisions = {
            let mut router = self.router.lock();
            for (seq, alert) in &alerts {
                router.on_alert(alert, self.alarms.shelved_until(alert), now);
                up_to.seq = *seq;
            }
            for (alert, action) in &acted {
                on_action(&mut router, action, alert.as_ref(), now);
            }
            router.advance(now);
            router.take_decisions()
        };
        if up_to == self.up_to && decisions.is_empty() {
            return Ok(true);
        }
        // Until it is stored, nothing of it has happened. Nobody waits for that on
        // the router's lock: requests for alarms are answered even with a full disk.
        let mut log_throttle = LogThrottle::default();
        while let Err(error) = self.alarms.commit_routing(up_to, &decisions) {
            if log_throttle.is_due() {
                error!(%error, "routing cannot be stored; trying again");
            }
            self.health
                .set("alarm routing", format!("cannot store: {error}"));
            if self.stop.load(Ordering::Acquire) {
                return Err(error);
            }
            std::thread::sleep(RETRY);
        }
        self.up_to = up_to;
        for channel in &self.wake {
            // A full queue means that it is awake already.
            let _ = channel.try_send(());
        }
        Ok(false)
    }

    fn expire(&self) {
        let history = i64::try_from(self.history.as_nanos()).unwrap_or(i64::MAX);
        let before = Timestamp(Timestamp::now().0.saturating_sub(history));
        if let Err(error) = self.alarms.expire(before) {
            error!(%error, "old alarms cannot be forgotten");
        }
    }
}

/// `alert` is the last one of the alarm.
fn on_action(router: &mut Router, action: &AuditEntry, alert: Option<&Alert>, now: Now) {
    match action.action {
        AuditAction::Acknowledge => {
            router.on_acknowledged(&action.alarm_id, Some(&action.by), now);
        }
        AuditAction::Unacknowledge => router.on_acknowledged(&action.alarm_id, None, now),
        AuditAction::Shelve
        | AuditAction::Unshelve
        | AuditAction::OutOfService
        | AuditAction::InService => {
            if let Some(alert) = alert {
                router.on_shelved(alert, action.until.unwrap_or(0), now);
            }
        }
        AuditAction::Comment | AuditAction::Assign => {}
    }
}
