//! Publishes alerts and shadow answers to the subscribers of the embedded broker.

use weir_mqtt_broker::Broker;

use tokio_util::sync::CancellationToken;

use crate::publisher::Delivered;
use crate::{Publication, PublishError, Publisher};

/// Publications that wait to be routed.
const CAPACITY: usize = 10_000;

/// Publishes to the subscribers of the embedded broker. Cheap to clone.
///
/// A publication is delivered once it is in the queue of every subscriber,
/// including those with a session that are disconnected. Subscribers get it after
/// the messages that were appended before it. Once the broker closes, publications
/// are refused as [`PublishError::Closed`].
#[derive(Clone, Debug)]
pub struct BrokerPublisher {
    broker: Broker,
    closing: CancellationToken,
}

impl BrokerPublisher {
    pub(super) const fn new(broker: Broker, closing: CancellationToken) -> Self {
        Self { broker, closing }
    }
}

impl Publisher for BrokerPublisher {
    fn publish(&self, publication: Publication, delivered: Delivered) -> Result<(), PublishError> {
        if self.closing.is_cancelled() {
            return Err(PublishError::Closed);
        }
        if self.room() == 0 {
            return Err(PublishError::Full { capacity: CAPACITY });
        }
        let Publication {
            topic,
            payload,
            qos,
            retain,
        } = publication;
        let publication = weir_mqtt_broker::Publication {
            topic,
            payload,
            qos: qos.min(1),
            retain,
        };
        self.broker.publish(publication, delivered);
        Ok(())
    }

    fn room(&self) -> usize {
        CAPACITY.saturating_sub(self.broker.waiting_publications())
    }
}
