//! One thread per channel: delivers the notifications in its outbox, urgent ones first
//! ([`weir_notify::DequeueRequest`]), and removes each one once the other side has
//! it. A channel that is slow or down is retried with growing waits; other channels
//! are not affected. A fifth of `max_per_minute` is reserved for high priority.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tracing::{error, info, warn};
use weir_alarms::Router;
use weir_model::Timestamp;
use weir_notify::{AlarmStore, Channel, DeliveryError, DequeueRequest, Queued};
use weir_retry::Backoff;

use crate::health::Health;
use crate::notifications::alarm_router::SteadyClock;

const FIRST_WAIT: Duration = Duration::from_secs(1);
/// So soon after an outage everything flows again.
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// Notifications that are read together.
const BATCH: usize = 50;
/// How often it looks without being woken, at the stop among others.
const TICK: Duration = Duration::from_millis(250);
const MINUTE: Duration = Duration::from_secs(60);

/// How a channel does, for the API.
#[derive(Debug)]
pub struct ChannelStatus {
    pub name: String,
    pub kind: &'static str,
    pub delivered: AtomicU64,
    pub failed_attempts: AtomicU64,
    pub dead: AtomicU64,
    /// What the last attempt said, if it failed.
    pub failing: Mutex<Option<String>>,
}

pub(crate) struct ChannelWorker {
    pub(crate) channel: Channel,
    pub(crate) config: weir_config::Channel,
    pub(crate) alarms: Arc<AlarmStore>,
    pub(crate) router: Arc<Mutex<Router>>,
    pub(crate) clock: SteadyClock,
    pub(crate) wake: Receiver<()>,
    pub(crate) status: Arc<ChannelStatus>,
    pub(crate) health: Arc<Health>,
    pub(crate) stop: Arc<AtomicBool>,
}

/// When to continue.
#[derive(Debug)]
struct Pace {
    backoff: Backoff,
    not_before: Option<Instant>,
    /// Deliveries of the last minute.
    sent: VecDeque<Instant>,
    /// Deliveries since the start.
    taken: u64,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            backoff: Backoff::new(FIRST_WAIT, LONGEST_WAIT),
            not_before: None,
            sent: VecDeque::new(),
            taken: 0,
        }
    }
}

impl ChannelWorker {
    pub(crate) fn run(mut self) {
        let mut pace = Pace::default();
        let mut shown = 0;
        if let Some(mirror) = self.channel.mirror() {
            match self.alarms.recently_cleared(1_000) {
                Ok(alerts) => mirror.was_shown(&alerts),
                Err(error) => error!(%error, "an Alertmanager may show what is over for a while"),
            }
        }
        while !self.stop.load(Ordering::Acquire) {
            let waits = pace.not_before.is_some_and(|then| Instant::now() < then);
            let idle = waits
                || match self.channel.mirror() {
                    Some(_) => self.show(&mut shown, &mut pace),
                    None => self.deliver(&mut pace),
                };
            if idle {
                let _ = self.wake.recv_timeout(TICK);
            }
        }
    }

    /// Delivers a batch; whether there is nothing left to do for now.
    fn deliver(&self, pace: &mut Pace) -> bool {
        let Some(request) = pace.next_request(self.config.max_per_minute) else {
            return true;
        };
        let queued = match self.alarms.next_up(&self.channel.name, request) {
            Ok(queued) => queued,
            Err(error) => {
                error!(%error, channel = self.channel.name, "the outbox cannot be read");
                pace.not_before = Some(Instant::now() + FIRST_WAIT);
                return true;
            }
        };
        let mut delivered = Vec::new();
        let mut continues = true;
        for one in &queued {
            // A new notification may be more urgent than the rest of this batch.
            if !one.notification.is_high_priority() && self.wake.try_recv().is_ok() {
                break;
            }
            continues = !self.stop.load(Ordering::Acquire) && {
                let result = self.channel.send(&one.notification, Timestamp::now());
                self.settle(one, result, &mut delivered, pace)
            };
            if !continues {
                break;
            }
        }
        // Together: a flood is not to cost a sync each. What a crash takes from
        // here is sent again, under the same ids.
        if let Err(error) = self.alarms.dequeue(&self.channel.name, &delivered) {
            error!(%error, channel = self.channel.name, "deliveries cannot be noted");
            pace.not_before = Some(Instant::now() + FIRST_WAIT);
            return true;
        }
        !continues || queued.is_empty()
    }

    /// Notes what became of it; false when the channel has to wait.
    fn settle(
        &self,
        one: &Queued,
        result: Result<(), DeliveryError>,
        delivered: &mut Vec<u64>,
        pace: &mut Pace,
    ) -> bool {
        match result {
            Ok(()) => {
                pace.sent.push_back(Instant::now());
                pace.taken += 1;
                self.works(pace);
                self.status.delivered.fetch_add(1, Ordering::Relaxed);
                delivered.push(one.n);
                true
            }
            Err(DeliveryError::Refused { reason }) => {
                self.status.failed_attempts.fetch_add(1, Ordering::Relaxed);
                self.move_to_dead_letters(one, &reason, pace)
            }
            Err(DeliveryError::Temporary {
                reason,
                retry_after,
            }) => {
                let age = Timestamp::now().millis() - one.notification.created_at;
                self.fails(&reason, retry_after, pace);
                let limit = i64::try_from(self.config.give_up_after.as_millis());
                age > limit.unwrap_or(i64::MAX) && self.move_to_dead_letters(one, &reason, pace)
            }
        }
    }

