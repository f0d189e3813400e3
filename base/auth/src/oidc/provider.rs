//! The provider: discovery, keys, and the token endpoint. Everything that is read is
//! bounded in bytes and time, and cached; how often the provider is asked does not depend
//! on how often somebody knocks.

use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use jsonwebtoken::jwk::JwkSet;
use parking_lot::{Mutex, RwLock};
use serde::Deserialize;
use thiserror::Error;
use weir_config::Oidc;
use weir_http_client::{HttpClient, HttpError, Method, Options, Request, Response, Trust};
use weir_model::percent_encoded;

use super::{OidcSetupError, SignInError};

const TIMEOUT: Duration = Duration::from_secs(10);
/// Of discovery, keys and tokens.
const MAX_BYTES: u64 = 512 * 1024;
/// Metadata and keys are asked for again after this time.
const KEPT: Duration = Duration::from_secs(3_600);
/// Requests for metadata and keys: some at once, then one per [`REFILL`].
const BURST: u32 = 6;
const REFILL: Duration = Duration::from_secs(10);
/// Bytes of the provider's own words in an error.
const MAX_REASON: usize = 200;

/// Why the provider cannot be used.
#[derive(Clone, Debug, Error)]
pub enum ProviderError {
    #[error("{0}")]
    Http(String),
    #[error("it answers {0}")]
    Status(u16),
    #[error("its answer is not what OpenID Connect says: {0}")]
    Malformed(String),
    #[error("its metadata name the issuer {found:?}, and auth.oidc.issuer is {wanted:?}")]
    OtherIssuer { found: String, wanted: String },
    #[error("its {0} is not https://")]
    Insecure(&'static str),
    #[error("it was asked too often; try again")]
    TooOften,
}

impl From<HttpError> for ProviderError {
    fn from(error: HttpError) -> Self {
        Self::Http(error.to_string())
    }
}

/// OpenID Connect Discovery 1.0, as far as it is used.
#[derive(Debug, Deserialize)]
pub(super) struct Metadata {
    issuer: String,
    pub(super) authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
    pub(super) end_session_endpoint: Option<String>,
    #[serde(default)]
    token_endpoint_auth_methods_supported: Vec<String>,
}

/// What the token endpoint answers.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Tokens {
    /// Empty when a refresh brings none.
    #[serde(default)]
    pub(super) id_token: String,
    pub(super) refresh_token: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Refusal {
    error: String,
    error_description: Option<String>,
}

#[derive(Debug)]
struct Cached<T> {
    value: Arc<T>,
    at: Instant,
}

#[derive(Debug)]
pub(super) struct Provider {
    config: Oidc,
    secret: Option<String>,
    http: HttpClient,
    metadata: Mutex<Option<Cached<Metadata>>>,
    keys: RwLock<Option<Cached<JwkSet>>>,
    /// Held while keys are fetched: others wait for the same answer.
    fetching: Mutex<Budget>,
}

/// Requests that may be made now.
#[derive(Debug)]
struct Budget {
    left: u32,
    since: Instant,
}

impl Budget {
    fn take(&mut self, now: Instant) -> Result<(), ProviderError> {
        while self.left < BURST && now.saturating_duration_since(self.since) >= REFILL {
            self.left += 1;
            self.since += REFILL;
        }
        if self.left == BURST {
            self.since = now;
        }
        self.left = self.left.checked_sub(1).ok_or(ProviderError::TooOften)?;
        Ok(())
    }
}

impl Provider {
    pub(super) fn new(config: &Oidc, secret: Option<String>) -> Result<Self, OidcSetupError> {
        let trust = Trust::read(config.ca_file.as_deref())?;
        let options = Options {
            timeout: TIMEOUT,
            allow_private: config.allow_private,
        };
        Ok(Self {
            config: config.clone(),
            secret,
            http: HttpClient::new(options, &trust),
            metadata: Mutex::default(),
            keys: RwLock::default(),
            fetching: Mutex::new(Budget {
                left: BURST,
                since: Instant::now(),
            }),
        })
    }

