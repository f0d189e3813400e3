//! The log behind the broker. What is appended gets a position; once everything
//! before that is committed, it survives the loss of power and is acknowledged.
//!
//! A log may skip records that it does not need to keep; a batch without any
//! record to keep ends where the one before it has ended.

use std::fmt;
use std::sync::Arc;

use thiserror::Error;
use weir_mqtt_codec::SubscriptionOptions;

use crate::access::BoxFuture;

/// One thing that happened, in the order of the log. The state of the broker is
/// meant to be a fold over these.
#[derive(Clone, Copy, Debug)]
pub enum Record<'a> {
    Publish(PublishRecord<'a>),
    /// A subscription of a session that outlives its connection.
    Subscribed {
        session: u64,
        client_id: &'a str,
        filter: &'a str,
        options: SubscriptionOptions,
        /// 0 is none.
        id: u32,
    },
    Unsubscribed {
        session: u64,
        client_id: &'a str,
        filter: &'a str,
    },
    /// PUBREL: the packet identifier of a QoS 2 publish may be used again.
    Released {
        session: u64,
        client_id: &'a str,
        packet_id: u16,
    },
}

/// A message that a client has published.
#[derive(Clone, Copy, Debug)]
pub struct PublishRecord<'a> {
    pub session: u64,
    pub client_id: &'a str,
    pub identity: &'a str,
    pub topic: &'a str,
    pub payload: &'a [u8],
    /// Properties of MQTT 5 that are forwarded, encoded.
    pub properties: &'a [u8],
    pub qos: u8,
    pub retain: bool,
    /// The sender says that it may have sent it before.
    pub duplicate: bool,
    /// Of QoS 1 and 2.
    pub packet_id: u16,
    /// [`Routes`](crate::Routes) accept the topic.
    pub is_accepted: bool,
    /// The publisher is gone, and this is its will.
    pub is_will: bool,
}

/// Receives the fate of what was appended. It does not block.
pub trait CommitListener: Send + Sync + fmt::Debug {
    /// Everything before `position` is committed.
    fn committed(&self, position: u64);
    /// What is not committed yet never will be.
    fn failed(&self);
}

/// Why nothing was appended.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum AppendError {
    /// Try again after [`CommitLog::room`].
    #[error("the log has no room")]
    NoRoom,
    /// Nothing will be committed any longer.
    #[error("the log has failed")]
    Failed,
}

pub trait CommitLog: Send + Sync + fmt::Debug {
    /// Appends records in order, all or none, and returns the position behind
    /// them. Positions never decrease. Returns at once.
    fn append(
        &self,
        records: &[Record<'_>],
        listener: &Arc<dyn CommitListener>,
    ) -> Result<u64, AppendError>;

    /// Resolves when an append is worth another try, or the log has failed.
    fn room(&self) -> BoxFuture<'static, ()>;

    /// Everything before it is committed.
    fn committed(&self) -> u64;
}
