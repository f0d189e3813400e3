//! The access file: who there is.
//!
//! ```toml
//! [device]                          # what every device may do besides its own
//! publish = ["rpc/{id}/answer"]     # telemetry and shadows; {id} is its name
//! subscribe = ["rpc/{id}/request"]
//!
//! [[identity]]
//! name = "gateway-7"
//! role = "device"                   # device, reader, operator or admin
//! secrets = ["sha256:…"]            # one or more; the old one goes when all use the new
//! devices = ["pump-*"]              # speaks for these as well
//! publish = ["plant/7/#"]
//! subscribe = ["plant/7/#"]
//! certificate = true                # a client certificate of this name will do
//! expires = 2027-01-01T00:00:00Z
//! ```

use std::collections::HashMap;
use std::collections::hash_map::Entry as Slot;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;
use serde::Deserialize;
use thiserror::Error;
use toml::Spanned;
use weir_model::{Timestamp, check_device, check_sensor, glob_matches};

use crate::Role;
use crate::secret::{Secret, TokenDigest, digest};

/// A million identities and their rules.
const MAX_FILE_BYTES: u64 = 512 << 20;
/// Rules of one kind for one identity.
const MAX_RULES: usize = 1_000;

/// A mistake in an access file. Holds no secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileProblem {
    /// Counted from 1.
    pub line: usize,
    pub reason: String,
}

impl fmt::Display for FileProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.line, self.reason)
    }
}

/// Why there are no rules.
#[derive(Debug, Error)]
pub enum AccessFileError {
    #[error("{}: cannot be read: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    /// One line per problem, each beginning with `file:line:`.
    #[error("{}", lines(path, problems))]
    Invalid {
        path: PathBuf,
        problems: Vec<FileProblem>,
    },
}

