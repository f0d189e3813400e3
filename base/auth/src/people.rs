//! Sign-in of people, as the HTTP interface offers it. Calls that ask the provider block.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use parking_lot::RwLock;
use weir_config::{Config, Oidc};
use weir_model::Timestamp;

use crate::directory::Directory;
use crate::oidc::{
    OidcSetupError, SessionId, SessionInfo, SignIn, SignInError, SignInService, SignInStart,
    SignedIn,
};
use crate::{Access, Credentials, Identity, Origin, Shared, Unauthenticated};

impl Access {
    /// With sign-in at the identity provider, if `[auth.oidc]` is given. Reads the files
    /// that it names; asks nobody yet.
    pub fn with_sign_in(self, config: &Config) -> Result<Self, OidcSetupError> {
        let oidc = config.auth.as_ref().and_then(|auth| auth.oidc.as_ref());
        let Some(oidc) = oidc else {
            return Ok(self);
        };
        let people = Some(Arc::new(SignInService::new(oidc)?));
        Ok(Self(Arc::new(Shared {
            state: RwLock::new(self.state()),
            generation: AtomicU64::new(self.generation()),
            passwords: self.0.passwords.clone(),
            people,
        })))
    }

    /// The person with this session token or bearer token of the identity provider.
    pub(crate) fn person(
        &self,
        token: &str,
        directory: &Directory,
        may_ask: bool,
        now: Timestamp,
    ) -> Result<Identity, Unauthenticated> {
        let people = self.0.people.as_ref().ok_or(Unauthenticated::Wrong)?;
        let generation = self.generation();
        let is_taken = |name: &str| directory.named(name).is_some();
        if let Some((id, entry)) = people.sessions().by_token(token, now) {
            return Ok(Identity {
                entry,
                generation,
                origin: Origin::Session(id),
            });
        }
        let entry = people
            .bearer(token, may_ask, is_taken)
            .map_err(|_| Unauthenticated::Wrong)?;
        Ok(Identity {
            entry: Arc::new(entry),
            generation,
            origin: Origin::Bearer,
        })
    }

    /// Tokens of the provider may be signed with a key that is fetched now.
    pub(crate) async fn ask_provider(
        &self,
        credentials: Credentials<'_>,
        now: Timestamp,
    ) -> Result<Identity, Unauthenticated> {
        let Credentials::Token(token) = credentials else {
            return Err(Unauthenticated::Wrong);
        };
        let is_signed = token.bytes().filter(|byte| *byte == b'.').count() == 2;
        if self.0.people.is_none() || !is_signed {
            return Err(Unauthenticated::Wrong);
        }
        let (access, token) = (self.clone(), token.to_owned());
        let asked = tokio::task::spawn_blocking(move || {
            let state = access.state();
            let directory = state.directory.as_ref().ok_or(Unauthenticated::Wrong)?;
            access.person(&token, directory, true, now)
        });
        asked.await.map_err(|_| Unauthenticated::Busy)?
    }

    /// `[auth.oidc]`, if it is given.
    pub fn provider(&self) -> Option<&Oidc> {
        self.0.people.as_deref().map(|people| people.config())
    }

    /// What a page needs to begin a sign-in. `None`: there is no `[auth.oidc]`.
    pub fn sign_in_start(&self) -> Option<Result<SignInStart, SignInError>> {
        Some(self.0.people.as_ref()?.start())
    }

    /// Begins a session with the code of the provider.
    pub fn sign_in(
        &self,
        sign_in: SignIn<'_>,
        now: Timestamp,
    ) -> Option<Result<SignedIn, SignInError>> {
        let people = self.0.people.as_ref()?;
        Some(people.sign_in(sign_in, |name| self.names(name), now))
    }

    /// Continues the session of this identity with another token.
    pub fn renew(&self, id: SessionId, now: Timestamp) -> Option<Result<SignedIn, SignInError>> {
        let people = self.0.people.as_ref()?;
        Some(people.renew(id, |name| self.names(name), now))
    }

    /// Ends the session. Returns the address that ends it at the provider too, from which
    /// the browser comes back to `return_to`.
    pub fn sign_out(&self, identity: &Identity, return_to: &str) -> Option<String> {
        let people = self.0.people.as_ref()?;
        people.sign_out(identity.session()?, return_to)
    }

    /// Sessions that have not ended.
    pub fn sessions(&self, now: Timestamp) -> Vec<SessionInfo> {
        let people = self.0.people.as_ref();
        people.map_or_else(Vec::new, |people| people.sessions().list(now))
    }

    /// Ends all sessions of a person. Returns their number.
    pub fn revoke_sessions(&self, name: &str) -> usize {
        let people = self.0.people.as_ref();
        people.map_or(0, |people| people.sessions().revoke_all(name))
    }

    fn names(&self, name: &str) -> bool {
        let state = self.state();
        state
            .directory
            .as_ref()
            .is_some_and(|directory| directory.named(name).is_some())
    }
}
