//! Authentication and authorization. It reads one file, and asks one identity provider:
//! [`Access::authenticate`] turns credentials into an [`Identity`], and
//! [`Access::allows`] decides whether that identity may do an [`Action`]. Every
//! endpoint asks these two and nothing else; what no rule allows is refused.
//!
//! Identities are defined in the access file (`[auth] file`), with hashes of their
//! secrets; people may also sign in at an identity provider (`[auth.oidc]`, `oidc.rs`). A configuration without `[auth]` is open: every peer is
//! [`Access::everybody`], who may do everything. Weir then listens on loopback
//! only, which the configuration enforces.

mod access_file;
mod certificate;
mod directory;
mod entry;
mod new_identity;
mod oidc;
mod password_gate;
mod people;
mod role;
mod rules;
mod secret;

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::RwLock;
use weir_config::{Config, TopicPattern};
use weir_model::{PublishRights, Timestamp};

pub use access_file::{AccessFileError, FileProblem};
pub use certificate::common_name;
use directory::{Check, Directory};
use entry::Entry;
pub use new_identity::NewIdentity;
use oidc::SignInService;
pub use oidc::{
    OidcSetupError, SessionId, SessionInfo, SignIn, SignInError, SignInStart, SignedIn,
};
use password_gate::{Attempt, PasswordGate};
pub use role::Role;
pub use rules::Action;
pub use secret::{InvalidPassword, Secret, generate_token};

/// How a peer authenticates.
#[derive(Clone, Copy)]
pub enum Credentials<'a> {
    /// A token, which identifies its owner: `Authorization: Bearer …`.
    Token(&'a str),
    /// A name with a token or a password: MQTT's CONNECT, HTTP's Basic.
    Password { name: &'a str, password: &'a [u8] },
    /// The common name of a client certificate that TLS verified.
    Certificate { common_name: &'a str },
}

/// Why a peer was not authenticated. It does not distinguish a wrong name from a
/// wrong secret.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
pub enum Unauthenticated {
    #[error("credentials are needed")]
    Missing,
    #[error("the credentials are wrong or have expired")]
    Wrong,
    /// Says nothing about the credentials.
    #[error("too many passwords are being checked; try again, or use a token")]
    Busy,
}

/// An authenticated peer. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Identity {
    entry: Arc<Entry>,
    /// Of the rules under which it authenticated.
    generation: u64,
    origin: Origin,
}

/// Who vouches for an identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Origin {
    /// The access file, or nobody where there is no authentication.
    File,
    /// The identity provider, by a token of its own.
    Bearer,
    /// The identity provider, at a sign-in.
    Session(SessionId),
}

impl Identity {
    /// Empty when there is no authentication.
    pub fn name(&self) -> &str {
        &self.entry.name
    }

    pub fn role(&self) -> Role {
        self.entry.role
    }

    /// The session, if it signed in at the identity provider.
    pub fn session(&self) -> Option<SessionId> {
        match self.origin {
            Origin::Session(id) => Some(id),
            Origin::File | Origin::Bearer => None,
        }
    }

    /// Whether it may act for this device: itself, or one that its rules name.
    pub fn speaks_for(&self, device: &str) -> bool {
        self.entry.speaks_for(device)
    }
}

/// The current rules. All clones share them: [`Access::replace`] changes them for
/// all.
#[derive(Clone, Debug)]
pub struct Access(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    state: RwLock<Arc<State>>,
    /// How often the rules have changed.
    generation: AtomicU64,
    passwords: Arc<PasswordGate>,
    /// `[auth.oidc]`, which only a restart changes.
    people: Option<Arc<SignInService>>,
}

#[derive(Debug)]
struct State {
    /// `None`: there is no `[auth]`.
    directory: Option<Directory>,
    everybody: Arc<Entry>,
    routes: Vec<TopicPattern>,
    shadow_prefix: String,
}

impl Access {
    /// Reads the access file that the configuration names, if any. Blocks for at least
    /// 50 ms, until two reads of the file agree.
    pub fn load(config: &Config) -> Result<Self, AccessFileError> {
        let file = config.auth.as_ref().map(|auth| &auth.file);
        let directory = file.map(|file| access_file::read(file)).transpose()?;
        Ok(Self::with_directory(config, directory))
    }

