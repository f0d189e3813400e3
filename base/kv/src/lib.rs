//! Opens the small databases beside the series (alarms, quarantine, shadows): redb,
//! created so that a crash cannot damage it.
//!
//! redb writes the head of a new file in several steps. A process that is killed in
//! between leaves a file that no later start can open. So a new database is created
//! under another name, synced, and renamed: under its own name it is always complete.
//! A [`Database`] recovers from a failed write without a restart.

mod backend;
mod database;

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use redb::DatabaseError;
use redb::backends::FileBackend;
use thiserror::Error;

pub use database::Database;
use database::Watch;

/// Why a database cannot be used.
#[derive(Debug, Error)]
pub enum OpenError {
    #[error("the database {path} is in use")]
    InUse { path: PathBuf },
    /// Not a database, or a damaged one: restore it, or move it away.
    #[error("the database {path} cannot be read: {source}")]
    Unreadable {
        path: PathBuf,
        source: Box<redb::Error>,
    },
    #[error("the database {path} cannot be made: {source}")]
    Make { path: PathBuf, source: io::Error },
}

/// Implements `From` for the errors of redb's transactions and tables: they become a
/// variant of the caller's error that holds a `Box<redb::Error>`. A generic `From<E>`
/// would conflict with the error's other sources.
#[macro_export]
macro_rules! from_redb {
    ($error:ident :: $variant:ident) => {
        $crate::from_redb!(
            $error::$variant,
            TransactionError,
            TableError,
            StorageError,
            CommitError
        );
    };
    ($error:ident :: $variant:ident, $($source:ident),+) => {$(
        impl From<redb::$source> for $error {
            fn from(error: redb::$source) -> Self {
                Self::$variant(Box::new(error.into()))
            }
        }
    )+};
}

/// Opens the database at `path`, or creates it. `cache_bytes` bounds its memory.
pub fn open(path: &Path, cache_bytes: usize) -> Result<Database, OpenError> {
    let make = |source| OpenError::Make {
        path: path.to_owned(),
        source,
    };
    // A crash of an older version can leave an empty file.
    let there = path.metadata().is_ok_and(|file| file.len() > 0);
    if !there {
        let partial = path.with_extension("new");
        match fs::remove_file(&partial) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(make(error)),
            _ => {}
        }
        drop(create(&partial, cache_bytes)?);
        File::open(&partial)
            .and_then(|file| file.sync_all())
            .map_err(make)?;
        fs::rename(&partial, path).map_err(make)?;
        let folder = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or(Path::new("."));
        File::open(folder)
            .and_then(|folder| folder.sync_all())
            .map_err(make)?;
    }
    create(path, cache_bytes)
}

fn create(path: &Path, cache_bytes: usize) -> Result<Database, OpenError> {
    let file = path.to_owned();
    let make = move |watch: Watch| {
        let file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&file)?;
        builder(cache_bytes).create_with_backend(watch.over(FileBackend::new(file)?))
    };
    Database::open(make).map_err(|error| match error {
        DatabaseError::DatabaseAlreadyOpen => OpenError::InUse {
            path: path.to_owned(),
        },
        error => OpenError::Unreadable {
            path: path.to_owned(),
            source: Box::new(error.into()),
        },
    })
}

fn builder(cache_bytes: usize) -> redb::Builder {
    let mut builder = redb::Database::builder();
    builder.set_cache_size(cache_bytes);
    builder
}

#[cfg(test)]
mod tests {
    use redb::TableDefinition;

    use super::*;

    const TABLE: TableDefinition<'_, u64, u64> = TableDefinition::new("table");
    const CACHE: usize = 1 << 20;

    #[test]
    fn what_was_committed_is_there_after_opening_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.redb");
        let database = open(&path, CACHE).unwrap();
        assert!(matches!(open(&path, CACHE), Err(OpenError::InUse { .. })));
        let transaction = database.begin_write().unwrap();
        transaction.open_table(TABLE).unwrap().insert(1, 2).unwrap();
        transaction.commit().unwrap();
        drop(database);
        let database = open(&path, CACHE).unwrap();
        let table = database.begin_read().unwrap().open_table(TABLE).unwrap();
        assert_eq!(table.get(1).unwrap().unwrap().value(), 2);
    }

    #[test]
    fn what_a_killed_creation_left_is_in_nobodys_way() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.redb");
        fs::write(path.with_extension("new"), b"half a head").unwrap();
        fs::write(&path, b"").unwrap();
        open(&path, CACHE).unwrap();
        assert!(!path.with_extension("new").exists());
    }

    #[test]
    fn a_foreign_file_is_refused_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.redb");
        fs::write(
            &path,
            b"something else entirely, longer than a magic number",
        )
        .unwrap();
        assert!(matches!(
            open(&path, CACHE),
            Err(OpenError::Unreadable { .. })
        ));
        assert!(path.metadata().unwrap().len() > 0);
    }
}