    /// From the cache, or from the provider.
    pub(super) fn metadata(&self) -> Result<Arc<Metadata>, ProviderError> {
        let mut cached = self.metadata.lock();
        if let Some(known) = cached.as_ref().filter(|known| known.at.elapsed() < KEPT) {
            return Ok(known.value.clone());
        }
        self.fetching.lock().take(Instant::now())?;
        let base = self.config.issuer.trim_end_matches('/');
        let url = format!("{base}/.well-known/openid-configuration");
        let metadata: Metadata = self.get(&url)?;
        if metadata.issuer != self.config.issuer {
            return Err(ProviderError::OtherIssuer {
                found: metadata.issuer,
                wanted: self.config.issuer.clone(),
            });
        }
        // A provider on this machine may speak HTTP, as its issuer says.
        if self.config.issuer.starts_with("https://") {
            for (name, url) in [
                ("authorization_endpoint", &metadata.authorization_endpoint),
                ("token_endpoint", &metadata.token_endpoint),
                ("jwks_uri", &metadata.jwks_uri),
            ] {
                if !url.starts_with("https://") {
                    return Err(ProviderError::Insecure(name));
                }
            }
        }
        let value = Arc::new(metadata);
        *cached = Some(Cached {
            value: value.clone(),
            at: Instant::now(),
        });
        Ok(value)
    }

    /// The keys in the cache, without asking anybody.
    pub(super) fn known_keys(&self) -> Arc<JwkSet> {
        let cached = self.keys.read();
        let fresh = cached.as_ref().filter(|known| known.at.elapsed() < KEPT);
        fresh.map_or_else(
            || Arc::new(JwkSet { keys: Vec::new() }),
            |known| known.value.clone(),
        )
    }

    /// The keys, fetched if there are none.
    pub(super) fn keys(&self) -> Result<Arc<JwkSet>, ProviderError> {
        let known = self.known_keys();
        if known.keys.is_empty() {
            return self.changed_keys();
        }
        Ok(known)
    }

    /// The keys as they are now: the provider has others than those in the cache.
    pub(super) fn changed_keys(&self) -> Result<Arc<JwkSet>, ProviderError> {
        let asked = Instant::now();
        let metadata = self.metadata()?;
        let mut budget = self.fetching.lock();
        if let Some(known) = self.keys.read().as_ref().filter(|known| known.at > asked) {
            // Another request has fetched them meanwhile.
            return Ok(known.value.clone());
        }
        budget.take(Instant::now())?;
        let document: serde_json::Value = self.get(&metadata.jwks_uri)?;
        let value = Arc::new(usable(&document)?);
        *self.keys.write() = Some(Cached {
            value: value.clone(),
            at: Instant::now(),
        });
        Ok(value)
    }

    /// Asks the token endpoint.
    pub(super) fn exchange(&self, form: &[(&str, &str)]) -> Result<Tokens, SignInError> {
        let metadata = self.metadata()?;
        let mut body = form_of(form);
        let mut authorization = None;
        let methods = &metadata.token_endpoint_auth_methods_supported;
        let takes_basic = methods.is_empty() || methods.iter().any(|m| m == "client_secret_basic");
        let client = &self.config.client_id;
        match &self.secret {
            Some(secret) if takes_basic => {
                let pair = format!("{}:{}", percent_encoded(client), percent_encoded(secret));
                authorization = Some(format!("Basic {}", BASE64_STANDARD.encode(pair)));
            }
            Some(secret) => {
                body = format!(
                    "{body}&{}",
                    form_of(&[("client_id", client), ("client_secret", secret)])
                );
            }
            None => body = format!("{body}&{}", form_of(&[("client_id", client)])),
        }
        let mut headers = vec![
            ("content-type", "application/x-www-form-urlencoded"),
            ("accept", "application/json"),
        ];
        headers.extend(
            authorization
                .as_deref()
                .map(|value| ("authorization", value)),
        );
        let response = self.http.send(&Request {
            method: Method::Post,
            url: &metadata.token_endpoint,
            headers: &headers,
            body: body.as_bytes(),
            max_response: MAX_BYTES,
        });
        let response = response.map_err(ProviderError::from)?;
        if response.status == 400 || response.status == 401 {
            return Err(SignInError::Refused(refusal(&response)));
        }
        Ok(read(&response)?)
    }

