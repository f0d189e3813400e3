//! The ways in and out besides HTTP.

use std::sync::Arc;

use weir_ingest::{EmbeddedBroker, LiveTopics, Publisher, SourceClient};

/// Brokers, the topics that they accept, and where messages are published.
/// Clones share them.
#[derive(Clone, Debug)]
pub struct Gateways {
    /// Which topics are accepted right now.
    pub topics: LiveTopics,
    pub broker: Option<EmbeddedBroker>,
    pub sources: Arc<[SourceClient]>,
    pub publishers: Arc<[Arc<dyn Publisher>]>,
}
