//! `[http]`: the HTTP listener.

use std::net::SocketAddr;

use super::listen::{any_address, tls_of};
use crate::file::reader::Reader;

/// `[http]`
#[derive(Clone, Debug, PartialEq)]
pub struct Http {
    /// Beyond loopback only with `[auth]` and TLS. Port 0 picks a free port.
    pub listen: SocketAddr,
    /// The listener speaks TLS. Never without [`Config::tls`](crate::Config::tls).
    pub tls: bool,
}

impl Default for Http {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            tls: false,
        }
    }
}

pub(crate) fn http(reader: &mut Reader<'_>) -> Http {
    let mut section = reader.section("http");
    let listen = section.value("listen", Http::default().listen, any_address);
    let tls = tls_of(&mut section, &[listen]);
    Http { listen, tls }
}