fn lines(path: &Path, problems: &[FileProblem]) -> String {
    let line = |problem: &FileProblem| format!("{}:{problem}", path.display());
    problems.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    #[serde(default)]
    device: DeviceDefaults,
    #[serde(default)]
    identity: Vec<Spanned<RawIdentity>>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct DeviceDefaults {
    #[serde(default)]
    publish: Vec<Spanned<String>>,
    #[serde(default)]
    subscribe: Vec<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawIdentity {
    name: Spanned<String>,
    role: Role,
    #[serde(default)]
    secrets: Vec<Spanned<String>>,
    #[serde(default)]
    devices: Vec<Spanned<String>>,
    #[serde(default)]
    publish: Vec<Spanned<String>>,
    #[serde(default)]
    subscribe: Vec<Spanned<String>>,
    #[serde(default)]
    certificate: bool,
    expires: Option<Spanned<toml::value::Datetime>>,
}

/// One identity and its rules.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) role: Role,
    secrets: Vec<Secret>,
    /// Globs over the names of devices.
    devices: Vec<String>,
    /// MQTT topic filters, with `{id}` put in.
    pub(crate) publish: Vec<String>,
    pub(crate) subscribe: Vec<String>,
    certificate: bool,
    expires: Option<Timestamp>,
    /// The digest of the chosen password that was right before: it is hashed
    /// slowly once, and not at every request.
    known: Mutex<Option<TokenDigest>>,
}

impl Entry {
    pub(crate) fn everybody() -> Self {
        Self {
            name: String::new(),
            role: Role::Admin,
            secrets: Vec::new(),
            devices: Vec::new(),
            publish: Vec::new(),
            subscribe: Vec::new(),
            certificate: false,
            expires: None,
            known: Mutex::default(),
        }
    }

    pub(crate) fn speaks_for(&self, device: &str) -> bool {
        self.name == device || self.devices.iter().any(|glob| glob_matches(glob, device))
    }

    pub(crate) fn speaks_for_all(&self) -> bool {
        self.devices.iter().any(|glob| glob == "*")
    }

    pub(crate) fn is_expired(&self, now: Timestamp) -> bool {
        self.expires.is_some_and(|expires| expires <= now)
    }

    /// Whether it has the rules that `before` had, and every secret.
    pub(crate) fn keeps_rights_of(&self, before: &Self) -> bool {
        self.role == before.role
            && self.devices == before.devices
            && self.publish == before.publish
            && self.subscribe == before.subscribe
            && (self.certificate || !before.certificate)
            && before.secrets.iter().all(|s| self.secrets.contains(s))
    }

    fn verify(&self, secret: &[u8], slow: &Mutex<()>) -> bool {
        let quick = |secret_hash: &Secret| matches!(secret_hash, Secret::Token(_));
        if self
            .secrets
            .iter()
            .filter(|s| quick(s))
            .any(|s| s.verify(secret))
        {
            return true;
        }
        if self.secrets.iter().all(quick) {
            return false;
        }
        let shown = digest(secret);
        if *self.known.lock() == Some(shown) {
            return true;
        }
        let _one_at_a_time = slow.lock();
        let is_right = self
            .secrets
            .iter()
            .filter(|s| !quick(s))
            .any(|s| s.verify(secret));
        if is_right {
            *self.known.lock() = Some(shown);
        }
        is_right
    }
}

/// All identities, by what they are looked up by.
#[derive(Debug)]
pub(crate) struct Directory {
    by_name: HashMap<String, Arc<Entry>>,
    by_token: HashMap<TokenDigest, Arc<Entry>>,
    /// Checked in place of the password of somebody who is not known, so that
    /// the time it takes does not tell names.
    decoy: Option<Arc<Entry>>,
}

impl Directory {
    pub(crate) fn read(path: &Path) -> Result<Self, AccessFileError> {
        let text = read_file(path).map_err(|source| AccessFileError::Read {
            path: path.to_owned(),
            source,
        })?;
        Self::parse(&text).map_err(|problems| AccessFileError::Invalid {
            path: path.to_owned(),
            problems,
        })
    }

    pub(crate) fn parse(text: &str) -> Result<Self, Vec<FileProblem>> {
        let line_of = |offset: usize| 1 + text[..offset].matches('\n').count();
        let document: Document = toml::from_str(text).map_err(|error| {
            let start = error.span().map_or(0, |span| span.start.min(text.len()));
            // The message may quote the line; the line may hold a secret.
            vec![FileProblem {
                line: line_of(start),
                reason: error.message().replace('\n', ", "),
            }]
        })?;
        let mut reader = Reader {
            line_of: &line_of,
            problems: Vec::new(),
        };
        let directory = reader.directory(document);
        if reader.problems.is_empty() {
            Ok(directory)
        } else {
            reader.problems.sort_by_key(|problem| problem.line);
            Err(reader.problems)
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.by_name.len()
    }

    pub(crate) fn named(&self, name: &str) -> Option<&Arc<Entry>> {
        self.by_name.get(name)
    }

    pub(crate) fn by_token(&self, token: &str) -> Option<Arc<Entry>> {
        self.by_token.get(&digest(token.as_bytes())).cloned()
    }

    pub(crate) fn by_password(
        &self,
        name: &str,
        password: &[u8],
        slow: &Mutex<()>,
    ) -> Option<Arc<Entry>> {
        match self.by_name.get(name) {
            Some(entry) => entry.verify(password, slow).then(|| entry.clone()),
            None => {
                if let Some(decoy) = &self.decoy {
                    let _one_at_a_time = slow.lock();
                    decoy.secrets.iter().for_each(|secret| {
                        secret.verify(password);
                    });
                }
                None
            }
        }
    }

    pub(crate) fn by_certificate(&self, common_name: &str) -> Option<Arc<Entry>> {
        let entry = self.by_name.get(common_name)?;
        entry.certificate.then(|| entry.clone())
    }
}

fn read_file(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    let read = File::open(path)?
        .take(MAX_FILE_BYTES + 1)
        .read_to_string(&mut text)?;
    if read as u64 > MAX_FILE_BYTES {
        return Err(io::Error::other("it has more than 512 MiB"));
    }
    Ok(text)
}

/// Turns the document into a directory, noting every problem on the way.
struct Reader<'a> {
    line_of: &'a dyn Fn(usize) -> usize,
    problems: Vec<FileProblem>,
}

impl Reader<'_> {
    fn note(&mut self, offset: usize, reason: String) {
        let line = (self.line_of)(offset);
        self.problems.push(FileProblem { line, reason });
    }

    fn directory(&mut self, document: Document) -> Directory {
        let mut directory = Directory {
            by_name: HashMap::with_capacity(document.identity.len()),
            by_token: HashMap::new(),
            decoy: None,
        };
        for raw in document.identity {
            let (start, raw) = (raw.span().start, raw.into_inner());
            let name_at = raw.name.span().start;
            let entry = Arc::new(self.entry(start, raw, &document.device));
            for secret in &entry.secrets {
                match secret {
                    Secret::Token(digest) => match directory.by_token.entry(*digest) {
                        Slot::Vacant(slot) => drop(slot.insert(entry.clone())),
                        Slot::Occupied(_) => self.note(
                            name_at,
                            format!(
                                "{:?} has a secret that another identity has too",
                                entry.name
                            ),
                        ),
                    },
                    Secret::Password(_) => directory.decoy = Some(entry.clone()),
                }
            }
            match directory.by_name.entry(entry.name.clone()) {
                Slot::Vacant(slot) => drop(slot.insert(entry)),
                Slot::Occupied(_) => {
                    self.note(
                        name_at,
                        format!("another identity is named {:?}", entry.name),
                    );
                }
            }
        }
        directory
    }

    fn entry(&mut self, start: usize, raw: RawIdentity, defaults: &DeviceDefaults) -> Entry {
        let is_device = raw.role == Role::Device;
        let name = raw.name.get_ref().clone();
        let checked = match is_device {
            true => check_device(&name),
            false => check_sensor(&name),
        };
        if let Err(error) = checked {
            self.note(
                raw.name.span().start,
                format!(
                    "{name:?} cannot be the name of a {}: {error}",
                    raw.role.as_str()
                ),
            );
        }
        if raw.secrets.is_empty() && !raw.certificate {
            self.note(
                start,
                format!(
                    "{name:?} has neither secrets nor certificate = true: it could never connect"
                ),
            );
        }
        let mut secrets = Vec::new();
        for secret in &raw.secrets {
            match Secret::parse(secret.get_ref()) {
                Ok(secret) => secrets.push(secret),
                Err(reason) => self.note(
                    secret.span().start,
                    format!("a secret of {name:?} {reason}"),
                ),
            }
        }
        if !is_device && let Some(rule) = raw.devices.first().or(raw.subscribe.first()) {
            let reason = "devices and subscribe are rules of devices; this role needs none";
            self.note(rule.span().start, reason.to_owned());
        }
        let devices = self.rules(&raw.devices, &name, |rule| match rule.is_empty() {
            true => Err("must not be empty"),
            false => Ok(()),
        });
        let mut publish = self.rules(&raw.publish, &name, filter);
        let mut subscribe = self.rules(&raw.subscribe, &name, filter);
        if is_device {
            publish.extend(self.rules(&defaults.publish, &name, filter));
            subscribe.extend(self.rules(&defaults.subscribe, &name, filter));
        }
        let expires = raw.expires.and_then(|expires| {
            let text = expires.get_ref().to_string();
            let instant = Timestamp::parse_rfc3339(&text);
            if instant.is_none() {
                let reason = "expires must be an instant like 2027-01-01T00:00:00Z";
                self.note(expires.span().start, reason.to_owned());
            }
            instant
        });
        Entry {
            name,
            role: raw.role,
            secrets,
            devices,
            publish,
            subscribe,
            certificate: raw.certificate,
            expires,
            known: Mutex::default(),
        }
    }

    fn rules(
        &mut self,
        rules: &[Spanned<String>],
        name: &str,
        check: fn(&str) -> Result<(), &'static str>,
    ) -> Vec<String> {
        if rules.len() > MAX_RULES {
            let reason = format!("{name:?} has more than {MAX_RULES} rules of one kind");
            self.note(rules[0].span().start, reason);
            return Vec::new();
        }
        for rule in rules {
            if let Err(reason) = check(rule.get_ref()) {
                self.note(
                    rule.span().start,
                    format!("the rule {:?} {reason}", rule.get_ref()),
                );
            }
        }
        rules
            .iter()
            .map(|rule| rule.get_ref().replace("{id}", name))
            .collect()
    }
}

/// An MQTT topic filter, before `{id}` is put in.
fn filter(rule: &str) -> Result<(), &'static str> {
    if rule.is_empty() || rule.len() > 65_535 || rule.contains('\0') {
        return Err("must be a topic filter");
    }
    let mut levels = rule.split('/').peekable();
    while let Some(level) = levels.next() {
        let wild = level.contains(['+', '#']);
        if wild && level.len() > 1 || level == "#" && levels.peek().is_some() {
            return Err("has a + or # that is not a level of its own, or a # that is not the last");
        }
    }
    Ok(())
}
