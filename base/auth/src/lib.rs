//! Who may do what. Pure but for reading one file: [`Access::authenticate`]
//! turns credentials into an [`Identity`], [`Access::allows`] says whether that
//! identity may do an [`Action`]. Every door asks these two and nothing else;
//! what no rule allows is refused.
//!
//! Identities stand in the access file (`[auth] file`), with hashes of their
//! secrets. A configuration without `[auth]` is open: everybody is
//! [`Access::everybody`], who may do all that anybody may. It then listens on
//! loopback only, which the configuration sees to.

mod certificate;
mod directory;
mod new_identity;
mod rules;
mod secret;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::{Mutex, RwLock};
use weir_config::{Config, TopicPattern};
use weir_model::{PublishRights, Timestamp};

pub use certificate::common_name;
pub use directory::{AccessFileError, FileProblem};
use directory::{Directory, Entry};
pub use new_identity::NewIdentity;
pub use rules::Action;
pub use secret::{InvalidPassword, Secret, generate_token};

/// What a peer shows to say who it is.
#[derive(Clone, Copy)]
pub enum Credentials<'a> {
    /// A secret that names its owner by itself: `Authorization: Bearer …`.
    Token(&'a str),
    /// A name with a token or a chosen password: MQTT's CONNECT, HTTP's Basic.
    Password { name: &'a str, password: &'a [u8] },
    /// The common name of a client certificate that TLS has verified.
    Certificate { common_name: &'a str },
}

/// Why nobody was let in. It tells names and secrets apart from nothing: a
/// wrong name and a wrong secret are the same.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
pub enum Unauthenticated {
    #[error("credentials are needed")]
    Missing,
    #[error("the credentials are wrong or have expired")]
    Wrong,
}

/// What kind of peer it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Writes telemetry for itself and has shadows of its own; reads nothing else.
    Device,
    /// Reads everything, changes nothing.
    Reader,
    /// Reads, acknowledges and shelves alarms, changes shadows.
    Operator,
    /// Everything that anybody may.
    Admin,
}

impl Role {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Device => "device",
            Self::Reader => "reader",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }
}

/// Somebody who was let in. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Identity {
    entry: Arc<Entry>,
    /// Of the rules that it was let in under.
    generation: u64,
}

impl Identity {
    /// Empty when there is no authentication.
    pub fn name(&self) -> &str {
        &self.entry.name
    }

    pub fn role(&self) -> Role {
        self.entry.role
    }

    /// Whether it may speak for this device: itself, or one that its rules name.
    pub fn speaks_for(&self, device: &str) -> bool {
        self.entry.speaks_for(device)
    }
}

/// The rules in force. Its clones are the same rules: [`Access::replace`]
/// changes them for all.
#[derive(Clone, Debug)]
pub struct Access(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    state: RwLock<Arc<State>>,
    /// How often the rules have changed.
    generation: AtomicU64,
    /// One chosen password is hashed at a time: each takes 19 MiB and
    /// milliseconds on purpose, and anybody may make us do it.
    slow: Mutex<()>,
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
    /// Reads the access file that the configuration names, if it names one.
    pub fn load(config: &Config) -> Result<Self, AccessFileError> {
        let directory = match &config.auth {
            Some(auth) => Some(Directory::read(&auth.file)?),
            None => None,
        };
        Ok(Self::with_directory(config, directory))
    }

    /// Rules from the text of an access file.
    pub fn from_text(config: &Config, text: &str) -> Result<Self, Vec<FileProblem>> {
        Ok(Self::with_directory(config, Some(Directory::parse(text)?)))
    }

    /// As without `[auth]`.
    pub fn open(config: &Config) -> Self {
        Self::with_directory(config, None)
    }

    /// Every problem in an access file; `Ok` with how many identities it has.
    pub fn check(path: &Path) -> Result<usize, AccessFileError> {
        Directory::read(path).map(|directory| directory.len())
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
            slow: Mutex::default(),
        }))
    }

    /// Puts the rules of `other` in force, for all clones of this and for all
    /// who were let in before: whoever is not in them any more may do nothing.
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
        }
    }

    /// How often the rules have changed. To be asked before the rules are: one that is
    /// too old only costs a look-up.
    pub fn generation(&self) -> u64 {
        self.0.generation.load(Ordering::Acquire)
    }

    fn state(&self) -> Arc<State> {
        self.0.state.read().clone()
    }

    /// Whether credentials are needed at all.
    pub fn is_required(&self) -> bool {
        self.state().directory.is_some()
    }

    /// Who somebody without credentials is: everybody when there is no
    /// authentication, nobody when there is.
    pub fn everybody(&self) -> Result<Identity, Unauthenticated> {
        let generation = self.generation();
        let state = self.state();
        match state.directory {
            None => Ok(self.identity(generation, &state.everybody)),
            Some(_) => Err(Unauthenticated::Missing),
        }
    }

    /// Who shows these credentials. Takes microseconds for tokens; tens of
    /// milliseconds, one at a time, for chosen passwords: call it where
    /// blocking is allowed unless [`Credentials::is_quick`].
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
            Credentials::Token(token) => directory.by_token(token),
            Credentials::Password { name, password } => {
                directory.by_password(name, password, &self.0.slow)
            }
            Credentials::Certificate { common_name } => directory.by_certificate(common_name),
        };
        match found {
            Some(entry) if !entry.is_expired(now) => Ok(self.identity(generation, &entry)),
            _ => Err(Unauthenticated::Wrong),
        }
    }

    /// Whether this identity may do this. Reserved topics are nobody's.
    pub fn allows(&self, identity: &Identity, action: Action<'_>) -> bool {
        let state = self.0.state.read();
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

    /// Whether it would be let in again with the same rights: it is still known, not
    /// expired at `now`, none of its secrets was taken away and its rules are
    /// the same. Who stays connected for long is asked this now and then.
    pub fn still_holds(&self, identity: &Identity, now: Timestamp) -> bool {
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

    /// Whether a message of `client` (as journaled, empty: nobody known) may
    /// bring readings of `device`. For topics that do not name the device; the
    /// door has checked the others.
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

    /// The identity of this name, whoever shows it: for what was journaled
    /// under it. `None` when it is not known any more.
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
    /// Whether looking them up costs next to nothing.
    pub fn is_quick(&self) -> bool {
        !matches!(self, Self::Password { .. })
    }
}

/// Secrets are not shown.
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
