//! What the handlers work with. Everything in it is shared with the workers.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use axum::extract::State;
use parking_lot::Mutex;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use weir_auth::Access;
use weir_pipeline::Pipeline;
use weir_sql::Sql;
use weir_workers::{
    Current, Gateways, NotificationService, Readiness, ReloadStatus, Signals, Stores, Watchdog,
};

use crate::auth_refusals::AuthRefusals;
use crate::function_rates::FunctionRates;
use crate::serve::MAX_CONNECTIONS;

/// Bytes of a request body where a route does not say otherwise.
pub(crate) const BODY_LIMIT: usize = 1 << 20;
/// Bodies of `/api/v2/write` in memory at once.
const MAX_WRITE_BODIES: usize = 8;
/// Requests whose bodies arrive at once: fewer than there are connections, so that
/// slow bodies leave places for `/healthz`.
const MAX_BODIES: usize = MAX_CONNECTIONS - 128;
/// Sign-ins that ask the identity provider at once.
const MAX_SIGN_INS: usize = 8;
/// Explanations that are computed at once; further ones wait.
const MAX_EXPLANATIONS: usize = 2;

/// The state of the HTTP interface.
#[derive(Debug)]
pub struct Api {
    pub config: Current,
    pub reloads: Arc<ReloadStatus>,
    pub access: Access,
    pub pipeline: Arc<Mutex<Pipeline>>,
    pub stores: Stores,
    pub sql: Sql,
    pub gateways: Gateways,
    pub signals: Signals,
    pub readiness: Readiness,
    pub watchdog: Arc<Watchdog>,
    pub notifications: Arc<NotificationService>,
    pub admission: Admission,
    pub rates: FunctionRates,
    pub started: Instant,
    pub process: Process,
    pub shutdown: CancellationToken,
}

/// Where this process listens and stores.
#[derive(Clone, Debug)]
pub struct Process {
    /// By the name of the listener.
    pub addresses: BTreeMap<&'static str, SocketAddr>,
    pub data_dir: PathBuf,
    /// `None`: the defaults, or the demo's.
    pub config_file: Option<PathBuf>,
}

/// What bounds expensive requests, and counts refused ones.
#[derive(Debug)]
pub struct Admission {
    pub(crate) refusals: AuthRefusals,
    pub(crate) write_bodies: Arc<Semaphore>,
    pub(crate) bodies: Arc<Semaphore>,
    pub(crate) explanations: Arc<Semaphore>,
    pub(crate) sign_ins: Arc<Semaphore>,
    /// Held during a replay of the quarantine.
    pub(crate) replay: tokio::sync::Mutex<()>,
}

impl Default for Admission {
    fn default() -> Self {
        Self {
            refusals: AuthRefusals::default(),
            bodies: Arc::new(Semaphore::new(MAX_BODIES)),
            write_bodies: Arc::new(Semaphore::new(MAX_WRITE_BODIES)),
            explanations: Arc::new(Semaphore::new(MAX_EXPLANATIONS)),
            sign_ins: Arc::new(Semaphore::new(MAX_SIGN_INS)),
            replay: tokio::sync::Mutex::default(),
        }
    }
}

/// The state as handlers extract it.
pub(crate) type Shared = State<Arc<Api>>;
