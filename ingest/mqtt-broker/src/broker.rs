//! What all connections share, and the order in which everything is routed.
//!
//! ```text
//! connection ─append─▶ log        one lock: positions and `pending` agree
//!      │                │ commit
//!      └──▶ pending ────┴──▶ advance: apply in order, then release the acks
//! ```
//!
//! [`Shared::advance`] applies what the log has committed, in the order of the
//! log: publishes are routed, subscriptions of sessions that outlive their
//! connection take effect. Only then the acknowledgements of that batch may
//! leave, so a router that is behind slows its publishers down. What the log does
//! not keep (QoS 0 without a route) is routed at once by its connection, and what only
//! a route takes, while nobody subscribes to anything, is not routed at all.

mod counters;
mod order;
mod routing;
mod sys_topics;
mod wills;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use hashbrown::HashMap;
use parking_lot::{Mutex, RwLock};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use weir_mqtt_codec::ReasonCode;

use crate::access::{Access, BoxFuture, Routes};
use crate::batch::{Batch, Publisher};
use crate::commit_log::{AppendError, CommitListener, CommitLog, Record};
use crate::drops::Drops;
use crate::link::Link;
use crate::log_text::LogLimit;
use crate::message::Budget;
use crate::router::{Router, Scratch};
use crate::settings::Settings;
use crate::time::Time;
pub use counters::BrokerStatus;
pub(crate) use counters::{Counters, Gauge};
pub(crate) use order::{Order, Pending, Work};

/// A message of Weir's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publication {
    pub topic: String,
    pub payload: Bytes,
    pub qos: u8,
    pub retain: bool,
}

pub(crate) struct Shared {
    pub(crate) settings: Settings,
    pub(crate) log: Arc<dyn CommitLog>,
    pub(crate) access: Arc<dyn Access>,
    pub(crate) routes: Arc<dyn Routes>,
    pub(crate) router: RwLock<Router>,
    pub(crate) counters: Counters,
    pub(crate) drops: Arc<Drops>,
    pub(crate) budget: Arc<Budget>,
    pub(crate) closing: CancellationToken,
    pub(crate) refusal_log: LogLimit,
    /// Connections that the broker has closed.
    pub(crate) fault_log: LogLimit,
    pub(crate) retained_log: LogLimit,
    /// Subscriptions in force.
    subscriptions: AtomicUsize,
    order: Mutex<Order>,
    /// Fewer bytes wait for their commit than may.
    relieved: Notify,
    scratch: Mutex<Scratch>,
    commits: Arc<Commits>,
    listener: Arc<dyn CommitListener>,
    links: Mutex<HashMap<u64, Arc<Link>>>,
    last_link: AtomicU64,
    clock: Clock,
    sys: Mutex<sys_topics::SysTopics>,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("settings", &self.settings)
            .field("counters", &self.counters)
            .finish_non_exhaustive()
    }
}

/// What the log's thread says.
#[derive(Debug, Default)]
pub(crate) struct Commits {
    position: AtomicU64,
    failed: AtomicBool,
    pub(crate) changed: Notify,
}

impl CommitListener for Commits {
    fn committed(&self, position: u64) {
        self.position.fetch_max(position, Ordering::AcqRel);
        self.changed.notify_one();
    }

    fn failed(&self) {
        self.failed.store(true, Ordering::Release);
        self.changed.notify_one();
    }
}

/// Wall-clock time at the start, and a clock that never goes back from there.
#[derive(Debug)]
struct Clock {
    start: Instant,
    start_ms: u64,
}

impl Shared {
    pub(crate) fn new(
        settings: Settings,
        log: Arc<dyn CommitLog>,
        access: Arc<dyn Access>,
        routes: Arc<dyn Routes>,
    ) -> Self {
        let drops = Arc::<Drops>::default();
        let budget = Budget::new(settings.max_message_bytes);
        let commits = Arc::<Commits>::default();
        let since_epoch = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Self {
            settings,
            log,
            access,
            routes,
            router: RwLock::new(Router::new(settings, budget.clone(), drops.clone())),
            counters: Counters::default(),
            drops,
            budget,
            closing: CancellationToken::new(),
            refusal_log: LogLimit::per_second(),
            fault_log: LogLimit::per_second(),
            retained_log: LogLimit::per_minute(),
            subscriptions: AtomicUsize::new(0),
            order: Mutex::default(),
            relieved: Notify::new(),
            scratch: Mutex::default(),
            listener: commits.clone(),
            commits,
            links: Mutex::default(),
            last_link: AtomicU64::new(0),
            clock: Clock {
                start: Instant::now(),
                start_ms: u64::try_from(since_epoch.as_millis()).unwrap_or(0),
            },
            sys: Mutex::default(),
        }
    }

    pub(crate) fn now(&self) -> Time {
        let elapsed = self.clock.start.elapsed().as_millis();
        Time(self.clock.start_ms).plus_ms(u64::try_from(elapsed).unwrap_or(u64::MAX))
    }

    pub(crate) fn commits(&self) -> &Commits {
        &self.commits
    }

    pub(crate) fn has_failed(&self) -> bool {
        self.commits.failed.load(Ordering::Acquire)
    }

    /// A link for a new connection, which [`Self::unlink`] removes.
    pub(crate) fn link(&self, now: Time) -> Arc<Link> {
        let id = self.last_link.fetch_add(1, Ordering::Relaxed) + 1;
        let link = Arc::new(Link::new(id, now));
        self.links.lock().insert(id, link.clone());
        link
    }

