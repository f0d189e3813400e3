//! The data folder: where everything is stored in it, and the lock that keeps a
//! second process out.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

use thiserror::Error;

/// An opened, locked data folder. The lock is the operating system's: it goes
/// with the process, however that ends.
#[derive(Debug)]
pub struct DataDir {
    root: PathBuf,
    _lock: File,
}

#[derive(Debug, Error)]
pub enum DataDirError {
    #[error("{path} is in use by process {pid}; stop it first or choose another --data-dir")]
    InUse { path: PathBuf, pid: String },
    #[error("cannot use {path} as data folder: {source}")]
    Io { path: PathBuf, source: io::Error },
}

impl DataDir {
    pub fn open(root: &Path) -> Result<Self, DataDirError> {
        let failed = |source| DataDirError::Io {
            path: root.to_owned(),
            source,
        };
        fs::create_dir_all(root).map_err(failed)?;
        let mut lock = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(root.join("lock"))
            .map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut pid = String::new();
                lock.read_to_string(&mut pid).map_err(failed)?;
                let pid = pid.trim().to_owned();
                return Err(DataDirError::InUse {
                    path: root.to_owned(),
                    pid,
                });
            }
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
        lock.set_len(0)
            .and_then(|()| lock.rewind())
            .map_err(failed)?;
        writeln!(lock, "{}", std::process::id()).map_err(failed)?;
        Ok(Self {
            root: root.to_owned(),
            _lock: lock,
        })
    }

    pub(crate) fn journal(&self) -> PathBuf {
        self.root.join("journal")
    }

    pub(crate) fn store(&self) -> PathBuf {
        self.root.join("store")
    }

    pub(crate) fn configurations(&self) -> PathBuf {
        self.root.join("configurations.json")
    }

    pub(crate) fn alarms(&self) -> PathBuf {
        self.root.join("alarms.redb")
    }

    pub(crate) fn quarantine(&self) -> PathBuf {
        self.root.join("quarantine.redb")
    }

    pub(crate) fn shadows(&self) -> PathBuf {
        self.root.join("shadows.redb")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_opening_is_refused_with_the_pid() {
        let folder = tempfile::tempdir().unwrap();
        let first = DataDir::open(folder.path()).unwrap();
        let error = DataDir::open(folder.path()).unwrap_err().to_string();
        assert!(
            error.contains(&format!("process {}", std::process::id())),
            "{error}"
        );
        drop(first);
        DataDir::open(folder.path()).unwrap();
    }
}
