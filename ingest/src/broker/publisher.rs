//! Publishes alerts and shadow answers to the subscribers of the embedded broker.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use mqtt5::QoS;
use mqtt5::packet::publish::PublishPacket;
use tokio::sync::mpsc;

use super::shared::Shared;
use crate::publisher::Delivered;
use crate::{Publication, PublishError, Publisher};

/// Publications that wait for the router.
const CAPACITY: usize = 10_000;

/// Publishes to the subscribers of the embedded broker. Cheap to clone.
///
/// A publication is delivered once the router has put it into the lane or the queue
/// of every subscriber, including those with a session that are disconnected. Once
/// the broker closes, publications are refused as [`PublishError::Closed`].
#[derive(Clone, Debug)]
pub struct BrokerPublisher {
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

impl BrokerPublisher {
    pub(super) fn new() -> (Self, Router) {
        let (sender, receiver) = mpsc::channel(CAPACITY);
        (Self { queue: sender }, Router { queue: receiver })
    }
}

impl Publisher for BrokerPublisher {
    fn publish(&self, publication: Publication, delivered: Delivered) -> Result<(), PublishError> {
        self.queue
            .try_send(Queued {
                publication,
                delivered,
            })
            .map_err(|error| match error {
                mpsc::error::TrySendError::Full(_) => PublishError::Full { capacity: CAPACITY },
                mpsc::error::TrySendError::Closed(_) => PublishError::Closed,
            })
    }

    fn room(&self) -> usize {
        self.queue.capacity()
    }
}

impl Router {
    /// Routes until the broker closes. What is queued then is not delivered.
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
