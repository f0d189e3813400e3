//! A redb database that stays usable after a failed write.
//!
//! After the first failed read or write redb refuses everything until it is opened
//! again, so a disk that was full for a second would require a restart. Here the next
//! transaction reopens it in the state of the last commit, as after a crash. A failed
//! sync is final: the kernel has dropped the bytes and would report success for the
//! next sync.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::RwLock;
use redb::{
    DatabaseError, ReadTransaction, ReadableDatabase, StorageBackend, StorageError,
    TransactionError, WriteTransaction,
};

use crate::backend::Watched;

type Make = dyn Fn(Watch) -> Result<redb::Database, DatabaseError> + Send + Sync;

/// Wraps a backend so that its syncs are watched.
#[derive(Clone, Debug)]
pub(crate) struct Watch(Arc<AtomicBool>);

impl Watch {
    pub(crate) fn over<B: StorageBackend>(self, backend: B) -> Watched<B> {
        Watched::new(backend, self.0)
    }
}

/// An open database.
pub struct Database {
    make: Box<Make>,
    /// `None` when it was closed and could not be reopened.
    open: RwLock<Option<redb::Database>>,
    sync_failed: Arc<AtomicBool>,
}

impl Database {
    /// `make` opens the database, now and whenever it must be reopened.
    pub(crate) fn open(
        make: impl Fn(Watch) -> Result<redb::Database, DatabaseError> + Send + Sync + 'static,
    ) -> Result<Self, DatabaseError> {
        let sync_failed = Arc::new(AtomicBool::new(false));
        let open = make(Watch(sync_failed.clone()))?;
        Ok(Self {
            make: Box::new(make),
            open: RwLock::new(Some(open)),
            sync_failed,
        })
    }

    /// Begins a transaction that sees what is committed.
    pub fn begin_read(&self) -> Result<ReadTransaction, TransactionError> {
        self.begin(redb::Database::begin_read)
    }

    /// Begins a transaction, after any other one that writes has ended.
    pub fn begin_write(&self) -> Result<WriteTransaction, TransactionError> {
        self.begin(redb::Database::begin_write)
    }

    fn begin<T>(
        &self,
        begin: impl Fn(&redb::Database) -> Result<T, TransactionError>,
    ) -> Result<T, TransactionError> {
        let begun = self.open.read().as_ref().map(&begin);
        if let Some(result) = begun
            && !is_refused(&result)
        {
            return result;
        }
        if self.sync_failed.load(Ordering::Acquire) {
            let error = io::Error::other("fdatasync has failed: the database needs a restart");
            return Err(StorageError::from(error).into());
        }
        let mut open = self.open.write();
        // Another thread may have reopened it.
        if let Some(result) = open.as_ref().map(&begin)
            && !is_refused(&result)
        {
            return result;
        }
        // The file lock must be released first.
        *open = None;
        let opened = (self.make)(Watch(self.sync_failed.clone())).map_err(storage_error)?;
        begin(open.insert(opened))
    }
}

fn is_refused<T>(result: &Result<T, TransactionError>) -> bool {
    matches!(
        result,
        Err(TransactionError::Storage(StorageError::PreviousIo))
    )
}

fn storage_error(error: DatabaseError) -> TransactionError {
    let error = match error {
        DatabaseError::Storage(error) => error,
        other => io::Error::other(other.to_string()).into(),
    };
    error.into()
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Database")
            .field("sync_failed", &self.sync_failed)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
