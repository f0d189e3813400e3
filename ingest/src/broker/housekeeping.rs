//! What the embedded broker does regularly: expire sessions, look for full queues,
//! check the subscribers of telemetry, and end the sessions of revoked identities.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use mqtt5::broker::StorageBackend;
use tracing::warn;
use weir_model::Timestamp;

use super::shared::{SUBSCRIBER_QUEUE, Shared};
use crate::log_text::shown;

const INTERVAL: Duration = Duration::from_secs(10);
/// Sessions expire once in so many intervals.
const EXPIRY_EVERY: u64 = 6;
/// How often a change of the access rules is looked for, ...
const REVIEW_INTERVAL: Duration = Duration::from_secs(1);
/// ... and, in these intervals, identities that have expired.
const EXPIRED_EVERY: u64 = 10;

impl Shared {
    /// Runs until the broker closes, and then notifies mqtt5's handlers.
    pub(super) async fn run_housekeeping(self: Arc<Self>) {
        let mut interval = tokio::time::interval(INTERVAL);
        for tick in 1_u64.. {
            tokio::select! {
                biased;
                () = self.closing.cancelled() => break,
                _ = interval.tick() => {}
            }
            if tick.is_multiple_of(EXPIRY_EVERY) {
                self.expire_sessions().await;
            }
            self.check_queues().await;
            self.check_telemetry_subscribers().await;
        }
        // There is no receiver when no client is connected.
        let _ = self.goodbye.send(());
    }

    /// Ends the sessions of identities whose rights were revoked or have expired,
    /// until the broker closes.
    pub(super) async fn revoke_sessions(self: Arc<Self>) {
        let mut interval = tokio::time::interval(REVIEW_INTERVAL);
        let mut seen = self.access.generation();
        for tick in 1_u64.. {
            tokio::select! {
                biased;
                () = self.closing.cancelled() => return,
                _ = interval.tick() => {}
            }
            let generation = self.access.generation();
            if generation != seen || tick.is_multiple_of(EXPIRED_EVERY) {
                seen = generation;
                let now = Timestamp::now();
                let is_valid = |identity: &_| self.access.still_holds(identity, now);
                self.sessions.revoke_unless(is_valid);
            }
        }
    }

    async fn expire_sessions(&self) {
        if let Err(error) = self.storage.cleanup_expired().await {
            warn!(%error, "cannot remove expired sessions");
        }
        self.router.sweep_sessions().await;
    }

    /// Counts the sessions, and those with a full queue: each further message drops
    /// their oldest one.
    async fn check_queues(&self) {
        let Ok(clients) = self.storage.session_client_ids().await else {
            return;
        };
        let is_full =
            |id: &&String| self.router.queue_handle(id).count() >= SUBSCRIBER_QUEUE.max_messages;
        let full: Vec<_> = clients.iter().filter(is_full).collect();
        self.counters
            .sessions
            .store(clients.len(), Ordering::Relaxed);
        self.counters
            .full_queues
            .store(full.len(), Ordering::Relaxed);
        if let Some(client_id) = full.first() {
            let full_queues = full.len();
            warn!(
                client_id = ?shown(client_id),
                full_queues,
                "subscribers are too slow: their oldest messages are dropped"
            );
        }
    }

    async fn check_telemetry_subscribers(&self) {
        for key in self.telemetry_subscribers.to_check() {
            if !self.router.has_subscription(&key.0, &key.1).await {
                self.telemetry_subscribers.forget(&key);
            }
        }
    }
}
