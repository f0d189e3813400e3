//! Errors of channels: at the start, and per delivery.

use std::path::PathBuf;
use std::time::Duration;

use thiserror::Error;
use weir_aws::CredentialsError;
use weir_http_client::TrustError;

/// Why a notification was not delivered.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum DeliveryError {
    /// A later attempt may succeed.
    #[error("{reason}")]
    Temporary {
        reason: String,
        /// The wait that the receiver asks for.
        retry_after: Option<Duration>,
    },
    /// The receiver refuses this notification: no attempt will succeed.
    #[error("{reason}")]
    Refused { reason: String },
}

impl DeliveryError {
    pub(super) fn temporary(reason: impl Into<String>) -> Self {
        Self::Temporary {
            reason: reason.into(),
            retry_after: None,
        }
    }
}

/// Why a channel cannot be opened.
#[derive(Debug, Error)]
#[error("channel {channel}: {source}")]
pub struct ChannelError {
    pub channel: String,
    pub source: SetupError,
}

/// What is wrong with the configuration of a channel. No message contains a secret.
#[derive(Debug, Error)]
pub enum SetupError {
    #[error("cannot read {path}: {source}")]
    SecretFile {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error(transparent)]
    Trust(#[from] TrustError),
    #[error("{path} does not contain a URL")]
    NotAUrl { path: PathBuf },
    #[error("secret_file must contain whsec_ and the base64 of at least 24 bytes")]
    WebhookSecret,
    #[error("{text:?} is not an email address: {source}")]
    EmailAddress {
        text: String,
        source: lettre::address::AddressError,
    },
    #[error("TLS with {host:?} is not possible: {source}")]
    EmailTls {
        host: String,
        source: lettre::transport::smtp::Error,
    },
    #[error("{arn:?} is not the ARN of a topic")]
    Arn { arn: String },
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
}
