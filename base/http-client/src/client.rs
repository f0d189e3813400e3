//! The one HTTP client of all channels: no redirects, no proxy, a deadline for
//! the whole exchange, and only addresses that [`super::address`] lets pass.

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use ureq::tls::{Certificate, RootCerts, TlsConfig, TlsProvider};
use ureq::unversioned::transport::DefaultConnector;

use super::address::Guarded;
use super::trust::{Trust, advised};
use super::{DeliveryError, cut};

/// Longest wait that another side may ask for.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(3_600);
/// Bytes of an answer that are read, to say what is wrong.
const ANSWER_BYTES: u64 = 64 << 10;
/// Bytes of it that are told.
const TOLD_BYTES: usize = 200;

/// Posts bodies.
#[derive(Clone, Debug)]
pub(super) struct HttpClient {
    agent: ureq::Agent,
}

impl HttpClient {
    pub(super) fn new(timeout: Duration, allow_private: bool, trust: &Trust) -> Self {
        let roots: Vec<_> = trust
            .roots()
            .iter()
            .map(|der| Certificate::from_der(der).to_owned())
            .collect();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = TlsConfig::builder()
            .provider(TlsProvider::Rustls)
            .unversioned_rustls_crypto_provider(provider)
            .root_certs(RootCerts::new_with_certs(&roots))
            .build();
        let config = ureq::Agent::config_builder()
            .tls_config(tls)
            .proxy(None)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .http_status_as_error(false)
            .timeout_global(Some(timeout))
            .user_agent(concat!("weir/", env!("CARGO_PKG_VERSION")))
            .build();
        let connector = DefaultConnector::default();
        let agent = ureq::Agent::with_parts(config, connector, Guarded { allow_private });
        Self { agent }
    }

    /// The other side's clock, in milliseconds since the epoch, to the second
    /// below: by the `Date` of its answer, whatever that is. `None`: it has none.
    pub(super) fn their_clock(&self, url: &str) -> Result<Option<i64>, DeliveryError> {
        let answer = self.agent.get(url).call();
        let answer = answer.map_err(|error| DeliveryError::temporary(said(&error)))?;
        let date = answer.headers().get("date");
        let date = date.and_then(|date| httpdate::parse_http_date(date.to_str().ok()?).ok());
        let since = date.and_then(|date| date.duration_since(UNIX_EPOCH).ok());
        Ok(since.and_then(|since| i64::try_from(since.as_millis()).ok()))
    }

    /// Posts, and takes any 2xx for delivered. The URL may be a secret: no
    /// error repeats it.
    pub(super) fn post(
        &self,
        url: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Result<(), DeliveryError> {
        let mut request = self.agent.post(url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut answer = request
            .send(body)
            .map_err(|error| DeliveryError::temporary(said(&error)))?;
        let status = answer.status().as_u16();
        if (200..300).contains(&status) {
            // Read, so that the connection can be used again.
            let _ = answer
                .body_mut()
                .with_config()
                .limit(ANSWER_BYTES)
                .read_to_vec();
            return Ok(());
        }
        let retry_after = answer
            .headers()
            .get("retry-after")
            .and_then(|value| value.to_str().ok()?.trim().parse().ok())
            .map(|seconds| Duration::from_secs(seconds).min(MAX_RETRY_AFTER));
        let body = answer
            .body_mut()
            .with_config()
            .limit(ANSWER_BYTES)
            .read_to_vec();
        Err(verdict(status, retry_after, &body.unwrap_or_default()))
    }
}

/// 400, 410, 413, 415 and 422 say that this body will never be taken. What says
/// that the channel is set up wrongly (401, 403, 404, a redirect) may be mended.
fn verdict(status: u16, retry_after: Option<Duration>, body: &[u8]) -> DeliveryError {
    let text = String::from_utf8_lossy(body);
    let text: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    let text = cut(text.trim(), TOLD_BYTES);
    let colon = if text.is_empty() { "" } else { ": " };
    match status {
        300..400 => DeliveryError::temporary(format!(
            "it answered {status}, a redirect, which is not followed"
        )),
        400 | 410 | 413 | 415 | 422 => DeliveryError::Refused {
            reason: format!("it answered {status}{colon}{text}"),
        },
        _ => DeliveryError::Temporary {
            reason: format!("it answered {status}{colon}{text}"),
            retry_after,
        },
    }
}

fn said(error: &ureq::Error) -> String {
    match error {
        ureq::Error::Timeout(_) => "it did not answer in time".to_owned(),
        ureq::Error::HostNotFound => "its name cannot be resolved".to_owned(),
        ureq::Error::ConnectionFailed => "it cannot be connected to".to_owned(),
        ureq::Error::Io(error) => advised(format!("it cannot be reached: {error}")),
        ureq::Error::Other(reason) => reason.to_string(),
        ureq::Error::BadUri(_) | ureq::Error::Http(_) => "its URL is not one".to_owned(),
        other => format!("the exchange failed: {other}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_say_whether_to_try_again() {
        let wait = Some(Duration::from_secs(7));
        for status in [401, 403, 404, 408, 429, 500, 502, 503] {
            let error = verdict(status, wait, b"later\n");
            let reason = format!("it answered {status}: later");
            let retry_after = wait;
            assert_eq!(
                error,
                DeliveryError::Temporary {
                    reason,
                    retry_after
                }
            );
        }
        for status in [400, 410, 413, 422] {
            assert!(matches!(
                verdict(status, wait, b""),
                DeliveryError::Refused { .. }
            ));
        }
        let redirect = verdict(302, None, b"");
        assert!(redirect.to_string().contains("not followed"), "{redirect}");
    }

    #[test]
    fn loopback_is_refused_before_anything_is_sent() {
        let client = HttpClient::new(Duration::from_secs(5), false, &Trust::System);
        for url in [
            "http://127.0.0.1:9/",
            "http://localhost:9/",
            "http://[::1]:9/",
        ] {
            let error = client.post(url, &[], b"x").unwrap_err();
            assert!(
                error.to_string().contains("allow_private"),
                "{url}: {error}"
            );
        }
    }
}
