//! The addresses that Weir listens on.

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
