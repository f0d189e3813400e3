//! `[broker]`: the embedded MQTT broker.

use std::net::SocketAddr;

use super::listen::{any_address, tls_of};
use crate::file::reader::Reader;
use crate::file::values::{KIB, MAX_INFLIGHT, MAX_PACKET, MIB, count, size};

/// `[broker]`
#[derive(Clone, Debug, PartialEq)]
pub struct Broker {
    /// Beyond loopback as [`Http::listen`](crate::Http::listen).
    pub listen: SocketAddr,
    /// MQTT over WebSocket; off by default. As [`Http::listen`](crate::Http::listen).
    pub websocket_listen: Option<SocketAddr>,
    /// The listeners speak TLS. Never without [`Config::tls`](crate::Config::tls).
    pub tls: bool,
    /// Connections at once. 1 to 1,000,000.
    pub max_connections: usize,
    /// Largest MQTT packet in bytes. 1 KiB to 128 MiB, at most
    /// [`JournalSection::max_pending`](crate::JournalSection::max_pending).
    pub max_packet: u64,
    /// Publishes of one connection that wait for their commit. 1 to 65,535.
    pub max_inflight: u16,
}

impl Default for Broker {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 1883)),
            websocket_listen: None,
            tls: false,
            max_connections: 10_000,
            max_packet: 2 * MIB,
            max_inflight: 2_000,
        }
    }
}

/// The section, and whether it is given.
pub(crate) fn broker(reader: &mut Reader<'_>) -> (Broker, bool) {
    let mut section = reader.section("broker");
    let default = Broker::default();
    let listen = section.value("listen", default.listen, any_address);
    let websocket_listen = section
        .optional("websocket_listen", any_address)
        .or(default.websocket_listen);
    let listeners: Vec<_> = std::iter::once(listen).chain(websocket_listen).collect();
    let broker = Broker {
        listen,
        websocket_listen,
        tls: tls_of(&mut section, &listeners),
        max_connections: section.value(
            "max_connections",
            default.max_connections,
            count(1..=1_000_000),
        ),
        max_packet: section.value("max_packet", default.max_packet, size(KIB..=MAX_PACKET)),
        max_inflight: section.value(
            "max_inflight",
            default.max_inflight,
            count(1..=MAX_INFLIGHT),
        ),
    };
    (broker, section.is_given())
}
