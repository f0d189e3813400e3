//! The modules of WebAssembly that configurations named, by their content.
//!
//! A file that a configuration names may be another one tomorrow; a replay needs
//! the one of then. So each content is kept once, under its digest, before a
//! configuration with it is recorded, and until the last such one is forgotten:
//!
//! ```text
//! modules/{SHA-256 in hexadecimal}.wasm
//! ```

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use parking_lot::Mutex;
use tracing::{error, warn};
use weir_config::{Config, ModuleContent};
use weir_disk::{RealDisk, replace};

#[derive(Debug)]
pub(super) struct Modules {
    folder: PathBuf,
    /// Those that were asked for, so that they are compiled once.
    known: Mutex<HashMap<String, Arc<ModuleContent>>>,
}

impl Modules {
    /// `config` is the one of the start.
    pub(super) fn new(folder: PathBuf, config: &Config) -> Self {
        let known = config.modules().map(|module| {
            let content = module.content.clone();
            (content.digest().to_owned(), content)
        });
        Self {
            folder,
            known: Mutex::new(known.collect()),
        }
    }

    /// The content of the module with this digest; `None` when it is gone or damaged.
    pub(super) fn content(&self, digest: &str) -> Option<Arc<ModuleContent>> {
        let mut known = self.known.lock();
        if let Some(content) = known.get(digest) {
            return Some(content.clone());
        }
        // What the configuration's file says is not to lead out of the folder.
        if !digest.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        let path = self.path(digest);
        let content = match ModuleContent::read(&path) {
            Ok(content) if content.digest() == digest => Arc::new(content),
            Ok(_) => {
                error!(path = %path.display(), "a module that was kept is damaged");
                return None;
            }
            Err(reason) => {
                error!(reason, "a module that was kept cannot be read");
                return None;
            }
        };
        known.insert(digest.to_owned(), content.clone());
        Some(content)
    }

    /// Makes the modules of a configuration durable.
    pub(super) fn keep(&self, config: &Config) -> io::Result<()> {
        for module in config.modules() {
            let path = self.path(module.content.digest());
            if path.exists() {
                continue;
            }
            fs::create_dir_all(&self.folder)?;
            replace(&RealDisk, &path, module.content.bytes())?;
        }
        Ok(())
    }

    /// Forgets all but these. One that cannot be removed is only in the way.
    pub(super) fn retain(&self, digests: &BTreeSet<&str>) {
        self.known
            .lock()
            .retain(|digest, _| digests.contains(digest.as_str()));
        let Ok(files) = fs::read_dir(&self.folder) else {
            return;
        };
        for file in files.flatten() {
            let path = file.path();
            let name = path.file_stem().and_then(|name| name.to_str());
            if name.is_none_or(|name| digests.contains(name)) {
                continue;
            }
            if let Err(error) = fs::remove_file(&path) {
                warn!(path = %path.display(), %error, "a module is kept that nobody needs");
            }
        }
    }

    fn path(&self, digest: &str) -> PathBuf {
        self.folder.join(format!("{digest}.wasm"))
    }
}
