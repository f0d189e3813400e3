//! The broker as its owner sees it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use weir_mqtt_codec::ReasonCode;

use crate::access::{Access, Origin, Routes};
use crate::broker::{BrokerStatus, Publication, Shared};
use crate::commit_log::CommitLog;
use crate::connection::Connection;
use crate::driver;
use crate::settings::Settings;

/// How often silent connections are looked for.
const SWEEP_MS: u64 = 500;
/// Wills and sessions that are due within so long are handled together.
const MIN_SLEEP_MS: u64 = 20;

/// A broker without listeners: streams are handed to [`Broker::serve`]. Its
/// clones are the same broker.
#[derive(Clone)]
pub struct Broker {
    shared: Arc<Shared>,
}

impl fmt::Debug for Broker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Broker")
            .field("shared", &self.shared)
            .finish()
    }
}

impl Broker {
    /// A broker that does nothing until [`Self::run`] is polled.
    pub fn new(
        settings: Settings,
        log: Arc<dyn CommitLog>,
        access: Arc<dyn Access>,
        routes: Arc<dyn Routes>,
    ) -> Self {
        Self {
            shared: Arc::new(Shared::new(settings, log, access, routes)),
        }
    }

    /// Routes what the log commits, and does what time brings, until the broker
    /// is closed, its connections have ended and what they have appended is applied.
    pub async fn run(&self) {
        tokio::join!(self.route(), self.keep_time());
    }

    async fn route(&self) {
        let shared = &self.shared;
        loop {
            while shared.advance() {
                tokio::task::yield_now().await;
            }
            let is_closing = shared.closing.is_cancelled();
            let is_settled = shared.is_settled() || shared.has_failed();
            if is_closing && is_settled && shared.counters.connections.get() == 0 {
                return;
            }
            tokio::select! {
                () = shared.commits().changed.notified() => {}
                () = shared.closing.cancelled(), if !is_closing => {}
            }
        }
    }

    async fn keep_time(&self) {
        let shared = &self.shared;
        loop {
            let now = shared.now();
            shared.tick(now);
            let due = shared.next_deadline();
            let until = due.map_or(SWEEP_MS, |due| due.0.saturating_sub(now.0));
            let until = until.clamp(MIN_SLEEP_MS, SWEEP_MS);
            tokio::select! {
                () = tokio::time::sleep(Duration::from_millis(until)) => {}
                () = shared.closing.cancelled() => return,
            }
        }
    }

    /// Begins a connection, and serves it until it ends.
    pub fn serve<S>(&self, stream: S, origin: Origin) -> impl Future<Output = ()> + use<S>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send,
    {
        let connection = Connection::new(self.shared.clone(), origin, self.shared.now());
        driver::serve(stream, connection)
    }

    /// Publishes for Weir itself. `delivered` is called when every subscriber's
    /// outbox has the message. It is as the log orders it: behind what was
    /// appended before.
    pub fn publish(&self, publication: Publication, delivered: Option<Box<dyn FnOnce() + Send>>) {
        self.shared.publish(publication, delivered);
    }

    /// Weir's own publications that wait to be routed.
    pub fn waiting_publications(&self) -> usize {
        self.shared.own_waiting()
    }

    pub fn status(&self) -> BrokerStatus {
        self.shared.status()
    }

    /// Asks again what each client may do. Call it when rules have changed.
    /// Returns how many connections were closed and subscriptions removed.
    pub fn access_changed(&self) -> (usize, usize) {
        let mut router = self.shared.router.write();
        let changed = router.review();
        self.shared.count_subscriptions(&router);
        changed
    }

    /// Disconnects every client, after the acknowledgements that are still to
    /// come, and ends [`Self::run`]. Wills are not published: it is not the
    /// clients that are gone.
    pub fn close(&self) {
        self.shared.closing.cancel();
        self.shared.close_all(ReasonCode::ServerShuttingDown);
    }
}
