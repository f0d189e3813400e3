//! The accept loop of every TCP listener: one connection after the other, a bounded
//! number at once, until Weir stops.
//!
//! What happens beyond the bound differs. A client of HTTP or SQL waits in the
//! kernel's queue until a place is free. An MQTT client is disconnected at once,
//! so that it retries instead of waiting for a CONNACK.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tracing::warn;
use weir_retry::LogThrottle;

/// How long accepting pauses when it fails. Usually file descriptors have run out,
/// and connections must end first.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// What happens to a connection when all places are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhenFull {
    /// It waits to be accepted.
    Wait,
    /// It is accepted and closed.
    Close,
}

/// The places that connections hold, which several listeners may share.
#[derive(Clone, Debug)]
pub struct Places {
    places: Arc<Semaphore>,
    most: usize,
    refused: Arc<AtomicU64>,
}

impl Places {
    pub fn new(most: usize) -> Self {
        Self {
            places: Arc::new(Semaphore::new(most.min(Semaphore::MAX_PERMITS))),
            most,
            refused: Arc::default(),
        }
    }

    /// Connections that were closed at once because all places were taken.
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }
}

/// An accepted connection.
#[derive(Debug)]
pub struct Accepted {
    pub stream: TcpStream,
    pub peer: SocketAddr,
    /// Hold it for as long as the connection lives.
    pub place: OwnedSemaphorePermit,
}

/// A bound socket and its places.
#[derive(Debug)]
pub struct Listener {
    socket: TcpListener,
    places: Places,
    when_full: WhenFull,
    /// The name in the log.
    name: &'static str,
    throttle: LogThrottle,
}

impl Listener {
    /// A connection beyond `most` waits until another one ends.
    pub fn waiting(socket: TcpListener, most: usize, name: &'static str) -> Self {
        Self::new(socket, Places::new(most), WhenFull::Wait, name)
    }

    pub const fn new(
        socket: TcpListener,
        places: Places,
        when_full: WhenFull,
        name: &'static str,
    ) -> Self {
        Self {
            socket,
            places,
            when_full,
            name,
            throttle: LogThrottle::per_second(),
        }
    }

    /// Whether more than half of the places are taken. Clients that have not sent
    /// anything useful then get less time, so that others get their places.
    pub fn is_crowded(&self) -> bool {
        self.places.places.available_permits() < self.places.most / 2
    }

    /// The next connection; `None` at `shutdown`. Can be cancelled.
    pub async fn next(&self, shutdown: &CancellationToken) -> Option<Accepted> {
        tokio::select! {
            biased;
            () = shutdown.cancelled() => None,
            accepted = self.accept() => Some(accepted),
        }
    }

    async fn accept(&self) -> Accepted {
        if self.when_full == WhenFull::Wait {
            let free = self.places.places.clone().acquire_owned().await;
            let place = free.expect("the places are never closed");
            let (stream, peer) = self.accept_any().await;
            return Accepted {
                stream,
                peer,
                place,
            };
        }
        loop {
            let (stream, peer) = self.accept_any().await;
            if let Ok(place) = self.places.places.clone().try_acquire_owned() {
                return Accepted {
                    stream,
                    peer,
                    place,
                };
            }
            self.places.refused.fetch_add(1, Ordering::Relaxed);
            if let Some(suppressed) = self.throttle.admit() {
                let listener = self.name;
                warn!(listener, %peer, suppressed, "closed a connection: the connection limit is reached");
            }
        }
    }

    async fn accept_any(&self) -> (TcpStream, SocketAddr) {
        loop {
            match self.socket.accept().await {
                Ok(accepted) => return accepted,
                Err(error) => {
                    if let Some(suppressed) = self.throttle.admit() {
                        let listener = self.name;
                        warn!(listener, %error, suppressed, "cannot accept a connection");
                    }
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;

    use super::*;

    async fn listener(most: usize, when_full: WhenFull) -> (Listener, SocketAddr) {
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let listener = Listener::new(socket, Places::new(most), when_full, "test");
        (listener, address)
    }

    #[tokio::test]
    async fn beyond_the_limit_a_connection_waits_for_a_place() {
        let (listener, address) = listener(1, WhenFull::Wait).await;
        let shutdown = CancellationToken::new();
        let _first = TcpStream::connect(address).await.unwrap();
        let second = TcpStream::connect(address).await.unwrap();
        let first = listener.next(&shutdown).await.unwrap();
        let (accepted, ()) = tokio::join!(listener.next(&shutdown), async {
            tokio::task::yield_now().await;
            drop(first);
        });
        assert_eq!(accepted.unwrap().peer, second.local_addr().unwrap());
        assert_eq!(listener.places.refused(), 0);
    }

    #[tokio::test]
    async fn beyond_the_limit_a_connection_is_closed_and_counted() {
        let (listener, address) = listener(1, WhenFull::Close).await;
        let shutdown = CancellationToken::new();
        let _first = TcpStream::connect(address).await.unwrap();
        let first = listener.next(&shutdown).await.unwrap();
        let mut second = TcpStream::connect(address).await.unwrap();
        let closed = async {
            let read = second.read(&mut [0]).await;
            assert!(matches!(read, Ok(0) | Err(_)), "{read:?}");
            shutdown.cancel();
        };
        let (accepted, ()) = tokio::join!(listener.next(&shutdown), closed);
        assert!(accepted.is_none());
        assert_eq!(listener.places.refused(), 1);
        drop(first);
    }

    #[tokio::test]
    async fn a_shutdown_ends_it() {
        let (listener, _) = listener(1, WhenFull::Wait).await;
        let shutdown = CancellationToken::new();
        shutdown.cancel();
        assert!(listener.next(&shutdown).await.is_none());
    }
}