    pub(crate) fn unlink(&self, link: &Link) {
        let mut links = self.links.lock();
        links.remove(&link.id);
        if links.capacity() > 64 && links.len() * 4 < links.capacity() {
            links.shrink_to_fit();
        }
    }

    /// Closes every connection.
    pub(crate) fn close_all(&self, reason: ReasonCode) {
        for link in self.links.lock().values() {
            link.close(reason);
        }
    }

    /// Appends a batch; its acknowledgements may leave when `link` is released
    /// up to the position returned. On an error the batch is as it was.
    pub(crate) fn append(
        &self,
        batch: &mut Batch,
        publisher: Publisher<'_>,
        link: &Arc<Link>,
    ) -> Result<u64, AppendError> {
        let mut order = self.order.lock();
        if batch.publishes() > 0 && !order.has_room(self.settings.max_pending_bytes) {
            return Err(AppendError::NoRoom);
        }
        let end = match batch.is_empty() {
            true => order.end(),
            false => order.append(&*self.log, &batch.records(publisher), &self.listener)?,
        };
        let publishes = batch.publishes();
        self.counters
            .count_received(publishes as u64, batch.payload() as u64);
        let is_routed = batch.is_for_subscribers()
            || order.expects_subscriptions()
            || self.subscriptions.load(Ordering::Acquire) > 0;
        let batch = std::mem::take(batch);
        order.push(Pending {
            end,
            link: Some(link.clone()),
            publishes,
            work: match is_routed {
                true => Work::Publishes(batch, publisher.session),
                false => Work::Nothing,
            },
        });
        drop(order);
        self.notice(end);
        Ok(end)
    }

    /// Resolves when an append is worth another try, or the log has failed.
    pub(crate) fn room(self: &Arc<Self>) -> BoxFuture<'static, ()> {
        let shared = self.clone();
        Box::pin(async move {
            let limit = shared.settings.max_pending_bytes;
            loop {
                let relieved = shared.relieved.notified();
                tokio::pin!(relieved);
                relieved.as_mut().enable();
                if shared.has_failed() || shared.order.lock().has_room(limit) {
                    break;
                }
                relieved.await;
            }
            shared.log.room().await;
        })
    }

    /// Wakes the connections that wait for room, if there is some again.
    fn note_relief(&self) {
        let limit = self.settings.max_pending_bytes;
        if self.has_failed() || self.order.lock().is_relieved(limit) {
            self.relieved.notify_waiters();
        }
    }

    /// Queues a subscription or its end behind what was appended before.
    pub(crate) fn append_change(
        &self,
        records: &[Record<'_>],
        work: Work,
        link: &Arc<Link>,
    ) -> Result<u64, AppendError> {
        let mut order = self.order.lock();
        let end = order.append(&*self.log, records, &self.listener)?;
        order.push(Pending {
            end,
            link: Some(link.clone()),
            publishes: 0,
            work,
        });
        drop(order);
        self.notice(end);
        Ok(end)
    }

    /// Nobody will say that something is committed which is so already.
    fn notice(&self, end: u64) {
        if end <= self.committed() {
            self.commits.changed.notify_one();
        }
    }

    fn committed(&self) -> u64 {
        let noticed = self.commits.position.load(Ordering::Acquire);
        noticed.max(self.log.committed())
    }

    /// Publishes for Weir itself, behind what was appended before. `delivered`
    /// is called when every subscriber's outbox has it.
    pub(crate) fn publish(
        &self,
        publication: Publication,
        delivered: Option<Box<dyn FnOnce() + Send>>,
    ) {
        let mut order = self.order.lock();
        let end = order.end();
        order.push(Pending {
            end,
            link: None,
            publishes: 0,
            work: Work::Own(publication, delivered),
        });
        drop(order);
        self.notice(end);
    }

    /// How many publications of Weir's own wait.
    pub(crate) fn own_waiting(&self) -> usize {
        self.order.lock().own_waiting()
    }

    /// What time brings: silent clients, wills, sessions that expire, `$SYS`.
    pub(crate) fn tick(&self, now: Time) {
        for link in self.links.lock().values() {
            if link.is_overdue(now) {
                link.close(ReasonCode::KeepAliveTimeout);
            }
        }
        let due = {
            let mut router = self.router.write();
            let before = router.sessions();
            let due = router.advance(now);
            let expired = before - router.sessions();
            let counter = &self.counters.expired_sessions;
            counter.fetch_add(expired as u64, Ordering::Relaxed);
            self.count_subscriptions(&router);
            due
        };
        let stalled = std::mem::take(&mut self.order.lock().stalled_wills);
        for will in due.into_iter().chain(stalled) {
            self.publish_will(will, now);
        }
        self.sys.lock().tick(self, now);
        self.counters.unrouted.log();
    }

    /// When the next will or session is due.
    pub(crate) fn next_deadline(&self) -> Option<Time> {
        self.router.read().next_deadline()
    }

    /// Messages that wait for their commit.
    pub(crate) fn uncommitted(&self) -> usize {
        self.order.lock().uncommitted()
    }

    /// Whether a connection has something to apply still.
    pub(crate) fn is_settled(&self) -> bool {
        self.order.lock().is_empty()
    }
}
