//! Why a request got no response.

use thiserror::Error;

use crate::address::PrivateAddress;

/// Why a request got no response. No message contains the URL: it may be a secret.
#[derive(Debug, Error)]
pub enum HttpError {
    #[error("no response within the timeout")]
    Timeout,
    #[error("the host name cannot be resolved")]
    HostNotFound,
    #[error("the connection failed")]
    ConnectionFailed,
    #[error("cannot connect: {0}")]
    Io(String),
    #[error(transparent)]
    PrivateAddress(#[from] PrivateAddress),
    #[error("the URL is not valid")]
    InvalidUrl,
    #[error("the HTTP exchange failed: {0}")]
    Exchange(String),
}

impl From<ureq::Error> for HttpError {
    fn from(error: ureq::Error) -> Self {
        match error {
            ureq::Error::Timeout(_) => Self::Timeout,
            ureq::Error::HostNotFound => Self::HostNotFound,
            ureq::Error::ConnectionFailed => Self::ConnectionFailed,
            ureq::Error::Io(error) => Self::Io(with_advice(error.to_string())),
            ureq::Error::BadUri(_) | ureq::Error::Http(_) => Self::InvalidUrl,
            ureq::Error::Other(error) => match error.downcast::<PrivateAddress>() {
                Ok(address) => Self::PrivateAddress(*address),
                Err(error) => Self::Exchange(error.to_string()),
            },
            other => Self::Exchange(with_advice(other.to_string())),
        }
    }
}

/// Adds what to do if a TLS error says that the authority is not trusted.
pub fn with_advice(error: String) -> String {
    if !error.contains("UnknownIssuer") {
        return error;
    }
    format!(
        "{error}: the authority of the certificate is not trusted; set ca_file to the authorities \
         to trust"
    )
}
