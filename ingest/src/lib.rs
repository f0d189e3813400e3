//! How messages reach Weir over MQTT: the embedded broker, and clients of external
//! brokers.
//!
//! An endpoint appends every accepted message to the journal, verbatim, and
//! acknowledges in the order of receipt once the journal has committed. It parses
//! nothing. Endpoints also publish to the same brokers: see [`Publisher`].

mod broker;
mod guard;
mod listener;
mod live_topics;
mod log_text;
mod pem_file;
mod publisher;
mod source;
#[cfg(test)]
mod tests;

pub use broker::{BrokerError, BrokerPublisher, BrokerStatus, EmbeddedBroker};
pub use guard::Guard;
pub use listener::{Accepted, Listener, Places, WhenFull};
pub use live_topics::LiveTopics;
pub use pem_file::{PemFileError, read_certificates, read_private_key};
pub use publisher::{Publication, PublishError, Publisher};
pub use source::{
    ConnectionStatus, SourceClient, SourceError, SourcePublisher, SourcePublisherStatus,
    SourceStatus,
};
