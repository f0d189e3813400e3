//! Sign-in of people at an OpenID Connect provider (`[auth.oidc]`).
//!
//! The page gets an authorization code with PKCE (RFC 7636) and hands it to Weir, which
//! exchanges it for an ID token at the provider, verifies that, and answers with a
//! session token of its own: random, short-lived, kept in memory only, and revocable.
//! Tokens of the provider itself are accepted as bearer tokens (RFC 6750).
//!
//! `provider.rs` talks to the provider, `claims.rs` verifies tokens and maps groups to
//! roles, `sessions.rs` keeps sessions.

mod claims;
mod provider;
mod sessions;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;
use thiserror::Error;
use weir_config::Oidc;
use weir_http_client::TrustError;
use weir_model::Timestamp;

use claims::{Claims, Expect, TokenError};
use provider::{Provider, ProviderError, Tokens};
use sessions::{NewSession, Sessions};

use crate::entry::Entry;

pub use sessions::{SessionId, SessionInfo};

/// Names of the person, of the code, of a redirect: longer ones are refused.
const MAX_TEXT_BYTES: usize = 4_096;

/// Why `[auth.oidc]` cannot be used.
#[derive(Debug, Error)]
pub enum OidcSetupError {
    #[error("{}: cannot be read: {source}", path.display())]
    Secret { path: PathBuf, source: io::Error },
    #[error("{}: has no client secret in its first line", path.display())]
    NoSecret { path: PathBuf },
    #[error(transparent)]
    Trust(#[from] TrustError),
}

/// Why a sign-in failed. Holds no secret.
#[derive(Debug, Error)]
pub enum SignInError {
    #[error("the identity provider cannot be used: {0}")]
    Provider(#[from] ProviderError),
    #[error("the identity provider's token is refused: {0}")]
    Token(#[from] TokenError),
    /// The code is used, expired, or of another client.
    #[error("the identity provider refuses the sign-in: {0}")]
    Refused(String),
    #[error("{name:?} is in no group that has a role here")]
    NoRole { name: String },
    #[error("the name {name:?} belongs to an identity of the access file")]
    NameIsTaken { name: String },
    #[error("the session has ended; sign in again")]
    Ended,
    #[error("the request is malformed: {0}")]
    Malformed(&'static str),
}

/// What the page needs to begin a sign-in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignInStart {
    pub issuer: String,
    pub client_id: String,
    pub scope: String,
    pub authorization_endpoint: String,
}

/// What the page has after the provider sent the browser back.
#[derive(Clone, Copy, Debug)]
pub struct SignIn<'a> {
    pub code: &'a str,
    pub code_verifier: &'a str,
    pub redirect_uri: &'a str,
    pub nonce: &'a str,
}

/// A session that began or was renewed.
#[derive(Clone, Debug)]
pub struct SignedIn {
    /// Shown once.
    pub token: String,
    pub info: SessionInfo,
}

/// Sign-in at one provider. All calls that ask the provider block.
#[derive(Debug)]
pub(crate) struct SignInService {
    config: Oidc,
    provider: Provider,
    sessions: Sessions,
    /// One exchange of a refresh token at a time: a provider may take each only once.
    renewing: Mutex<()>,
}

impl SignInService {
    pub(crate) fn new(config: &Oidc) -> Result<Self, OidcSetupError> {
        let secret = config
            .client_secret_file
            .as_deref()
            .map(read_secret)
            .transpose()?;
        Ok(Self {
            provider: Provider::new(config, secret)?,
            sessions: Sessions::default(),
            config: config.clone(),
            renewing: Mutex::new(()),
        })
    }

    /// What a page announces without asking the provider.
    pub(crate) fn config(&self) -> &Oidc {
        &self.config
    }

    pub(crate) fn start(&self) -> Result<SignInStart, SignInError> {
        let metadata = self.provider.metadata()?;
        Ok(SignInStart {
            issuer: self.config.issuer.clone(),
            client_id: self.config.client_id.clone(),
            scope: self.config.scopes.join(" "),
            authorization_endpoint: metadata.authorization_endpoint.clone(),
        })
    }

    /// Exchanges the code and begins a session. `is_taken`: the access file has the name.
    pub(crate) fn sign_in(
        &self,
        sign_in: SignIn<'_>,
        is_taken: impl Fn(&str) -> bool,
        now: Timestamp,
    ) -> Result<SignedIn, SignInError> {
        let texts = [
            sign_in.code,
            sign_in.code_verifier,
            sign_in.redirect_uri,
            sign_in.nonce,
        ];
        if texts
            .iter()
            .any(|text| text.is_empty() || text.len() > MAX_TEXT_BYTES)
        {
            return Err(SignInError::Malformed("a text is empty or too long"));
        }
        let tokens = self.provider.exchange(&[
            ("grant_type", "authorization_code"),
            ("code", sign_in.code),
            ("redirect_uri", sign_in.redirect_uri),
            ("code_verifier", sign_in.code_verifier),
        ])?;
        let claims = self.verify(
            &tokens.id_token,
            Expect::IdToken {
                nonce: Some(sign_in.nonce),
            },
        )?;
        let entry = self.entry(&claims, is_taken)?;
        Ok(self
            .sessions
            .begin(self.new_session(entry, tokens, &claims, now), now))
    }

