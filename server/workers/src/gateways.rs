//! The ways in and out besides HTTP.

use std::sync::Arc;

use weir_ingest::{EmbeddedBroker, Intake, Outlet, SourceDoor};

/// Brokers, the topics that they accept, and where messages are published.
/// Clones share them.
#[derive(Clone, Debug)]
pub struct Gateways {
    /// Which topics are accepted right now.
    pub topics: Intake,
    pub broker: Option<EmbeddedBroker>,
    pub sources: Arc<[SourceDoor]>,
    pub publishers: Arc<[Arc<dyn Outlet>]>,
}
