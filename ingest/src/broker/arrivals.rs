//! Connections whose client has not been admitted yet, by address: one address may
//! hold half of all places with them, so that whoever never logs in cannot lock out
//! the others.

use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, SocketAddr};

use parking_lot::Mutex;

/// See the module.
#[derive(Debug)]
pub(super) struct Arrivals {
    /// Of one address, at once.
    most: usize,
    waiting: Mutex<Waiting>,
}

#[derive(Debug, Default)]
struct Waiting {
    connections: HashSet<SocketAddr>,
    by_address: HashMap<IpAddr, usize>,
}

impl Arrivals {
    pub(super) fn new(places: usize) -> Self {
        Self {
            most: places.div_ceil(2),
            waiting: Mutex::default(),
        }
    }

    /// A connection begins; false if its address has too many of them.
    pub(super) fn begin(&self, peer: SocketAddr) -> bool {
        let mut waiting = self.waiting.lock();
        let count = waiting.by_address.entry(peer.ip()).or_default();
        if *count >= self.most {
            return false;
        }
        *count += 1;
        waiting.connections.insert(peer);
        true
    }

    /// Its client is admitted, or it has ended.
    pub(super) fn end(&self, peer: SocketAddr) {
        let mut waiting = self.waiting.lock();
        if !waiting.connections.remove(&peer) {
            return;
        }
        if let Some(count) = waiting.by_address.get_mut(&peer.ip()) {
            *count -= 1;
            if *count == 0 {
                waiting.by_address.remove(&peer.ip());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_holds_at_most_half_of_the_places_before_it_logs_in() {
        let arrivals = Arrivals::new(4);
        let peer = |host: u8, port| SocketAddr::from(([127, 0, 0, host], port));
        assert!(arrivals.begin(peer(1, 1)) && arrivals.begin(peer(1, 2)));
        assert!(!arrivals.begin(peer(1, 3)));
        assert!(arrivals.begin(peer(2, 1)), "others have room");
        arrivals.end(peer(1, 2));
        arrivals.end(peer(1, 2));
        arrivals.end(peer(1, 9));
        assert!(arrivals.begin(peer(1, 3)));
        assert!(!arrivals.begin(peer(1, 4)));
        for (host, port) in [(1, 1), (1, 3), (2, 1)] {
            arrivals.end(peer(host, port));
        }
        let waiting = arrivals.waiting.lock();
        assert!(waiting.by_address.is_empty() && waiting.connections.is_empty());
    }
}
