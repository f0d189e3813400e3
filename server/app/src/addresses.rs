//! The addresses that Weir listens on.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use serde::Serialize;

/// As `--ports-file` writes them.
#[derive(Clone, Debug, Serialize)]
pub struct Addresses {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mqtt: Option<SocketAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub websocket: Option<SocketAddr>,
    pub http: SocketAddr,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flight: Option<SocketAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub postgres: Option<SocketAddr>,
}

impl Addresses {
    /// By the name of the listener.
    pub(crate) fn by_listener(&self) -> BTreeMap<&'static str, SocketAddr> {
        [
            ("mqtt", self.mqtt),
            ("websocket", self.websocket),
            ("http", Some(self.http)),
            ("flight", self.flight),
            ("postgres", self.postgres),
        ]
        .into_iter()
        .filter_map(|(name, address)| Some((name, address?)))
        .collect()
    }
}