    /// Asks the provider again: with a refresh token, the person is still known there.
    /// The session has another token afterwards.
    pub(crate) fn renew(
        &self,
        id: SessionId,
        is_taken: impl Fn(&str) -> bool,
        now: Timestamp,
    ) -> Result<SignedIn, SignInError> {
        let _one = self.renewing.lock();
        let known = self.sessions.grant_of(id, now).ok_or(SignInError::Ended)?;
        let refresh = known.refresh_token.ok_or(SignInError::Ended)?;
        let renewed = self
            .provider
            .exchange(&[("grant_type", "refresh_token"), ("refresh_token", &refresh)]);
        let mut tokens = match renewed {
            Ok(tokens) => tokens,
            Err(error) => {
                if matches!(error, SignInError::Refused(_)) {
                    self.sessions.revoke(id);
                }
                return Err(error);
            }
        };
        // A provider may keep the refresh token, and leave out the ID token.
        tokens.refresh_token.get_or_insert(refresh);
        if tokens.id_token.is_empty() {
            tokens.id_token = known.id_token;
            let info = self.sessions.extend(id, &tokens, self.until(now), now);
            return info.ok_or(SignInError::Ended);
        }
        let claims = self.verify(&tokens.id_token, Expect::IdToken { nonce: None })?;
        if claims.subject != known.subject {
            self.sessions.revoke(id);
            return Err(TokenError::OtherSubject.into());
        }
        let entry = self
            .entry(&claims, is_taken)
            .inspect_err(|_| drop(self.sessions.revoke(id)))?;
        let session = self.new_session(entry, tokens, &claims, now);
        self.sessions
            .replace(id, session, now)
            .ok_or(SignInError::Ended)
    }

    /// Ends a session. Returns where the browser ends it at the provider too.
    pub(crate) fn sign_out(&self, id: SessionId, return_to: &str) -> Option<String> {
        let id_token = self.sessions.revoke(id)?;
        let metadata = self.provider.metadata().ok()?;
        let endpoint = metadata.end_session_endpoint.as_deref()?;
        let parameters = [
            ("id_token_hint", id_token.as_str()),
            ("client_id", &self.config.client_id),
            ("post_logout_redirect_uri", return_to),
        ];
        Some(provider::with_query(endpoint, &parameters))
    }

    pub(crate) fn sessions(&self) -> &Sessions {
        &self.sessions
    }

    /// The identity of a bearer token of the provider. `may_ask`: keys that are not known
    /// are fetched, which blocks.
    pub(crate) fn bearer(
        &self,
        token: &str,
        may_ask: bool,
        is_taken: impl Fn(&str) -> bool,
    ) -> Result<Entry, SignInError> {
        let keys = self.provider.known_keys();
        let expect = Expect::Bearer {
            audiences: &self.config.audiences,
        };
        let claims = match claims::verify(token, &keys, &self.config, expect) {
            Err(TokenError::UnknownKey) if may_ask => self.verify(token, expect)?,
            result => result?,
        };
        let mut entry = self.entry(&claims, is_taken)?;
        entry.expires = Some(claims.expires);
        Ok(entry)
    }

    /// With keys that are fetched again if the token's is not among them.
    fn verify(&self, token: &str, expect: Expect<'_>) -> Result<Claims, SignInError> {
        let keys = self.provider.keys()?;
        match claims::verify(token, &keys, &self.config, expect) {
            Err(TokenError::UnknownKey) => {
                let keys = self.provider.changed_keys()?;
                Ok(claims::verify(token, &keys, &self.config, expect)?)
            }
            result => Ok(result?),
        }
    }

    fn entry(
        &self,
        claims: &Claims,
        is_taken: impl Fn(&str) -> bool,
    ) -> Result<Entry, SignInError> {
        let name = claims.name.clone();
        if is_taken(&name) {
            return Err(SignInError::NameIsTaken { name });
        }
        let Some(role) = claims::role_of(&self.config, &claims.groups) else {
            return Err(SignInError::NoRole { name });
        };
        Ok(Entry {
            name,
            role,
            ..Entry::everybody()
        })
    }

    fn new_session(
        &self,
        entry: Entry,
        tokens: Tokens,
        claims: &Claims,
        now: Timestamp,
    ) -> NewSession {
        NewSession {
            entry: Arc::new(entry),
            subject: claims.subject.clone(),
            tokens,
            expires: self.until(now),
        }
    }

    fn until(&self, now: Timestamp) -> Timestamp {
        let nanos = i64::try_from(self.config.session.as_nanos()).unwrap_or(i64::MAX);
        now.saturating_add_nanos(nanos)
    }
}

fn read_secret(path: &Path) -> Result<String, OidcSetupError> {
    let text = fs::read_to_string(path).map_err(|source| OidcSetupError::Secret {
        path: path.to_owned(),
        source,
    })?;
    let line = text.lines().next().unwrap_or_default().trim();
    if line.is_empty() {
        return Err(OidcSetupError::NoSecret {
            path: path.to_owned(),
        });
    }
    Ok(line.to_owned())
}
