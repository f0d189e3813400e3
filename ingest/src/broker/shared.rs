//! The state that all connections of the embedded broker share.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use rustls::ServerConfig;
use tokio_util::sync::CancellationToken;
use weir_auth::Access;
use weir_journal::Appender;
use weir_mqtt_broker::{Broker, Routes, Settings};
use weir_retry::LogThrottle;

use super::arrivals::Arrivals;
use super::journal_log::JournalLog;
use super::login::Logins;
use crate::{Guard, LiveTopics, Places};

/// Sessions of disconnected clients, in addition to the connected ones.
const MAX_SESSIONS_AWAY: usize = 100_000;

/// See the module.
pub(super) struct Shared {
    pub(super) broker: Broker,
    pub(super) log: Arc<JournalLog>,
    pub(super) access: Access,
    pub(super) tls: Option<Arc<ServerConfig>>,
    pub(super) max_packet: usize,
    /// One per connection.
    pub(super) places: Places,
    pub(super) arrivals: Arc<Arrivals>,
    refused_arrivals: AtomicU64,
    pub(super) arrival_log: LogThrottle,
    pub(super) closing: CancellationToken,
    /// Open connections, those in a handshake included.
    connections: AtomicUsize,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared")
            .field("broker", &self.broker)
            .finish_non_exhaustive()
    }
}

/// What the journal takes.
#[derive(Debug)]
struct JournalRoutes(LiveTopics);

impl Routes for JournalRoutes {
    fn accepts(&self, topic: &str) -> bool {
        self.0.accepts(topic)
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
        // Without authentication all clients are one identity.
        let settings = settings(config, !guard.access.is_required());
        let log = Arc::new(JournalLog::new(journal));
        let arrivals = Arc::new(Arrivals::new(config.max_connections));
        let logins = Arc::new(Logins::new(guard.access.clone(), arrivals.clone()));
        let routes = Arc::new(JournalRoutes(topics));
        Self {
            broker: Broker::new(settings, log.clone(), logins, routes),
            log,
            access: guard.access,
            tls: guard.tls,
            max_packet: settings.max_packet,
            places: Places::new(config.max_connections),
            arrivals,
            refused_arrivals: AtomicU64::new(0),
            arrival_log: LogThrottle::per_second(),
            closing,
            connections: AtomicUsize::new(0),
        }
    }

    pub(super) fn arrival_refused(&self) {
        self.refused_arrivals.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn refused_arrivals(&self) -> u64 {
        self.refused_arrivals.load(Ordering::Relaxed)
    }

    pub(super) fn connection_began(&self) {
        self.connections.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn connection_ended(&self) {
        self.connections.fetch_sub(1, Ordering::Relaxed);
    }

    pub(super) fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }
}

fn settings(config: &weir_config::Broker, is_open: bool) -> Settings {
    Settings {
        max_packet: usize::try_from(config.max_packet).unwrap_or(usize::MAX),
        receive_maximum: config.max_inflight.max(1),
        max_sessions: config.max_connections.saturating_add(MAX_SESSIONS_AWAY),
        max_kept_sessions: match is_open {
            true => usize::MAX,
            false => config.max_connections.max(MAX_SESSIONS_AWAY / 2),
        },
        // MQTT 3.1.1 cannot refuse a publish. Closing would make a client that sends
        // one wrong topic repeat it for ever, and its readings with it.
        close_on_refused_publish: false,
        ..Settings::default()
    }
}
