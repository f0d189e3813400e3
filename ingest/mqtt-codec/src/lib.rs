//! MQTT 3.1, 3.1.1 and 5 on the wire: pure functions over byte slices, no I/O.
//!
//! [`split`] finds the next packet in what has arrived and checks its size before
//! anything is allocated. [`Packet::decode`] validates a packet completely and
//! borrows from the input; each error carries the MQTT 5 reason code to answer
//! with. Properties stay as the bytes that arrived, validated, so that a broker
//! can forward them unaltered; [`Properties::iter`] reads them. The encoders
//! append to a buffer of the caller.
//!
//! The bridge bit of the protocol level (0x83, 0x84), as Mosquitto sends it, is
//! reported in [`Connect::is_bridge`].
//!
//! Left to the broker: everything that depends on state (packet identifiers in
//! use, topic aliases, quotas, access).

#![forbid(unsafe_code)]

mod error;
mod frame;
mod packet;
mod property;
mod reader;
mod topic;

pub use error::{DecodeError, EncodeError, ReasonCode};
pub use frame::{Frame, MAX_REMAINING_LENGTH, Split, put_remaining_length, split, varint_len};
pub use packet::acks::{Ack, AckKind, put_ack};
pub use packet::connack::ConnAck;
pub use packet::connect::{Connect, Will};
pub use packet::disconnect::{Auth, Disconnect};
pub use packet::publish::{Delivery, Publish};
pub use packet::subscribe::{
    Filters, RetainHandling, SubAck, Subscribe, SubscribeFilters, SubscriptionOptions, Unsubscribe,
};
pub use packet::{Packet, Peer, Version};
pub use property::{Properties, Property, PropertyBuffer, PropertyId};
pub use topic::{MAX_LEVELS, SharedFilter, filter_is_valid, matches, split_shared, topic_is_valid};
