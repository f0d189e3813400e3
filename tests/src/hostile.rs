//! The statements that every door for SQL is tried with.

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

impl Hostile {
    pub fn read() -> Self {
        serde_json::from_str(include_str!("../hostile.json")).expect("it is in order")
    }
}