    /// Rules from the text of an access file.
    pub fn from_text(config: &Config, text: &str) -> Result<Self, Vec<FileProblem>> {
        Ok(Self::with_directory(
            config,
            Some(access_file::parse(text)?),
        ))
    }

    /// As without `[auth]`.
    pub fn open(config: &Config) -> Self {
        Self::with_directory(config, None)
    }

    /// Checks an access file; returns the number of identities.
    pub fn check(path: &Path) -> Result<usize, AccessFileError> {
        access_file::read(path).map(|directory| directory.len())
    }

    fn with_directory(config: &Config, directory: Option<Directory>) -> Self {
        let state = State {
            directory,
            everybody: Arc::new(Entry::everybody()),
            routes: config.routes.iter().map(|r| r.topic.clone()).collect(),
            shadow_prefix: config.shadows.prefix.clone(),
        };
        Self(Arc::new(Shared {
            state: RwLock::new(Arc::new(state)),
            generation: AtomicU64::new(0),
            passwords: Arc::new(PasswordGate::new()),
            people: None,
        }))
    }

    /// Applies the rules of `other` to all clones and to all identities that have
    /// authenticated before. An identity that they do not name may do nothing.
    pub fn replace(&self, other: &Self) {
        let fresh = other.state();
        let mut state = self.0.state.write();
        *state = fresh;
        self.0.generation.fetch_add(1, Ordering::Release);
    }

    fn identity(&self, generation: u64, entry: &Arc<Entry>) -> Identity {
        Identity {
            entry: entry.clone(),
            generation,
            origin: Origin::File,
        }
    }

    /// How often the rules have changed. Read it before the rules: a stale number only
    /// costs a look-up.
    pub fn generation(&self) -> u64 {
        self.0.generation.load(Ordering::Acquire)
    }

    fn state(&self) -> Arc<State> {
        self.0.state.read().clone()
    }

    /// Whether credentials are required.
    pub fn is_required(&self) -> bool {
        self.state().directory.is_some()
    }

    /// The identity of a peer without credentials, when there is no authentication.
    pub fn everybody(&self) -> Result<Identity, Unauthenticated> {
        let generation = self.generation();
        let state = self.state();
        match state.directory {
            None => Ok(self.identity(generation, &state.everybody)),
            Some(_) => Err(Unauthenticated::Missing),
        }
    }

    /// The identity with these credentials. Takes microseconds for tokens, and tens of
    /// milliseconds, one at a time, for passwords, without a bound to the wait: listeners
    /// call [`Access::log_in`].
    pub fn authenticate(
        &self,
        credentials: Credentials<'_>,
        now: Timestamp,
    ) -> Result<Identity, Unauthenticated> {
        let generation = self.generation();
        let state = self.state();
        let Some(directory) = &state.directory else {
            return Ok(self.identity(generation, &state.everybody));
        };
        let found = match credentials {
            Credentials::Token(token) => match directory.by_token(token) {
                Some(entry) => Some(entry),
                None => return self.person(token, directory, false, now),
            },
            Credentials::Password { name, password } => {
                match directory.by_password(name, password) {
                    Check::Done(found) => found,
                    Check::Slow { hashes, is_known } => {
                        let attempt = Attempt {
                            name,
                            password,
                            generation,
                            hashes: &hashes,
                            is_known,
                        };
                        let is_correct = self.0.passwords.check_here(&attempt, now);
                        is_correct.then_some(hashes)
                    }
                }
            }
            Credentials::Certificate { common_name } => directory.by_certificate(common_name),
        };
        match found {
            Some(entry) if !entry.is_expired(now) => Ok(self.identity(generation, &entry)),
            _ => Err(Unauthenticated::Wrong),
        }
    }

