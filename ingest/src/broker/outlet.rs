//! Alerts and the answers of shadows on their way to the subscribers of the
//! embedded broker.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use mqtt5::QoS;
use mqtt5::packet::publish::PublishPacket;
use tokio::sync::mpsc;

use super::shared::Shared;
use crate::{Outlet, OutletError, Publication};

/// Publications that wait for the router.
const CAPACITY: usize = 10_000;

type Delivered = Option<Box<dyn FnOnce() + Send>>;

/// Publishes to the subscribers of the embedded broker. Cheap to clone.
///
/// A publication is delivered once the router has it: it is in the lane or the
/// queue of every subscriber there is, also of those whose session waits for
/// their return. Once the broker closes, publications are refused as
/// [`OutletError::Closed`].
#[derive(Clone, Debug)]
pub struct BrokerOutlet {
    queue: mpsc::Sender<Queued>,
}

struct Queued {
    publication: Publication,
    delivered: Delivered,
}

/// The receiving end, served by [`Router::run`].
#[derive(Debug)]
pub(super) struct Router {
    queue: mpsc::Receiver<Queued>,
}

impl BrokerOutlet {
    pub(super) fn new() -> (Self, Router) {
        let (sender, receiver) = mpsc::channel(CAPACITY);
        (Self { queue: sender }, Router { queue: receiver })
    }
}

impl Outlet for BrokerOutlet {
    fn publish(&self, publication: Publication, delivered: Delivered) -> Result<(), OutletError> {
        self.queue
            .try_send(Queued {
                publication,
                delivered,
            })
            .map_err(|error| match error {
                mpsc::error::TrySendError::Full(_) => OutletError::Full { capacity: CAPACITY },
                mpsc::error::TrySendError::Closed(_) => OutletError::Closed,
            })
    }

    fn room(&self) -> usize {
        self.queue.capacity()
    }
}

impl Router {
    /// Routes until the broker closes; what is queued then stays undelivered.
    pub(super) async fn run(mut self, shared: Arc<Shared>) {
        loop {
            let queued = tokio::select! {
                biased;
                () = shared.closing.cancelled() => return,
                queued = self.queue.recv() => queued,
            };
            let Some(Queued {
                publication,
                delivered,
            }) = queued
            else {
                return;
            };
            let qos = if publication.qos == 0 {
                QoS::AtMostOnce
            } else {
                QoS::AtLeastOnce
            };
            let mut publish = PublishPacket::new(publication.topic, publication.payload, qos);
            publish.retain = publication.retain;
            shared.route(&publish, None).await;
            shared.counters.published.fetch_add(1, Ordering::Relaxed);
            if let Some(delivered) = delivered {
                delivered();
            }
        }
    }
}
