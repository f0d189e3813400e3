//! The problems in a configuration, for the person who fixes them.

use std::fmt;
use std::io;
use std::path::PathBuf;

use serde::Serialize;
use thiserror::Error;

/// One problem. `weir check --json` prints a list of these.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Counted from 1; 0 when an environment variable is at fault.
    pub line: usize,
    /// The full key, `http.listen`, or the variable's name. Empty for a mistake
    /// in the syntax.
    pub key: String,
    /// What is wrong and what is expected. Holds no secret.
    pub reason: String,
    /// For an unknown key: the one that was probably meant.
    pub nearest: Option<String>,
}

impl fmt::Display for Problem {
    /// `http.lisen: unknown key; did you mean http.listen?`, without the line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        f.write_str(&self.reason)?;
        match &self.nearest {
            Some(nearest) => write!(f, "; did you mean {nearest}?"),
            None => Ok(()),
        }
    }
}

/// Why a configuration could not be loaded.
#[derive(Debug, Error)]
pub enum LoadError {
    #[error("{}: cannot be read: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    /// One line per problem, each beginning with `file:line:`.
    #[error("{}", list(path, problems))]
    Invalid {
        path: PathBuf,
        problems: Vec<Problem>,
    },
}

fn list(path: &std::path::Path, problems: &[Problem]) -> String {
    let line = |problem: &Problem| match problem.line {
        0 => format!("environment: {problem}"),
        line => format!("{}:{line}: {problem}", path.display()),
    };
    problems.iter().map(line).collect::<Vec<_>>().join("\n")
}
