//! Applying what the log has committed: publishes are routed, subscriptions take
//! effect, acknowledgements are released.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use parking_lot::RwLockWriteGuard;
use weir_mqtt_codec::{ReasonCode, SubscriptionOptions};

use super::{Pending, Publication, Shared, Work};
use crate::log_text::shown;
use crate::message::{Message, Published};
use crate::router::{Router, Scratch};
use crate::time::Time;
use crate::topic_tree::SessionIx;

/// Batches that are applied, and deliveries, give or take one batch, before
/// other tasks get their turn.
const CHUNK: usize = 64;
const CHUNK_DELIVERIES: usize = 10_000;

impl Shared {
    /// Applies what is committed; whether there is more to apply now.
    pub(crate) fn advance(&self) -> bool {
        if self.has_failed() {
            self.close_all(ReasonCode::ImplementationSpecificError);
            self.note_relief();
            return false;
        }
        let has_more = self.apply_some();
        self.note_relief();
        has_more
    }

    /// Applies a chunk; whether there is more.
    fn apply_some(&self) -> bool {
        let mut scratch = self.scratch.lock();
        let committed = self.committed();
        let mut deliveries = 0;
        for _ in 0..CHUNK {
            let Some(pending) = self.order.lock().pop(committed) else {
                scratch.wake_all();
                return false;
            };
            deliveries += self.apply(pending, &mut scratch);
            if deliveries > CHUNK_DELIVERIES {
                break;
            }
        }
        scratch.wake_all();
        true
    }

    /// Applies one; how many deliveries that were.
    fn apply(&self, pending: Pending, scratch: &mut Scratch) -> usize {
        let mut deliveries = 0;
        match pending.work {
            Work::Nothing => {}
            Work::Publishes(batch, publisher) => {
                for one in batch.iter(publisher) {
                    deliveries += self.route(&one.published, one.is_accepted, scratch);
                }
            }
            Work::Subscribe {
                ix,
                session,
                filters,
                id,
            } => {
                for (filter, options) in filters {
                    self.subscribe(ix, session, &filter, options, id);
                }
                self.order.lock().subscribed();
            }
            Work::Unsubscribe {
                ix,
                session,
                filters,
            } => {
                for filter in filters {
                    self.unsubscribe(ix, session, &filter);
                }
            }
            Work::Own(publication, delivered) => {
                self.route_own(&publication, scratch);
                let is_counted = u64::from(!publication.topic.starts_with("$SYS/"));
                self.counters
                    .published
                    .fetch_add(is_counted, Ordering::Relaxed);
                if let Some(delivered) = delivered {
                    delivered();
                }
            }
        }
        if let Some(link) = pending.link {
            link.release(pending.end);
        }
        deliveries
    }

    pub(crate) fn subscribe(
        &self,
        ix: SessionIx,
        session: u64,
        filter: &str,
        options: SubscriptionOptions,
        id: u32,
    ) -> ReasonCode {
        let mut router = self.router.write();
        let reason = router.subscribe(ix, session, filter, options, id);
        self.count_subscriptions(&router);
        reason
    }

    pub(crate) fn unsubscribe(&self, ix: SessionIx, session: u64, filter: &str) -> bool {
        let mut router = self.router.write();
        let existed = router.unsubscribe(ix, session, filter);
        self.count_subscriptions(&router);
        existed
    }

    pub(crate) fn count_subscriptions(&self, router: &Router) {
        self.subscriptions
            .store(router.subscriptions(), Ordering::Release);
    }

    fn route_own(&self, publication: &Publication, scratch: &mut Scratch) {
        let published = Published {
            topic: &publication.topic,
            payload: &publication.payload,
            properties: &[],
            qos: publication.qos,
            retain: publication.retain,
            expires: Time::NEVER,
            publisher: 0,
        };
        self.route(&published, true, scratch);
    }

    /// Routes one message; how many get it. The caller wakes them.
    pub(crate) fn route(
        &self,
        published: &Published<'_>,
        is_accepted: bool,
        scratch: &mut Scratch,
    ) -> usize {
        let receivers = match published.retain {
            false => self.router.read().route(published, None, scratch),
            true => {
                let mut router = self.router.write();
                let retained = self.retain(&mut router, published);
                // Subscribing and retaining are in one order: no gap between.
                let router = RwLockWriteGuard::downgrade(router);
                router.route(published, retained, scratch)
            }
        };
        if receivers == 0 && !is_accepted && !published.retain {
            self.counters.unrouted.add(published.topic);
        }
        receivers
    }

    fn retain(&self, router: &mut Router, published: &Published<'_>) -> Option<Arc<Message>> {
        match router.retain(published) {
            Ok(message) => message,
            Err(()) => {
                self.counters.not_retained.fetch_add(1, Ordering::Relaxed);
                if let Some(suppressed) = self.retained_log.admit() {
                    let topic = shown(published.topic);
                    tracing::warn!(
                        topic,
                        suppressed,
                        "retained store full: message routed only"
                    );
                }
                None
            }
        }
    }

    /// Routes a message that the log does not keep.
    pub(crate) fn route_now(&self, published: &Published<'_>, scratch: &mut Scratch) {
        let payload = published.payload.len() as u64;
        self.counters.count_received(1, payload);
        self.route(published, false, scratch);
    }
}
