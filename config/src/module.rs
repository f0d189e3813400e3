//! The file of a WebAssembly function, read once with the configuration.
//!
//! The content counts, not the name: two configurations that name the same file
//! with different content differ. So a changed module is a changed configuration,
//! which a reload applies and the history of configurations records.

use std::any::Any;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::{Config, FunctionKind};

/// The largest file that is read.
const MAX_BYTES: u64 = 8 << 20;

/// A module as a function names it.
#[derive(Clone, Debug)]
pub struct Module {
    /// Resolved against the folder of the configuration.
    pub path: PathBuf,
    /// Of the key in the file. Modules on different lines may be equal.
    pub line: usize,
    pub content: Arc<ModuleContent>,
}

impl PartialEq for Module {
    fn eq(&self, other: &Self) -> bool {
        self.path == other.path && self.content.digest == other.content.digest
    }
}

/// Why a module could not be read.
#[derive(Debug, Error)]
pub enum ModuleError {
    #[error("{}: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("{} is not a file", path.display())]
    NotAFile { path: PathBuf },
    #[error("{} has more than 8MiB", path.display())]
    TooLarge { path: PathBuf },
}

/// The bytes of a module, in the binary format or the text format.
pub struct ModuleContent {
    bytes: Vec<u8>,
    digest: String,
    prepared: OnceLock<Box<dyn Any + Send + Sync>>,
}

impl ModuleContent {
    pub fn new(bytes: Vec<u8>) -> Self {
        let digest = Sha256::digest(&bytes);
        Self {
            digest: hex::encode(digest),
            bytes,
            prepared: OnceLock::new(),
        }
    }

    /// Reads a file of up to 8 MiB.
    ///
    /// # Errors
    /// The file cannot be read, is not a regular file, or is too large.
    pub fn load(path: &Path) -> Result<Self, ModuleError> {
        let failed = |source| ModuleError::Read {
            path: path.to_owned(),
            source,
        };
        // Opening a pipe would wait for a writer.
        if !path.metadata().map_err(failed)?.is_file() {
            return Err(ModuleError::NotAFile {
                path: path.to_owned(),
            });
        }
        let file = File::open(path).map_err(failed)?;
        let mut bytes = Vec::new();
        file.take(MAX_BYTES + 1)
            .read_to_end(&mut bytes)
            .map_err(failed)?;
        if bytes.len() as u64 > MAX_BYTES {
            return Err(ModuleError::TooLarge {
                path: path.to_owned(),
            });
        }
        Ok(Self::new(bytes))
    }

    /// The former form of [`Self::load`], with the error as a sentence.
    pub fn read(path: &Path) -> Result<Self, String> {
        Self::load(path).map_err(|error| error.to_string())
    }

    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// SHA-256 of the bytes, in hexadecimal.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// What the host of modules makes of the bytes: made by the first call and
    /// shared by all users of this content.
    pub fn prepared<T: Any + Send + Sync>(&self, make: impl FnOnce(&[u8]) -> T) -> &T {
        let prepared = self.prepared.get_or_init(|| Box::new(make(&self.bytes)));
        prepared
            .downcast_ref()
            .expect("there is one host of modules, which makes one type of them")
    }
}

impl fmt::Debug for ModuleContent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ModuleContent")
            .field("bytes", &self.bytes.len())
            .field("digest", &self.digest)
            .finish_non_exhaustive()
    }
}

impl Config {
    /// The modules of all functions, in their order.
    pub fn modules(&self) -> impl Iterator<Item = &Module> {
        let functions = self.functions.iter();
        functions.filter_map(|function| match &function.kind {
            FunctionKind::Wasm(settings) => Some(&settings.module),
            _ => None,
        })
    }
}

/// Where the contents of modules come from.
#[derive(Clone, Copy)]
pub(crate) enum Modules<'a> {
    /// From the files. Without a folder they are empty.
    Files,
    /// By the name in the configuration: kept from an earlier one, or built in.
    Given(&'a dyn Fn(&str) -> Option<Arc<ModuleContent>>),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_is_known_by_its_digest() {
        let content = ModuleContent::new(b"abc".to_vec());
        assert!(
            content
                .digest()
                .starts_with("ba7816bf8f01cfea414140de5dae2223")
        );
        assert_eq!(content.prepared(|bytes| bytes.len()), &3);
        assert_eq!(content.prepared(|_| 0_usize), &3);
    }

    #[test]
    fn what_is_in_force_is_the_content_of_then() {
        let folder = tempfile::tempdir().unwrap();
        let (file, module) = (folder.path().join("weir.toml"), folder.path().join("a.wat"));
        let text = "[[function]]\nname = \"own\"\nkind = \"wasm\"\nmodule = \"a.wat\"\n";
        std::fs::write(&file, text).unwrap();
        std::fs::write(&module, "first").unwrap();
        let load = || Config::load_with_env(&file, std::iter::empty()).unwrap();
        let first = load();
        assert_eq!(first.config.modules().next().unwrap().line, 4);
        std::fs::write(&module, "second").unwrap();
        let changes = first.config.changes(&load().config);
        assert_eq!(changes.live, ["function.own"]);

        let content = first.config.modules().next().unwrap().content.clone();
        let digest = content.digest().to_owned();
        let kept = |wanted: &str| (wanted == digest).then(|| content.clone());
        let again = Config::from_settings(&first.settings, &kept).unwrap();
        assert_eq!(again.functions, first.config.functions);
        let problems = Config::from_settings(&first.settings, &|_| None).unwrap_err();
        assert_eq!(
            problems[0].to_string(),
            "function.module: the content of a.wat is not known"
        );
        std::fs::remove_file(&module).unwrap();
        let reported = Config::load(&file).unwrap_err().to_string();
        assert!(
            reported.contains("weir.toml:4: function.module: "),
            "{reported}"
        );
    }

    #[test]
    fn a_file_that_is_none_or_too_large_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let reported = ModuleContent::load(folder.path()).unwrap_err().to_string();
        assert!(reported.ends_with("is not a file"), "{reported}");
        let path = folder.path().join("large.wasm");
        File::create(&path).unwrap().set_len(100 << 20).unwrap();
        let reported = ModuleContent::load(&path).unwrap_err().to_string();
        assert!(
            reported.ends_with("large.wasm has more than 8MiB"),
            "{reported}"
        );
    }
}
