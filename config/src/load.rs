//! From a file's text, or its path, to a configuration or its problems.
//!
//! Precedence: command-line flags (applied by the caller), then `WEIR_…`
//! variables, then the file, then the defaults.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use toml::de::DeTable;

use crate::assemble::assemble;
use crate::module::Modules;
use crate::reader::{MAX_BYTES, Reader, line_starts};
use crate::{Config, LoadError, ModuleContent, Problem, keys};

/// A configuration that was read under an environment.
#[derive(Clone, Debug, PartialEq)]
pub struct Loaded {
    pub config: Config,
    /// `WEIR_…` variables that stand for no key: worth a warning, as some are
    /// the command line's (`WEIR_LOG`) and others may be mistakes.
    pub unknown_variables: Vec<String>,
    /// What of it has to be kept to read the journal again as it was read.
    pub settings: Settings,
}

/// The part of a configuration that decides what becomes of a message, as it was
/// written down: to be kept beside the journal, and read again by
/// [`Config::from_settings`]. It names no secret: the tables in it hold none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// The tables `DECISIVE` of the file.
    pub toml: String,
    /// The `WEIR_…` variables that stand for keys of these.
    pub variables: BTreeMap<String, String>,
    /// Where names of files start from.
    pub folder: Option<PathBuf>,
    /// What stood in the modules that functions name: digests by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub modules: BTreeMap<String, String>,
}

/// The tables that decide what becomes of a message. A section that joins them
/// has to stand here, or a replay after a crash would not know what it was.
const DECISIVE: [&str; 5] = ["route", "limits", "function", "line_protocol", "shadows"];

impl Settings {
    /// `text` has been read without a problem.
    fn new(text: &str, variables: &BTreeMap<String, String>, folder: Option<&Path>) -> Self {
        let mut table: toml::Table = text.parse().unwrap_or_default();
        table.retain(|name, _| DECISIVE.contains(&name));
        let is_decisive = |name: &str| {
            let tables = keys::TABLES
                .iter()
                .filter(|table| DECISIVE.contains(&table.path));
            tables
                .flat_map(|table| table.keys.iter().map(|key| keys::variable(table.path, key)))
                .any(|known| known == name)
        };
        let decisive = variables.iter().filter(|(name, _)| is_decisive(name));
        Self {
            toml: table.to_string(),
            variables: decisive
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect(),
            folder: folder.map(Path::to_owned),
            modules: BTreeMap::new(),
        }
    }
}

impl Config {
    /// Reads a configuration, or tells everything that is wrong with it. Looks
    /// at no other file: names of files are taken as they stand.
    pub fn from_toml(text: &str) -> Result<Self, Vec<Problem>> {
        Self::from_toml_with_env(text, std::iter::empty()).map(|loaded| loaded.config)
    }

    /// As [`Self::from_toml`], where a variable `WEIR_HTTP_LISTEN` goes before
    /// the key `http.listen`, and so on for every key outside of a list. A
    /// variable gives its section as a key in the file would: one of
    /// `store.influxdb` turns that store on. Variables that do not begin with
    /// `WEIR_` are passed over.
    pub fn from_toml_with_env(
        text: &str,
        vars: impl Iterator<Item = (String, String)>,
    ) -> Result<Loaded, Vec<Problem>> {
        read(text, vars, None, Modules::Files)
    }

    /// As [`Self::from_toml_with_env`], for a text that is part of a program: what
    /// is in its modules the program knows, too, by the name that stands there.
    pub fn from_toml_with_modules(
        text: &str,
        vars: impl Iterator<Item = (String, String)>,
        content: &dyn Fn(&str) -> Option<Arc<ModuleContent>>,
    ) -> Result<Loaded, Vec<Problem>> {
        read(text, vars, None, Modules::Given(content))
    }

    /// Reads a file. Names of files in it are resolved against its folder, and
    /// must exist.
    pub fn load(path: &Path) -> Result<Self, LoadError> {
        Self::load_with_env(path, std::iter::empty()).map(|loaded| loaded.config)
    }

