//! The accept loop: one connection after the other, a bounded number at once,
//! until Weir stops.

use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tracing::warn;

/// Wait after a failed accept, such as one without free file descriptors.
const RETRY: Duration = Duration::from_millis(50);

/// A bound socket and the permits of its connections.
#[derive(Debug)]
pub struct Listener {
    socket: TcpListener,
    permits: Arc<Semaphore>,
    max_connections: usize,
    /// Its name in the log.
    name: &'static str,
}

impl Listener {
    /// Accepts at most `max_connections` at once; further ones wait.
    pub fn new(socket: TcpListener, max_connections: usize, name: &'static str) -> Self {
        Self {
            socket,
            permits: Arc::new(Semaphore::new(max_connections)),
            max_connections,
            name,
        }
    }

    /// The next connection and its permit; `None` at `shutdown`.
    pub async fn next(
        &self,
        shutdown: &CancellationToken,
    ) -> Option<(TcpStream, OwnedSemaphorePermit)> {
        shutdown.run_until_cancelled(self.accept()).await
    }

    /// Whether more than half of the places are taken. Clients that have not sent
    /// anything useful then get less time, so that others get their places.
    pub fn is_crowded(&self) -> bool {
        self.permits.available_permits() < self.max_connections / 2
    }

    async fn accept(&self) -> (TcpStream, OwnedSemaphorePermit) {
        let permit = self.permits.clone().acquire_owned().await;
        let permit = permit.expect("the semaphore is never closed");
        loop {
            match self.socket.accept().await {
                Ok((stream, _)) => return (stream, permit),
                Err(error) => {
                    warn!(listener = self.name, %error, "cannot accept a connection");
                    tokio::time::sleep(RETRY).await;
                }
            }
        }
    }
}
