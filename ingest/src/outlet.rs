//! The way out: alerts and shadow answers leave through the brokers that the
//! messages came in by.

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

/// Why a publication was not taken. The caller keeps it and tries again.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum OutletError {
    #[error("the outlet's queue of {capacity} publications is full")]
    Full { capacity: usize },
    #[error("the outlet is closed")]
    Closed,
}

/// Something that publishes. Takes a publication into a bounded queue and
/// returns at once; callable from any thread.
pub trait Outlet: Send + Sync + fmt::Debug {
    /// `delivered` is called once the broker has taken the publication: at QoS
    /// 1 when its PUBACK is here, also after reconnects. It is dropped uncalled
    /// when the process ends first.
    fn publish(
        &self,
        publication: Publication,
        delivered: Option<Box<dyn FnOnce() + Send>>,
    ) -> Result<(), OutletError>;

    /// How many publications it takes, if it sends none meanwhile.
    fn room(&self) -> usize;
}
