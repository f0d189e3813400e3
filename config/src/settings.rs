//! What of a configuration is kept beside the journal, so that a replay decides
//! about old messages as they were decided about then.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::assemble::schema;
use crate::deciding::DECIDING_TABLES;
use crate::file::schema::variable;

/// The part of a configuration that decides what becomes of a message, as it was
/// written: kept beside the journal, and read again by
/// [`Config::from_settings`](crate::Config::from_settings). It names no secret:
/// its tables hold none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// The deciding tables of the file.
    pub toml: String,
    /// The `WEIR_…` variables that stand for keys of these.
    pub variables: BTreeMap<String, String>,
    /// The folder that relative file names start from.
    pub folder: Option<PathBuf>,
    /// The content of the modules that functions name: digests by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub modules: BTreeMap<String, String>,
}

impl Settings {
    /// `text` has been read without a problem.
    pub(crate) fn new(
        text: &str,
        variables: &BTreeMap<String, String>,
        folder: Option<&Path>,
    ) -> Self {
        let mut table: toml::Table = text.parse().unwrap_or_default();
        table.retain(|name, _| DECIDING_TABLES.contains(&name));
        let tables = schema().tables().iter();
        let deciding: Vec<String> = tables
            .filter(|table| DECIDING_TABLES.contains(&table.path))
            .flat_map(|table| table.keys.iter().map(|key| variable(table.path, key)))
            .collect();
        let kept = variables.iter().filter(|(name, _)| deciding.contains(name));
        Self {
            toml: table.to_string(),
            variables: kept
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect(),
            folder: folder.map(Path::to_owned),
            modules: BTreeMap::new(),
        }
    }
}