    /// What [`Loaded::settings`] kept; all other sections have their defaults.
    /// `content` finds what stood in a module, by its digest.
    ///
    /// # Errors
    /// Another version of Weir kept them, or a file that they name is gone.
    pub fn from_settings(
        settings: &Settings,
        content: &dyn Fn(&str) -> Option<Arc<ModuleContent>>,
    ) -> Result<Self, Vec<Problem>> {
        let variables = settings.variables.clone().into_iter();
        let folder = settings.folder.as_deref();
        let kept = |name: &str| content(settings.modules.get(name)?);
        let modules = Modules::Given(&kept);
        read(&settings.toml, variables, folder, modules).map(|loaded| loaded.config)
    }

    /// The defaults under the variables of [`Self::from_toml_with_env`]: what
    /// runs without a file.
    pub fn from_env(vars: impl Iterator<Item = (String, String)>) -> Result<Loaded, LoadError> {
        read("", vars, None, Modules::Files).map_err(|problems| LoadError::Invalid {
            path: PathBuf::new(),
            problems,
        })
    }

    /// As [`Self::load`], under the variables of [`Self::from_toml_with_env`].
    pub fn load_with_env(
        path: &Path,
        vars: impl Iterator<Item = (String, String)>,
    ) -> Result<Loaded, LoadError> {
        let text = read_file(path).map_err(|source| LoadError::Read {
            path: path.to_owned(),
            source,
        })?;
        // The parent of "weir.toml" is "", and joining a name to "" leaves it as it is.
        let folder = path.parent().unwrap_or(Path::new(""));
        read(&text, vars, Some(folder), Modules::Files).map_err(|problems| LoadError::Invalid {
            path: path.to_owned(),
            problems,
        })
    }
}

/// Takes no more than what [`read`] will refuse: the path may be a device.
fn read_file(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?
        .take(MAX_BYTES as u64 + 1)
        .read_to_string(&mut text)?;
    Ok(text)
}

fn read(
    text: &str,
    vars: impl Iterator<Item = (String, String)>,
    folder: Option<&Path>,
    modules: Modules<'_>,
) -> Result<Loaded, Vec<Problem>> {
    if text.len() > MAX_BYTES {
        let reason = format!("the file has more than {MAX_BYTES} bytes");
        return Err(vec![Problem {
            line: 1,
            key: String::new(),
            reason,
            nearest: None,
        }]);
    }
    let (root, errors) = DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        return Err(syntax_problems(text, &errors));
    }
    let (variables, unknown_variables) = sort_variables(vars);
    let mut settings = Settings::new(text, &variables, folder);
    let mut reader = Reader::new(text, root.get_ref(), variables, folder, modules);
    let config = assemble(&mut reader);
    settings.modules = std::mem::take(&mut reader.modules);
    let mut problems = reader.problems;
    if problems.is_empty() {
        return Ok(Loaded {
            config,
            unknown_variables,
            settings,
        });
    }
    problems.sort_by(|a, b| (a.line, &a.key, &a.reason).cmp(&(b.line, &b.key, &b.reason)));
    problems.dedup();
    Err(problems)
}

/// One per line: after the first mistake in a line the parser tends to stumble
/// over the rest of it.
fn syntax_problems(text: &str, errors: &[toml::de::Error]) -> Vec<Problem> {
    let starts = line_starts(text);
    let mut problems: Vec<Problem> = errors
        .iter()
        .map(|error| {
            let offset = error.span().map_or(0, |span| span.start);
            let line = starts.partition_point(|start| *start <= offset);
            let reason = error.message().replace('\n', ", ");
            Problem {
                line,
                key: String::new(),
                reason,
                nearest: None,
            }
        })
        .collect();
    problems.sort_by_key(|problem| problem.line);
    problems.dedup_by_key(|problem| problem.line);
    problems
}

/// `WEIR_…` variables that stand for a key, and the names of those that do not.
fn sort_variables(
    vars: impl Iterator<Item = (String, String)>,
) -> (BTreeMap<String, String>, Vec<String>) {
    let scalar = keys::TABLES.iter().filter(|table| !table.repeated);
    let known: Vec<String> = scalar
        .filter(|table| !matches!(table.path, "" | "store"))
        .flat_map(|table| table.keys.iter().map(|key| keys::variable(table.path, key)))
        .collect();
    let ours = vars.filter(|(name, _)| name.starts_with("WEIR_"));
    let (variables, unknown): (BTreeMap<_, _>, BTreeMap<_, _>) =
        ours.partition(|(name, _)| known.contains(name));
    (variables, unknown.into_keys().collect())
}

#[cfg(test)]
mod tests;
