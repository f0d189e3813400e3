//! From a file's text, or its path, to a configuration or its problems.
//!
//! Precedence: command-line flags (applied by the caller), then `WEIR_…`
//! variables, then the file, then the defaults.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use toml::de::DeTable;

use crate::assemble::{assemble, schema};
use crate::effective::{EffectiveKey, effective};
use crate::file::reader::{MAX_BYTES, Reader, line_starts};
use crate::file::schema::variable;
use crate::module::Modules;
use crate::{Config, LoadError, ModuleContent, Problem, Settings};

/// A configuration that was read under an environment.
#[derive(Clone, Debug, PartialEq)]
pub struct Loaded {
    pub config: Config,
    /// `WEIR_…` variables that stand for no key. Some belong to the command line
    /// (`WEIR_LOG`), others may be mistakes.
    pub unknown_variables: Vec<String>,
    /// What must be kept to replay the journal under this configuration.
    pub settings: Settings,
    /// Every key with its value, without secrets.
    pub keys: Vec<EffectiveKey>,
}

impl Config {
    /// Reads a configuration, or reports every problem in it. Reads no other file:
    /// names of files are not checked.
    pub fn from_toml(text: &str) -> Result<Self, Vec<Problem>> {
        Self::from_toml_with_env(text, std::iter::empty()).map(|loaded| loaded.config)
    }

    /// As [`Self::from_toml`], where a variable `WEIR_HTTP_LISTEN` takes precedence
    /// over the key `http.listen`, and so on for every key outside of a list. A
    /// variable turns its section on as a key in the file does: one of
    /// `store.influxdb` turns that store on. Variables that do not begin with
    /// `WEIR_` are ignored.
    pub fn from_toml_with_env(
        text: &str,
        vars: impl Iterator<Item = (String, String)>,
    ) -> Result<Loaded, Vec<Problem>> {
        read(text, vars, None, Modules::Files)
    }

    /// As [`Self::from_toml_with_env`], for a text that is part of a program: the
    /// program provides the content of modules by their name in the text.
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

    /// Reads what [`Loaded::settings`] kept; all other sections have their defaults.
    /// `content` finds the content of a module by its digest.
    ///
    /// # Errors
    /// Another version of Weir kept them, or a file that they name is missing.
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

    /// The defaults under the variables of [`Self::from_toml_with_env`]: the
    /// configuration without a file.
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

/// Reads no more than what [`read`] refuses: the path may be a device.
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
    let given = variables.clone();
    let mut reader = Reader::new(text, root.get_ref(), variables, folder, modules, schema());
    let config = assemble(&mut reader);
    settings.modules = std::mem::take(&mut reader.modules);
    let mut problems = reader.problems;
    if problems.is_empty() {
        let keys = effective(text, root.get_ref(), &given, &config);
        return Ok(Loaded {
            config,
            unknown_variables,
            settings,
            keys,
        });
    }
    problems.sort_by(|a, b| (a.line, &a.key, &a.reason).cmp(&(b.line, &b.key, &b.reason)));
    problems.dedup();
    Err(problems)
}

/// One per line: after the first mistake in a line, the parser often reports the
/// rest of the line too.
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

/// The `WEIR_…` variables that stand for a key, and the names of the others.
fn sort_variables(
    vars: impl Iterator<Item = (String, String)>,
) -> (BTreeMap<String, String>, Vec<String>) {
    let known: Vec<String> = schema()
        .scalar_tables()
        .flat_map(|table| {
            let values = table
                .keys
                .iter()
                .filter(|key| !schema().is_table(table.path, key));
            values.map(|key| variable(table.path, key))
        })
        .collect();
    let ours = vars.filter(|(name, _)| name.starts_with("WEIR_"));
    let (variables, unknown): (BTreeMap<_, _>, BTreeMap<_, _>) =
        ours.partition(|(name, _)| known.contains(name));
    (variables, unknown.into_keys().collect())
}

#[cfg(test)]
mod tests;
