//! The state that all connections of the embedded broker share.

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
use tokio::sync::broadcast;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use weir_auth::Access;
use weir_journal::Appender;
use weir_retry::LogThrottle;

use super::client_ids::ClientIdLeases;
use super::connection::Connection;
use super::session_registry::SessionRegistry;
use super::telemetry_subscribers::TelemetrySubscribers;
use crate::{Guard, LiveTopics, Places};

/// Messages of QoS 1 and 2, and as many of QoS 0, that wait to be written to one
/// subscriber, ...
const SUBSCRIBER_LANE: usize = 1_000;
/// ... and the queue behind them; when it is full, the oldest are dropped.
pub(super) const SUBSCRIBER_QUEUE: QueueLimits = QueueLimits {
    max_messages: 10_000,
    max_bytes: 16 * 1024 * 1024,
};
const MAX_SUBSCRIPTIONS_PER_CLIENT: usize = 1_000;
/// How long a session outlives its connection.
const SESSION_EXPIRY: Duration = Duration::from_secs(24 * 3600);
/// Sessions of disconnected clients, in addition to the connected ones.
const MAX_SESSIONS_AWAY: usize = 10_000;

#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) connections: Gauge,
    pub(super) received: AtomicU64,
    pub(super) refused_logins: AtomicU64,
    pub(super) refused_publishes: AtomicU64,
    pub(super) refused_subscribes: AtomicU64,
    pub(super) uncommitted: Gauge,
    pub(super) held_bytes: Gauge,
    pub(super) stalled_subscribers: Gauge,
    /// As of the last housekeeping.
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
            // It may wrap: every connection subtracts what it has added.
            self.0.fetch_add(to.wrapping_sub(from), Ordering::Relaxed);
        }
    }

    pub(super) fn get(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

pub(super) struct Shared {
    pub(super) topics: LiveTopics,
    pub(super) access: Access,
    pub(super) tls: Option<Arc<ServerConfig>>,
    pub(super) client_ids: Arc<ClientIdLeases>,
    pub(super) sessions: Arc<SessionRegistry>,
    pub(super) journal: Arc<dyn Appender>,
    pub(super) max_inflight: usize,
    pub(super) max_packet: usize,
    pub(super) router: Arc<MessageRouter>,
    pub(super) telemetry_subscribers: TelemetrySubscribers,
    pub(super) counters: Counters,
    pub(super) login_log: LogThrottle,
    pub(super) refusal_log: LogThrottle,
    pub(super) failure_log: LogThrottle,
    pub(super) slow_log: LogThrottle,
    pub(super) closed_log: LogThrottle,
    /// One per connection.
    pub(super) places: Places,
    pub(super) closing: CancellationToken,
    pub(super) storage: Arc<DynamicStorage>,
    stats: Arc<BrokerStats>,
    resources: Arc<ResourceMonitor>,
    /// Notifies mqtt5's handlers that the broker closes.
    pub(super) goodbye: broadcast::Sender<()>,
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
        topics: LiveTopics,
        guard: Guard,
        journal: Arc<dyn Appender>,
        closing: CancellationToken,
    ) -> Self {
        let backend = MemoryBackend::with_queue_limits(SUBSCRIBER_QUEUE);
        let storage = Arc::new(DynamicStorage::Memory(backend));
        let max_packet = usize::try_from(config.max_packet).unwrap_or(usize::MAX);
        // `places` limits the connections; mqtt5 only counts its own.
        let resources = ResourceLimits {
            max_connections: usize::MAX,
            max_connections_per_ip: usize::MAX,
            max_message_rate_per_client: 0,
            max_bandwidth_per_client: 0,
            max_connection_rate: u32::MAX,
            rate_limit_window: Duration::from_secs(1),
        };
        Self {
            telemetry_subscribers: TelemetrySubscribers::new(&topics),
            topics,
            access: guard.access,
            tls: guard.tls,
            client_ids: Arc::default(),
            sessions: Arc::default(),
            journal,
            max_inflight: usize::from(config.max_inflight.max(1)),
            max_packet,
            router: Arc::new(MessageRouter::with_storage(storage.clone())),
            counters: Counters::default(),
            login_log: LogThrottle::per_second(),
            refusal_log: LogThrottle::per_second(),
            failure_log: LogThrottle::per_second(),
            slow_log: LogThrottle::per_second(),
            closed_log: LogThrottle::per_second(),
            places: Places::new(config.max_connections),
            closing,
            storage,
            stats: Arc::new(BrokerStats::new()),
            resources: Arc::new(ResourceMonitor::new(resources)),
            goodbye: broadcast::channel(1).0,
            template: template(config, max_packet),
        }
    }

    /// The handler of mqtt5 whose callbacks go to `connection`.
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

    /// Routes a message to every subscriber's lane or queue, without waiting.
    pub(super) async fn route(&self, publish: &PublishPacket, client_id: Option<&str>) {
        self.router
            .route_message_with_deadline(publish, client_id, Instant::now())
            .await;
    }

    /// The identity of the session that is kept under this client id.
    pub(super) async fn session_owner(&self, client_id: &str) -> Option<String> {
        let session = self.storage.get_session(client_id).await.ok().flatten()?;
        Some(session.user_id.unwrap_or_default())
    }

    /// Whether another session may be kept after its client disconnects.
    pub(super) async fn has_room_for_session(&self, client_id: &str) -> bool {
        let sessions = self.counters.sessions.load(Ordering::Relaxed);
        sessions < self.template.max_clients.saturating_add(MAX_SESSIONS_AWAY)
            || matches!(self.storage.get_session(client_id).await, Ok(Some(_)))
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
        // mqtt5 would refuse a retained publish before it reaches the journal, and
        // a client of MQTT 3.1.1 would read the refusal as an acknowledgement: the
        // connection applies the limits on retained messages instead.
        max_retained_messages: 0,
        max_retained_message_size: 0,
        ..BrokerConfig::default()
    }
}
