//! Publishing: alerts and shadow answers leave through the brokers by which the
//! messages came in.

use std::fmt;

use bytes::Bytes;
use thiserror::Error;

/// One MQTT message to publish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publication {
    pub topic: String,
    pub payload: Bytes,
    /// 0 or 1.
    pub qos: u8,
    pub retain: bool,
}

/// Why a publication was not accepted. The caller keeps it and tries again.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum PublishError {
    #[error("the publisher's queue of {capacity} publications is full")]
    Full { capacity: usize },
    #[error("the publisher is closed")]
    Closed,
}

/// Called when the broker has accepted a publication.
pub(crate) type Delivered = Option<Box<dyn FnOnce() + Send>>;

/// Publishes to a broker: queues publications in a bounded queue and returns at
/// once. Callable from any thread.
pub trait Publisher: Send + Sync + fmt::Debug {
    /// `delivered` is called once the broker has accepted the publication: at QoS 1
    /// when its PUBACK has arrived, also after reconnects. It is dropped uncalled
    /// when the process ends first.
    fn publish(
        &self,
        publication: Publication,
        delivered: Option<Box<dyn FnOnce() + Send>>,
    ) -> Result<(), PublishError>;

    /// How many publications fit into the queue now.
    fn room(&self) -> usize;
}
