//! One message out of an event, and what became of it.

use sha2::{Digest, Sha256};
use weir_model::{Ingress, Message, Timestamp};

/// A message as its source delivered it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incoming {
    pub id: MessageId,
    pub topic: String,
    /// The authenticated sender; empty when there is none.
    pub client: String,
    /// The same at every retry.
    pub received: Timestamp,
    pub payload: Vec<u8>,
    /// The source orders messages of one group: after a failure its later ones fail
    /// too.
    pub group: Option<String>,
    /// Why the message cannot be read at all; it goes to the quarantine.
    pub fault: Option<&'static str>,
}

/// What a source calls a message: the same when it delivers it again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MessageId {
    Named(String),
    /// A record of a stream: later records of a shard have higher numbers.
    Sequence {
        shard: String,
        number: String,
    },
}

impl MessageId {
    /// As the partial answer names the message, and as the quarantine files it.
    pub fn text(&self) -> &str {
        match self {
            Self::Named(id) => id,
            Self::Sequence { number, .. } => number,
        }
    }

    /// The first eight bytes of its SHA-256.
    pub fn hash(&self) -> u64 {
        let digest = match self {
            Self::Named(id) => Sha256::digest(id),
            Self::Sequence { shard, number } => Sha256::digest(format!("{shard}:{number}")),
        };
        let mut first = [0; 8];
        first.copy_from_slice(&digest[..8]);
        u64::from_be_bytes(first)
    }
}

impl Incoming {
    /// As the pipeline takes it.
    pub fn message(&self) -> Message<'_> {
        Message {
            received: self.received,
            ingress: Ingress::Function,
            client: &self.client,
            topic: &self.topic,
            payload: &self.payload,
            qos: 1,
            retained: false,
            duplicate: false,
        }
    }
}

/// What was made of a message, or of one device's part of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Processed {
    /// Accepted readings.
    pub readings: u32,
    pub quarantined: u32,
    /// Sensors beyond a limit.
    pub alerts: u32,
    /// The latest time of the accepted readings.
    pub timestamp: Option<Timestamp>,
}

impl Processed {
    pub(crate) fn add(&mut self, part: &Self) {
        self.readings += part.readings;
        self.quarantined += part.quarantined;
        self.alerts += part.alerts;
        self.timestamp = self.timestamp.max(part.timestamp);
    }
}

/// How one message ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Done(Processed),
    /// Nothing is lost: the source delivers it again. The reason is for the log.
    Failed(String),
}

impl Outcome {
    pub fn is_failed(&self) -> bool {
        matches!(self, Self::Failed(_))
    }
}
