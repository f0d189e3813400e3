//! A configuration as it is read before anything is done with it: with the
//! modules that its functions name compiled and tried.

use std::path::Path;

use weir_config::{Config, LoadError, Loaded};

/// Reads a file under these variables.
pub fn load(
    path: &Path,
    variables: impl Iterator<Item = (String, String)>,
) -> Result<Loaded, LoadError> {
    let loaded = Config::load_with_env(path, variables)?;
    let problems = weir_engine::check(&loaded.config);
    if problems.is_empty() {
        Ok(loaded)
    } else {
        Err(LoadError::Invalid {
            path: path.to_owned(),
            problems,
        })
    }
}
