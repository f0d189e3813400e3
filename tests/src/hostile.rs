//! What every SQL endpoint is tested with: hostile statements, credentials.

use std::fs;
use std::path::Path;

use serde::Deserialize;

/// `tests/hostile.json`. The scripts of `tests/python/` read the same file.
#[derive(Clone, Debug, Deserialize)]
pub struct Hostile {
    /// Writes, files, settings, bombs by one function: refused before they run.
    pub refused: Vec<String>,
    /// Queries without end or measure: stopped by a limit of [`TIGHT_LIMITS`].
    pub stopped: Vec<String>,
}

/// For a scenario that tries them: a configuration in which stopping is quick.
pub const TIGHT_LIMITS: &str =
    "[query]\ntimeout = \"2s\"\nmax_rows = 10000\nmax_memory = \"16MiB\"\n";

/// A configuration in which only the identity `weir` may read, by the token
/// `reader-token-0123456789`. The access file goes to this folder.
pub fn with_reader(folder: &Path) -> String {
    let file = folder.join("access.toml");
    let access = "[[identity]]\nname = \"weir\"\nrole = \"reader\"\nsecrets = \
        [\"sha256:b3057e05d75e8cdca4bd6ddd527af736913e8464a7a3d47d7a09389eaa8e1eb4\"]\n";
    fs::write(&file, access).expect("the folder is writable");
    format!("[auth]\nfile = {:?}\n", file.display().to_string())
}

impl Hostile {
    pub fn read() -> Self {
        serde_json::from_str(include_str!("../hostile.json")).expect("it is in order")
    }
}
