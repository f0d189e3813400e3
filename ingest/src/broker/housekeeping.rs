//! What the embedded broker does beside its connections: ask the access rules again
//! when they have changed, and close with Weir.

use std::sync::Arc;
use std::time::Duration;

use tracing::info;

use super::shared::Shared;

/// How often a change of the access rules is looked for, ...
const REVIEW_INTERVAL: Duration = Duration::from_secs(1);
/// ... and, in these intervals, identities that have expired.
const EXPIRED_EVERY: u64 = 10;

impl Shared {
    /// Closes every connection when Weir stops.
    pub(super) async fn close_with_weir(self: Arc<Self>) {
        self.closing.cancelled().await;
        self.broker.close();
    }

    /// Ends the connections of identities whose rights were revoked or have expired,
    /// and the subscriptions that are no longer allowed, until the broker closes.
    pub(super) async fn review_access(self: Arc<Self>) {
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
                let (connections, subscriptions) = self.broker.access_changed();
                if connections + subscriptions > 0 {
                    info!(
                        connections,
                        subscriptions, "access rules ended connections and subscriptions"
                    );
                }
            }
        }
    }
}
