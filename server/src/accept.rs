//! Connections as a door takes them in: one after the other, a bounded number at
//! once, until Weir stops.

use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tracing::warn;

/// What a door listens on, and its places.
pub(crate) struct Doorway {
    listener: TcpListener,
    places: Arc<Semaphore>,
    /// What it is called in the log.
    name: &'static str,
}

impl Doorway {
    /// Takes `most` connections at once; further ones wait to be accepted.
    pub(crate) fn new(listener: TcpListener, most: usize, name: &'static str) -> Self {
        let places = Arc::new(Semaphore::new(most));
        Self {
            listener,
            places,
            name,
        }
    }

    /// The next connection, with the place that it holds; `None` at `shutdown`.
    pub(crate) async fn next(
        &self,
        shutdown: &CancellationToken,
    ) -> Option<(TcpStream, OwnedSemaphorePermit)> {
        let next = async {
            let place = self.places.clone().acquire_owned().await;
            let place = place.expect("the places are never closed");
            loop {
                match self.listener.accept().await {
                    Ok((stream, _)) => return (stream, place),
                    Err(error) => {
                        // Out of file descriptors: wait for some to be closed.
                        warn!(door = self.name, %error, "cannot accept a connection");
                        tokio::time::sleep(Duration::from_millis(50)).await;
                    }
                }
            }
        };
        tokio::select! {
            next = next => Some(next),
            () = shutdown.cancelled() => None,
        }
    }
}