    fn get<T: for<'de> Deserialize<'de>>(&self, url: &str) -> Result<T, ProviderError> {
        let response = self.http.send(&Request {
            method: Method::Get,
            url,
            headers: &[("accept", "application/json")],
            body: &[],
            max_response: MAX_BYTES,
        })?;
        read(&response)
    }
}

fn read<T: for<'de> Deserialize<'de>>(response: &Response) -> Result<T, ProviderError> {
    if !response.is_success() {
        return Err(ProviderError::Status(response.status));
    }
    if !response.is_complete {
        return Err(ProviderError::Malformed(
            "it is too long, or breaks off".to_owned(),
        ));
    }
    serde_json::from_slice(&response.body)
        .map_err(|error| ProviderError::Malformed(error.to_string()))
}

/// Keys of kinds that are not known are left out, and do not spoil the others.
fn usable(document: &serde_json::Value) -> Result<JwkSet, ProviderError> {
    let keys = document["keys"].as_array();
    let keys = keys.ok_or_else(|| ProviderError::Malformed("it has no keys".to_owned()))?;
    let keys = keys
        .iter()
        .filter_map(|key| serde_json::from_value(key.clone()).ok());
    Ok(JwkSet {
        keys: keys.collect(),
    })
}

/// The provider's own words, shortened.
fn refusal(response: &Response) -> String {
    let words = match serde_json::from_slice::<Refusal>(&response.body) {
        Ok(refusal) => refusal.error_description.unwrap_or(refusal.error),
        Err(_) => format!("it answers {}", response.status),
    };
    let words = words.chars().filter(|c| !c.is_control());
    words.take(MAX_REASON).collect()
}

fn form_of(form: &[(&str, &str)]) -> String {
    let pair = |(name, value): &(&str, &str)| format!("{name}={}", percent_encoded(value));
    form.iter().map(pair).collect::<Vec<_>>().join("&")
}

pub(super) fn with_query(endpoint: &str, parameters: &[(&str, &str)]) -> String {
    let separator = if endpoint.contains('?') { '&' } else { '?' };
    format!("{endpoint}{separator}{}", form_of(parameters))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_provider_is_asked_a_few_times_at_once_and_then_now_and_then() {
        let start = Instant::now();
        let mut budget = Budget {
            left: BURST,
            since: start,
        };
        for _ in 0..BURST {
            budget.take(start).unwrap();
        }
        assert!(budget.take(start).is_err());
        assert!(budget.take(start + REFILL).is_ok());
        assert!(budget.take(start + REFILL).is_err());
        assert!(budget.take(start + REFILL * 3).is_ok());
    }

    #[test]
    fn keys_of_unknown_kinds_do_not_spoil_the_others() {
        let document = serde_json::json!({"keys": [
            {"kty": "XYZ", "kid": "a"},
            {"kty": "RSA", "kid": "b", "n": "AQAB", "e": "AQAB"},
        ]});
        let keys = usable(&document).unwrap().keys;
        assert_eq!(keys.len(), 1);
        assert!(usable(&serde_json::json!({})).is_err());
    }

    #[test]
    fn parameters_are_encoded() {
        let url = with_query("https://id/end?a=1", &[("b", "x y&c")]);
        assert_eq!(url, "https://id/end?a=1&b=x%20y%26c");
    }
}