    /// The identity with these credentials, which `peer` sent. Passwords wait for their
    /// turn for less than a second; tokens and certificates never wait. Needs a tokio
    /// runtime. Dropping the future ends the wait.
    pub async fn log_in(
        &self,
        credentials: Credentials<'_>,
        peer: Option<IpAddr>,
        now: Timestamp,
    ) -> Result<Identity, Unauthenticated> {
        let Credentials::Password { name, password } = credentials else {
            return match self.authenticate(credentials, now) {
                Err(Unauthenticated::Wrong) => self.ask_provider(credentials, now).await,
                result => result,
            };
        };
        let generation = self.generation();
        let state = self.state();
        let Some(directory) = &state.directory else {
            return Ok(self.identity(generation, &state.everybody));
        };
        let found = match directory.by_password(name, password) {
            Check::Done(found) => found,
            Check::Slow { hashes, is_known } => {
                let attempt = Attempt {
                    name,
                    password,
                    generation,
                    hashes: &hashes,
                    is_known,
                };
                let checked = self.0.passwords.check(&attempt, peer, now).await;
                let is_correct = checked.map_err(|_| Unauthenticated::Busy)?;
                is_correct.then_some(hashes)
            }
        };
        match found {
            Some(entry) if !entry.is_expired(now) => Ok(self.identity(generation, &entry)),
            _ => Err(Unauthenticated::Wrong),
        }
    }

    /// Whether this identity may do this. Nobody may publish to reserved topics.
    pub fn allows(&self, identity: &Identity, action: Action<'_>) -> bool {
        let state = self.0.state.read();
        if identity.origin != Origin::File {
            return rules::allows_person(&identity.entry, action);
        }
        let entry = if identity.generation == self.generation() {
            &identity.entry
        } else {
            match &state.directory {
                None => &state.everybody,
                Some(directory) => match directory.named(identity.name()) {
                    Some(entry) => entry,
                    None => return false,
                },
            }
        };
        rules::allows(entry, action, &state.routes, &state.shadow_prefix)
    }

    /// Whether it would authenticate again with the same rights: it is still known,
    /// not expired at `now`, and its secrets and rules are the same. Long connections
    /// are checked regularly.
    pub fn still_holds(&self, identity: &Identity, now: Timestamp) -> bool {
        if let Origin::Session(id) = identity.origin {
            let people = self.0.people.as_ref();
            return people.is_some_and(|p| p.sessions().still_holds(id, &identity.entry, now));
        }
        if identity.origin == Origin::Bearer {
            return !identity.entry.is_expired(now);
        }
        let is_current = identity.generation == self.generation();
        let state = self.0.state.read();
        let entry = match &state.directory {
            None => &state.everybody,
            Some(_) if is_current => &identity.entry,
            Some(directory) => match directory.named(identity.name()) {
                Some(entry) => entry,
                None => return false,
            },
        };
        !entry.is_expired(now) && (is_current || entry.keeps_rights_of(&identity.entry))
    }

    /// Whether a message of `client` (as journaled; empty: unknown) may contain
    /// readings of `device`. For topics that do not name the device; the endpoint has
    /// checked the others.
    pub fn may_write(&self, client: &str, device: &str) -> bool {
        if client.is_empty() || client == device {
            return true;
        }
        match &self.state().directory {
            None => true,
            Some(directory) => directory
                .named(client)
                .is_some_and(|entry| rules::writes_for(entry, device)),
        }
    }

    /// The identity of this name, without authentication: for messages that were
    /// journaled under it. `None` when it is no longer known.
    pub fn named(&self, name: &str) -> Option<Identity> {
        let generation = self.generation();
        let state = self.state();
        let entry = match &state.directory {
            None => &state.everybody,
            Some(directory) => directory.named(name)?,
        };
        Some(self.identity(generation, entry))
    }
}

impl PublishRights for Access {
    fn may_write(&self, client: &str, device: &str) -> bool {
        Self::may_write(self, client, device)
    }
}

impl Credentials<'_> {
    /// Whether checking them takes microseconds.
    pub fn is_quick(&self) -> bool {
        !matches!(self, Self::Password { .. })
    }
}

/// Without the secrets.
impl std::fmt::Debug for Credentials<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Token(_) => f.write_str("Token"),
            Self::Password { name, .. } => write!(f, "Password of {name:?}"),
            Self::Certificate { common_name } => write!(f, "Certificate of {common_name:?}"),
        }
    }
}

#[cfg(test)]
mod tests;
