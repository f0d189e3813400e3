//! What all connections of the embedded broker share.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use mqtt5::broker::client_handler::ClientHandler;
use mqtt5::broker::resource_monitor::{ResourceLimits, ResourceMonitor};
use mqtt5::broker::router::MessageRouter;
use mqtt5::broker::storage::QueueLimits;
use mqtt5::broker::sys_topics::BrokerStats;
use mqtt5::broker::transport::BrokerTransport;
use mqtt5::broker::{BrokerConfig, DynamicStorage, MemoryBackend, StorageBackend};
use mqtt5::packet::publish::PublishPacket;
use rustls::ServerConfig;
use tokio::sync::{Semaphore, broadcast};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::warn;
use weir_auth::Access;
use weir_journal::Appender;

use super::claims::Claims;
use super::connection::Connection;
use super::interest::{Interest, LogLimit};
use super::login::now;
use super::roster::Roster;
use crate::{Guard, Intake};

/// Messages of QoS 1 and 2, and as many of QoS 0, that wait to be written to
/// one subscriber, ...
const SUBSCRIBER_LANE: usize = 1_000;
/// ... and how much is queued behind them; then the oldest are dropped.
const SUBSCRIBER_QUEUE: QueueLimits = QueueLimits {
    max_messages: 10_000,
    max_bytes: 16 * 1024 * 1024,
};
const MAX_SUBSCRIPTIONS_PER_CLIENT: usize = 1_000;
/// How long a session outlives its connection.
const SESSION_EXPIRY: Duration = Duration::from_secs(24 * 3600);
/// Sessions whose clients are away, on top of those that are connected.
const MAX_SESSIONS_AWAY: usize = 10_000;
const HOUSEKEEPING_INTERVAL: Duration = Duration::from_secs(10);
const EXPIRY_EVERY: u64 = 6;
/// How often it is looked whether rights were taken away, ...
const REVIEW_INTERVAL: Duration = Duration::from_secs(1);
/// ... and, in these, whether some have expired.
const EXPIRED_EVERY: u64 = 10;

#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) connections: Gauge,
    pub(super) refused_connections: AtomicU64,
    pub(super) received: AtomicU64,
    pub(super) refused_logins: AtomicU64,
    pub(super) refused_publishes: AtomicU64,
    pub(super) refused_subscribes: AtomicU64,
    pub(super) uncommitted: Gauge,
    pub(super) held_bytes: Gauge,
    pub(super) stalled_subscribers: Gauge,
    /// As of the last look of the housekeeping.
    pub(super) sessions: AtomicUsize,
    pub(super) full_queues: AtomicUsize,
    pub(super) published: AtomicU64,
}

/// A sum over connections.
#[derive(Debug, Default)]
pub(super) struct Gauge(AtomicUsize);

impl Gauge {
    pub(super) fn change(&self, from: usize, to: usize) {
        if to != from {
            // Wraps back: every connection takes away what it has added.
            self.0.fetch_add(to.wrapping_sub(from), Ordering::Relaxed);
        }
    }

    pub(super) fn get(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

pub(super) struct Shared {
    pub(super) intake: Intake,
    pub(super) access: Access,
    pub(super) tls: Option<Arc<ServerConfig>>,
    /// Whose the client ids are.
    pub(super) claims: Arc<Claims>,
    /// Who is connected.
    pub(super) roster: Arc<Roster>,
    pub(super) journal: Arc<dyn Appender>,
    pub(super) max_inflight: usize,
    pub(super) max_packet: usize,
    pub(super) router: Arc<MessageRouter>,
    pub(super) interest: Interest,
    pub(super) counters: Counters,
    pub(super) login_log: LogLimit,
    pub(super) refusal_log: LogLimit,
    pub(super) failure_log: LogLimit,
    pub(super) accept_log: LogLimit,
    pub(super) slow_log: LogLimit,
    /// One permit per connection.
    pub(super) slots: Arc<Semaphore>,
    pub(super) closing: CancellationToken,
    storage: Arc<DynamicStorage>,
    stats: Arc<BrokerStats>,
    resources: Arc<ResourceMonitor>,
    /// Tells mqtt5's handlers that the broker closes.
    goodbye: broadcast::Sender<()>,
    template: BrokerConfig,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("counters", &self.counters)
            .finish_non_exhaustive()
    }
}

impl Shared {
    pub(super) fn new(
        config: &weir_config::Broker,
        intake: Intake,
        guard: Guard,
        journal: Arc<dyn Appender>,
        closing: CancellationToken,
    ) -> Self {
        let backend = MemoryBackend::with_queue_limits(SUBSCRIBER_QUEUE);
        let storage = Arc::new(DynamicStorage::Memory(backend));
        let max_packet = usize::try_from(config.max_packet).unwrap_or(usize::MAX);
        // Connections are counted by `slots`; mqtt5 only keeps its own books.
        let resources = ResourceLimits {
            max_connections: usize::MAX,
            max_connections_per_ip: usize::MAX,
            max_message_rate_per_client: 0,
            max_bandwidth_per_client: 0,
            max_connection_rate: u32::MAX,
            rate_limit_window: Duration::from_secs(1),
        };
        Self {
            interest: Interest::new(&intake),
            intake,
            access: guard.access,
            tls: guard.tls,
            claims: Arc::default(),
            roster: Arc::default(),
            journal,
            max_inflight: usize::from(config.max_inflight.max(1)),
            max_packet,
            router: Arc::new(MessageRouter::with_storage(storage.clone())),
            counters: Counters::default(),
            login_log: LogLimit::new(),
            refusal_log: LogLimit::new(),
            failure_log: LogLimit::new(),
            accept_log: LogLimit::new(),
            slow_log: LogLimit::new(),
            slots: Arc::new(Semaphore::new(
                config.max_connections.min(Semaphore::MAX_PERMITS),
            )),
            closing,
            storage,
            stats: Arc::new(BrokerStats::new()),
            resources: Arc::new(ResourceMonitor::new(resources)),
            goodbye: broadcast::channel(1).0,
            template: template(config, max_packet),
        }
    }

