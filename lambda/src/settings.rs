//! The configuration that comes with the function: `weir.toml` beside the program,
//! or the file that `WEIR_CONFIG` names, under the `WEIR_…` variables.

use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use weir_config::{Config, LoadError, Loaded, Problem};
use weir_model::Timestamp;

use crate::check::check;
use crate::handler::Settings;

/// The file's name beside the program.
pub const FILE: &str = "weir.toml";

/// Reads and checks the configuration. Without a file, the defaults.
pub fn load(path: Option<&Path>, service: &str) -> Result<Settings, LoadError> {
    let variables = std::env::vars();
    let (loaded, text) = match path {
        Some(path) => {
            let loaded = Config::load_with_env(path, variables)?;
            let text = std::fs::read_to_string(path).map_err(|source| LoadError::Read {
                path: path.to_owned(),
                source,
            })?;
            (loaded, text)
        }
        None => (Config::from_env(variables)?, String::new()),
    };
    let problems = check(&loaded.config, &text);
    if problems.is_empty() {
        return Ok(of(loaded, service));
    }
    Err(LoadError::Invalid {
        path: path.map_or_else(PathBuf::new, Path::to_owned),
        problems,
    })
}

/// A configuration that is part of a program.
pub fn from_text(text: &str, service: &str) -> Result<Settings, Vec<Problem>> {
    let loaded = Config::from_toml_with_env(text, std::iter::empty())?;
    let problems = check(&loaded.config, text);
    match problems.is_empty() {
        true => Ok(of(loaded, service)),
        false => Err(problems),
    }
}

/// Of a configuration that was read and checked.
pub fn of(loaded: Loaded, service: &str) -> Settings {
    Settings {
        digest: digest(&loaded),
        config: loaded.config,
        service: service.to_owned(),
        clock: Timestamp::now,
    }
}

/// Differs between configurations that decide differently about messages: the first eight
/// bytes of a SHA-256.
pub fn digest(loaded: &Loaded) -> u64 {
    let settings = &loaded.settings;
    let mut hash = Sha256::new();
    let mut add = |text: &str| {
        hash.update((text.len() as u64).to_le_bytes());
        hash.update(text);
    };
    add(&settings.toml);
    for (name, value) in settings.variables.iter().chain(&settings.modules) {
        add(name);
        add(value);
    }
    let mut first = [0; 8];
    first.copy_from_slice(&hash.finalize()[..8]);
    u64::from_be_bytes(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_changes_with_what_decides_and_with_nothing_else() {
        let digest = |text: &str| from_text(text, "weir").unwrap().digest;
        let function = "[[function]]\nname = \"hot\"\nkind = \"threshold\"\nwarning_high = 50\n";
        let other = function.replace("50", "51");
        assert_ne!(digest(function), digest(&other));
        assert_eq!(
            digest(function),
            digest(&format!("{function}[query]\nmax_rows = 5\n"))
        );
    }
}
