//! One session: what outlives a connection, as far as connections touch it.
//! Its subscriptions, will and expiry are the router's.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use hashbrown::HashMap;
use parking_lot::Mutex;

use crate::outbox::Outbox;

#[derive(Debug)]
pub(crate) struct Session {
    /// Never used twice; 0 is Weir itself.
    pub(crate) number: u64,
    pub(crate) client_id: Arc<str>,
    pub(crate) outbox: Mutex<Outbox>,
    /// QoS 2 publishes that are not released yet: packet identifier, and the
    /// connection (its link) that has sent it last.
    received: Mutex<HashMap<u16, u64>>,
    is_connected: AtomicBool,
}

impl Session {
    pub(crate) fn new(number: u64, client_id: Arc<str>) -> Self {
        Self {
            number,
            client_id,
            outbox: Mutex::default(),
            received: Mutex::default(),
            is_connected: AtomicBool::new(false),
        }
    }

    pub(crate) fn is_connected(&self) -> bool {
        self.is_connected.load(Ordering::Relaxed)
    }

    pub(crate) fn set_connected(&self, is_connected: bool) {
        self.is_connected.store(is_connected, Ordering::Relaxed);
    }

    /// Notes a QoS 2 publish.
    pub(crate) fn receive(&self, packet_id: u16, link: u64) -> Received {
        match self.received.lock().insert(packet_id, link) {
            None => Received::New,
            Some(before) if before == link => Received::AgainHere,
            Some(_) => Received::Again,
        }
    }

    /// Whether a publish with this identifier has been noted.
    pub(crate) fn has_received(&self, packet_id: u16) -> bool {
        self.received.lock().contains_key(&packet_id)
    }

    /// Releases a QoS 2 publish; the link that it was last sent on.
    pub(crate) fn release(&self, packet_id: u16) -> Option<u64> {
        self.received.lock().remove(&packet_id)
    }
}

/// What is known of a QoS 2 publish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Received {
    New,
    /// A repetition of one from an earlier connection.
    Again,
    /// A repetition of one from this connection.
    AgainHere,
}
