//! Sign-in of people, as the HTTP interface offers it. Calls that ask the provider block.

use weir_config::Oidc;
use weir_model::Timestamp;

use crate::oidc::{SessionId, SessionInfo, SignIn, SignInError, SignInStart, SignedIn};
use crate::{Access, Identity};

impl Access {
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