    /// mqtt5's handler for a connection whose callbacks go to `connection`.
    pub(super) fn handler(
        &self,
        transport: BrokerTransport,
        connection: &Arc<Connection>,
    ) -> ClientHandler {
        let mut config = self.template.clone();
        config.event_handler = Some(connection.clone());
        ClientHandler::new(
            transport,
            connection.peer,
            Arc::new(config),
            self.router.clone(),
            connection.clone(),
            Some(self.storage.clone()),
            self.stats.clone(),
            self.resources.clone(),
            self.goodbye.subscribe(),
        )
    }

    /// Hands a message to every subscriber's lane or queue, waiting for none.
    pub(super) async fn route(&self, publish: &PublishPacket, client_id: Option<&str>) {
        self.router
            .route_message_with_deadline(publish, client_id, Instant::now())
            .await;
    }

    /// The identity whose session is kept under this client id, if one is.
    pub(super) async fn session_owner(&self, client_id: &str) -> Option<String> {
        let session = self.storage.get_session(client_id).await.ok().flatten()?;
        Some(session.user_id.unwrap_or_default())
    }

    /// Whether another session may be kept for a client that goes away.
    pub(super) async fn has_room_for_session(&self, client_id: &str) -> bool {
        let sessions = self.counters.sessions.load(Ordering::Relaxed);
        sessions < self.template.max_clients.saturating_add(MAX_SESSIONS_AWAY)
            || matches!(self.storage.get_session(client_id).await, Ok(Some(_)))
    }

    /// Looks after sessions, queues and subscriptions until the broker closes,
    /// and then tells mqtt5's handlers.
    pub(super) async fn keep_house(self: Arc<Self>) {
        let mut interval = tokio::time::interval(HOUSEKEEPING_INTERVAL);
        for tick in 1_u64.. {
            tokio::select! {
                biased;
                () = self.closing.cancelled() => break,
                _ = interval.tick() => {}
            }
            if tick.is_multiple_of(EXPIRY_EVERY) {
                self.expire_sessions().await;
            }
            self.look_at_queues().await;
            self.look_at_interest().await;
        }
        // Nobody listens when nobody is connected.
        let _ = self.goodbye.send(());
    }

    /// Ends the connections of those whose rights were taken away or have
    /// expired, until the broker closes.
    pub(super) async fn keep_out(self: Arc<Self>) {
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
                let now = now();
                self.roster.review(|who| self.access.still_holds(who, now));
            }
        }
    }

    async fn expire_sessions(&self) {
        if let Err(error) = self.storage.cleanup_expired().await {
            warn!(%error, "expired sessions were not cleaned up");
        }
        self.router.sweep_sessions().await;
    }

    /// Counts the sessions, and those whose queue is full: each message that
    /// comes now costs them their oldest one.
    async fn look_at_queues(&self) {
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
                client_id,
                full_queues, "subscribers are too slow: their oldest messages are dropped"
            );
        }
    }

    async fn look_at_interest(&self) {
        for key in self.interest.to_check() {
            if !self.router.has_subscription(&key.0, &key.1).await {
                self.interest.forget(&key);
            }
        }
    }
}

fn template(config: &weir_config::Broker, max_packet: usize) -> BrokerConfig {
    BrokerConfig {
        bind_addresses: Vec::new(),
        max_clients: config.max_connections,
        max_packet_size: max_packet,
        session_expiry_interval: SESSION_EXPIRY,
        topic_alias_maximum: 16,
        max_subscriptions_per_client: MAX_SUBSCRIPTIONS_PER_CLIENT,
        client_channel_capacity: SUBSCRIBER_LANE,
        sys_topics_enabled: false,
        // mqtt5 would refuse a retained publish before it reaches the journal,
        // and MQTT 3.1.1 would take the refusal for an acknowledgement: the
        // limits on retained messages are applied by the connection instead.
        max_retained_messages: 0,
        max_retained_message_size: 0,
        ..BrokerConfig::default()
    }
}