    fn move_to_dead_letters(&self, one: &Queued, reason: &str, pace: &mut Pace) -> bool {
        let (channel, id) = (&self.channel.name, &one.notification.id);
        warn!(
            channel,
            id, reason, "a notification goes to the dead letters"
        );
        if let Err(error) = self
            .alarms
            .move_to_dead_letters(one, reason, Timestamp::now().millis())
        {
            error!(%error, channel, "a dead letter cannot be kept");
            pace.not_before = Some(Instant::now() + FIRST_WAIT);
            return false;
        }
        self.status.dead.fetch_add(1, Ordering::Relaxed);
        true
    }

    /// Shows a mirroring channel the open alarms, if they changed or it is time.
    fn show(&mut self, shown: &mut u64, pace: &mut Pace) -> bool {
        let steady_ms = self.clock.now().steady_ms;
        let name = self.channel.name.clone();
        let Some(mirror) = self.channel.mirror() else {
            return true;
        };
        let (generation, alarms) = {
            let router = self.router.lock();
            let generation = router.generation();
            if generation == *shown && !mirror.is_due(steady_ms) {
                return true;
            }
            (generation, router.shown_by(&name))
        };
        match mirror.show(&alarms, steady_ms, Timestamp::now()) {
            Ok(()) => {
                *shown = generation;
                self.status.delivered.fetch_add(1, Ordering::Relaxed);
                self.works(pace);
            }
            Err(DeliveryError::Temporary {
                reason,
                retry_after,
            }) => self.fails(&reason, retry_after, pace),
            Err(DeliveryError::Refused { reason }) => self.fails(&reason, None, pace),
        }
        true
    }

    fn works(&self, pace: &mut Pace) {
        pace.backoff.reset();
        pace.not_before = None;
        if self.status.failing.lock().take().is_some() {
            self.health.clear(&self.component());
            info!(channel = self.channel.name, "the channel works again");
        }
    }

    fn fails(&self, reason: &str, retry_after: Option<Duration>, pace: &mut Pace) {
        self.status.failed_attempts.fetch_add(1, Ordering::Relaxed);
        let delay = pace.backoff.delay();
        pace.not_before = Some(Instant::now() + retry_after.unwrap_or(delay));
        let channel = &self.channel.name;
        let first = self
            .status
            .failing
            .lock()
            .replace(reason.to_owned())
            .is_none();
        if first {
            warn!(channel, reason, "a channel does not deliver; trying again");
        }
        let health = format!("alarms are not delivered and wait: {reason}");
        self.health.set(&self.component(), health);
    }

    fn component(&self) -> String {
        format!("channel {}", self.channel.name)
    }
}

impl Pace {
    /// What to take next; `None`: nothing may go now. 0: there is no limit.
    fn next_request(&mut self, per_minute: u32) -> Option<DequeueRequest> {
        let (taken, limit) = (self.taken, BATCH);
        if per_minute == 0 {
            self.sent.clear();
            let high_priority_only = false;
            return Some(DequeueRequest {
                limit,
                taken,
                high_priority_only,
            });
        }
        while self.sent.front().is_some_and(|at| at.elapsed() >= MINUTE) {
            self.sent.pop_front();
        }
        let room = (per_minute as usize).saturating_sub(self.sent.len());
        let room_of_the_rest = room.saturating_sub(reserve(per_minute));
        let high_priority_only = room_of_the_rest == 0;
        let room = if high_priority_only {
            room
        } else {
            room_of_the_rest
        };
        (room > 0).then(|| DequeueRequest {
            limit: limit.min(room),
            taken,
            high_priority_only,
        })
    }
}

/// How much of a limit is reserved for high priority: a fifth. A limit of one has
/// no reserve.
fn reserve(per_minute: u32) -> usize {
    match per_minute {
        0 | 1 => 0,
        limit => (limit as usize / 5).max(1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_keeps_a_fifth_for_high_priority() {
        #[track_caller]
        fn check(limit: u32, sent: usize, expect: Option<(usize, bool)>) {
            let mut pace = Pace::default();
            pace.sent.extend(vec![Instant::now(); sent]);
            let ask = pace
                .next_request(limit)
                .map(|ask| (ask.limit, ask.high_priority_only));
            assert_eq!(ask, expect, "{sent} of {limit}");
        }
        check(0, 0, Some((BATCH, false)));
        check(10, 0, Some((8, false)));
        check(10, 7, Some((1, false)));
        check(10, 8, Some((2, true)));
        check(10, 10, None);
        check(1, 0, Some((1, false)));
        check(1, 1, None);
        check(2, 1, Some((1, true)));
    }
}
