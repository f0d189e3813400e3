//! What protects a listener.

use std::fmt;
use std::sync::Arc;

use rustls::ServerConfig;
use weir_auth::Access;

/// Access rules and encryption.
#[derive(Clone)]
pub struct Guard {
    pub access: Access,
    /// The listeners speak TLS.
    pub tls: Option<Arc<ServerConfig>>,
}

impl Guard {
    /// Whether a listener beyond loopback is safe behind it.
    pub fn is_closed(&self) -> bool {
        self.tls.is_some() && self.access.is_required()
    }
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard")
            .field("access", &self.access.is_required())
            .field("tls", &self.tls.is_some())
            .finish()
    }
}
