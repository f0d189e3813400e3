//! The access file: identities, their secrets and rules.
//!
//! ```toml
//! [device]                          # what every device may do besides its own
//! publish = ["rpc/{id}/answer"]     # telemetry and shadows; {id} is its name
//! subscribe = ["rpc/{id}/request"]
//!
//! [[identity]]
//! name = "gateway-7"
//! role = "device"                   # device, reader, operator or admin
//! secrets = ["sha256:…"]            # one or more, so that a secret can be rotated
//! devices = ["pump-*"]              # it may write for these as well
//! publish = ["plant/7/#"]
//! subscribe = ["plant/7/#"]
//! certificate = true                # a client certificate of this name suffices
//! expires = 2027-01-01T00:00:00Z
//! ```
//!
//! A file without identities is refused, and a file is read until two reads agree:
//! an empty or half-written file never takes effect.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use parking_lot::Mutex;
use serde::Deserialize;
use thiserror::Error;
use toml::Spanned;
use weir_model::{Timestamp, check_device, check_sensor};

use crate::directory::{Conflict, Directory};
use crate::entry::Entry;
use crate::role::Role;
use crate::secret::Secret;

/// Enough for a million identities and their rules.
const MAX_FILE_BYTES: u64 = 512 << 20;
/// Rules of one kind for one identity.
const MAX_RULES: usize = 1_000;
/// Between two reads that must agree.
const SETTLE: Duration = Duration::from_millis(50);
/// Reads of a file that keeps changing.
const MAX_READS: u32 = 20;

/// A problem in an access file. Holds no secret.
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

/// Why an access file cannot be used.
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

/// Reads and checks a file.
pub(crate) fn read(path: &Path) -> Result<Directory, AccessFileError> {
    let read = || read_file(path);
    let text = settled(read, || thread::sleep(SETTLE)).map_err(|source| AccessFileError::Read {
        path: path.to_owned(),
        source,
    })?;
    parse(&text).map_err(|problems| AccessFileError::Invalid {
        path: path.to_owned(),
        problems,
    })
}

pub(crate) fn parse(text: &str) -> Result<Directory, Vec<FileProblem>> {
    let line_of = |offset: usize| 1 + text[..offset].matches('\n').count();
    let document: Document = toml::from_str(text).map_err(|error| {
        let start = error.span().map_or(0, |span| span.start.min(text.len()));
        // Only the message: the whole error quotes the line, which may hold a secret.
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
    if directory.len() == 0 && reader.problems.is_empty() {
        let reason = "names no [[identity]], so nobody could connect: it is empty, or not \
                      completely written";
        reader.note(0, reason.to_owned());
    }
    if reader.problems.is_empty() {
        return Ok(directory);
    }
    reader.problems.sort_by_key(|problem| problem.line);
    Err(reader.problems)
}

/// What `read` returns twice in a row, with a pause in between: a writer that is not
/// finished changes the file meanwhile.
fn settled(
    mut read: impl FnMut() -> io::Result<String>,
    mut pause: impl FnMut(),
) -> io::Result<String> {
    let mut text = read()?;
    for _ in 1..MAX_READS {
        pause();
        let again = read()?;
        if again == text {
            return Ok(text);
        }
        text = again;
    }
    Err(io::Error::other("it keeps changing while it is read"))
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

/// Builds a directory from the document and notes every problem.
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
        let mut directory = Directory::default();
        for raw in document.identity {
            let (start, raw) = (raw.span().start, raw.into_inner());
            let name_at = raw.name.span().start;
            let entry = self.entry(start, raw, &document.device);
            let name = entry.name.clone();
            for conflict in directory.add(entry) {
                let reason = match conflict {
                    Conflict::Name => format!("another identity is named {name:?}"),
                    Conflict::Secret => {
                        format!("{name:?} has a secret that another identity has too")
                    }
                };
                self.note(name_at, reason);
            }
        }
        directory
    }

    fn entry(&mut self, start: usize, raw: RawIdentity, defaults: &DeviceDefaults) -> Entry {
        let is_device = raw.role == Role::Device;
        let name = raw.name.get_ref().clone();
        let checked = if is_device {
            check_device(&name)
        } else {
            check_sensor(&name)
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
        let devices = self.rules(&raw.devices, &name, glob);
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
            verified: Mutex::default(),
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

/// A glob over names of devices.
fn glob(rule: &str) -> Result<(), &'static str> {
    if rule.is_empty() {
        return Err("must not be empty");
    }
    Ok(())
}

/// An MQTT topic filter, before `{id}` is replaced.
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

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "[[identity]]\nname = \"pump-1\"\nrole = \"device\"\ncertificate = true\n";

    #[test]
    fn a_file_without_identities_is_refused() {
        for text in [
            "",
            "\n",
            "# Made by `weir auth add`.\n",
            "[device]\npublish = [\"a\"]\n",
        ] {
            let problems = parse(text).err().unwrap();
            assert!(
                problems[0].reason.contains("no [[identity]]"),
                "{problems:?}"
            );
        }
        assert_eq!(parse(ONE).unwrap().len(), 1);
    }

    #[test]
    fn a_half_written_file_is_read_until_it_is_whole() {
        let whole = ONE.repeat(2);
        let (mut reads, mut pauses) = (vec![&*whole, &*whole, ONE, ""], 0);
        let read = || Ok(reads.pop().expect("two reads have agreed").to_owned());
        assert_eq!(settled(read, || pauses += 1).unwrap(), whole);
        assert_eq!(pauses, 3);
    }

    #[test]
    fn a_file_that_keeps_changing_is_an_error() {
        let mut reads = 0;
        let read = || {
            reads += 1;
            Ok(reads.to_string())
        };
        let error = settled(read, || {}).unwrap_err();
        assert!(error.to_string().contains("keeps changing"), "{error}");
    }

    #[test]
    fn an_empty_file_on_disk_is_refused_with_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("access.toml");
        std::fs::write(&path, "").unwrap();
        let error = read(&path).err().unwrap().to_string();
        assert!(
            error.contains("access.toml:1: names no [[identity]]"),
            "{error}"
        );
        std::fs::write(&path, ONE).unwrap();
        assert_eq!(read(&path).unwrap().len(), 1);
    }
}
