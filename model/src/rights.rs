//! Who may publish for which device, as a question that the engine asks.

use std::fmt::Debug;

/// Answers whether a client may publish readings of a device.
///
/// The engine asks for messages whose topic names no device: there the payload
/// alone names it. The listener has checked all other topics.
pub trait PublishRights: Debug + Send + Sync {
    /// `client` is the name that the journal keeps with the message; it is empty
    /// when the client is not known.
    fn may_write(&self, client: &str, device: &str) -> bool;
}
