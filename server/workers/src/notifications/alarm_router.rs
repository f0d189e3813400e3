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
use crate::insist::Insist;

/// Longest sleep without news: what is due by time is seen so late at most.
const TICK: Duration = Duration::from_millis(200);
/// Entries that are taken in and stored together.
const BATCH: usize = 1_000;
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
    /// Runs until it must stop and has routed what was recorded by then.
    pub(crate) fn run(mut self) {
        let mut seen = 0;
        let mut expired = Instant::now();
        loop {
            let stopping = self.stop.load(Ordering::Acquire);
            // What was not stored is decided again at the next start.
            let Some(idle) = self.route() else { return };
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

    /// Reads what is new and stores what follows: whether that was nothing. `None`
    /// when Weir stops before the database works.
    fn route(&mut self) -> Option<bool> {
        let news = self.insist("history cannot be read", || self.news())?;
        let now = self.clock.now();
        let decisions = {
            let mut router = self.router.lock();
            for alert in &news.alerts {
                router.on_alert(alert, self.alarms.shelved_until(alert), now);
            }
            for (alert, action) in &news.actions {
                on_action(&mut router, action, alert.as_ref(), now);
            }
            router.advance(now);
            router.take_decisions()
        };
        if news.up_to == self.up_to && decisions.is_empty() {
            return Some(true);
        }
        // Until it is stored, nothing of it has happened. Nobody waits for that on
        // the router's lock: requests for alarms are answered even with a full disk.
        self.insist("routing cannot be stored", || {
            self.alarms.commit_routing(news.up_to, &decisions)
        })?;
        self.up_to = news.up_to;
        for channel in &self.wake {
            // A full queue means that it is awake already.
            let _ = channel.try_send(());
        }
        Some(false)
    }

    fn news(&self) -> Result<News, AlarmStoreError> {
        let mut news = News {
            alerts: Vec::new(),
            actions: Vec::new(),
            up_to: self.up_to,
        };
        if !self.alarms.has_changes_after(self.up_to)? {
            return Ok(news);
        }
        for (seq, alert) in self.alarms.history(BATCH, self.up_to.seq)? {
            news.up_to.seq = seq;
            news.alerts.push(alert);
        }
        for (n, action) in self.alarms.actions(BATCH, self.up_to.audit)? {
            news.up_to.audit = n;
            let alert = self.alarms.last_alert(&action.alarm_id)?;
            news.actions.push((alert, action));
        }
        Ok(news)
    }

    fn insist<T>(
        &self,
        failure: &str,
        action: impl FnMut() -> Result<T, AlarmStoreError>,
    ) -> Option<T> {
        let insist = Insist {
            stop: &self.stop,
            health: &self.health,
            component: "alarm routing",
        };
        insist.on(failure, action)
    }

    fn expire(&self) {
        let history = i64::try_from(self.history.as_nanos()).unwrap_or(i64::MAX);
        let before = Timestamp(Timestamp::now().0.saturating_sub(history));
        if let Err(error) = self.alarms.expire(before) {
            error!(%error, "old alarms cannot be forgotten");
        }
    }
}

/// What both logs have after the position of the router.
struct News {
    alerts: Vec<Alert>,
    /// Each with the last alert of its alarm.
    actions: Vec<(Option<Alert>, AuditEntry)>,
    up_to: RoutedUpTo,
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
