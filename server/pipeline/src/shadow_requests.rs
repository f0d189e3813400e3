//! Requests to device shadows that come as messages: recognised by their topic,
//! copied, and left to whoever keeps the shadows.

use weir_config::{Config, TopicFilter};
use weir_model::Message;

/// A request that came as a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShadowRequest {
    /// The authenticated sender; empty without authentication.
    pub client: Box<str>,
    pub topic: Box<str>,
    pub payload: Box<[u8]>,
}

impl ShadowRequest {
    pub(crate) fn new(message: &Message<'_>) -> Self {
        Self {
            client: message.client.into(),
            topic: message.topic.into(),
            payload: message.payload.into(),
        }
    }
}

/// The topics of requests, as the configuration in force has them.
#[derive(Debug)]
pub(crate) struct RequestTopics(TopicFilter);

impl RequestTopics {
    pub(crate) fn new(config: &Config) -> Self {
        Self(TopicFilter::new(config))
    }

    pub(crate) fn matches(&self, topic: &str) -> bool {
        // The prefix rules out nearly every message.
        topic.starts_with(self.0.shadow_prefix()) && self.0.is_shadow_request(topic)
    }
}
