//! The few file operations on which durability rests, behind one trait.
//!
//! [`RealDisk`] is the file system. [`sim::SimDisk`] is in memory; it loses unsynced
//! bytes, fails on demand and runs full, so that tests can cut the power at any
//! instant. Both promise only what POSIX does: bytes are durable after a sync of their
//! file, names after a sync of their folder.

mod read_only;
mod real;
pub mod sim;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

pub use read_only::ReadOnlyDisk;
pub use real::RealDisk;

/// A file system.
pub trait Disk: Send + Sync + fmt::Debug {
    /// Creates a file for appending and reading; fails when the name is taken.
    fn create_new(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;

    /// Opens an existing file for reading.
    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;

    /// Opens an existing file for appending and reading.
    fn open_append(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;

    /// A whole file. For small ones only: its size is the caller's memory.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;

    /// Replaces `to` when it exists. Both must be in one folder.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    fn remove(&self, path: &Path) -> io::Result<()>;

    fn exists(&self, path: &Path) -> io::Result<bool>;

    /// The files of a folder (not its folders), sorted by name.
    fn list(&self, dir: &Path) -> io::Result<Vec<PathBuf>>;

    fn create_dir_all(&self, dir: &Path) -> io::Result<()>;

    /// Makes the names in the folder durable.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;
}

/// An open file. It stays readable after its name was removed.
pub trait DiskFile: Send + Sync + fmt::Debug {
    /// Appends all bytes. When it fails, some of them may have been written.
    fn write_all(&self, bytes: &[u8]) -> io::Result<()>;

    /// Reads at an offset until the buffer or the file ends; returns how much.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize>;

    /// Length in bytes.
    fn len(&self) -> io::Result<u64>;

    fn is_empty(&self) -> io::Result<bool> {
        self.len().map(|len| len == 0)
    }

    /// Cuts the file, or extends it with zeros.
    fn set_len(&self, len: u64) -> io::Result<()>;

    /// fdatasync: the bytes and the metadata needed to read them. Never call it again
    /// after a failure: the kernel has dropped the bytes and would report success.
    fn sync_data(&self) -> io::Result<()>;

    /// fsync. As with [`Self::sync_data`], never again after a failure.
    fn sync_all(&self) -> io::Result<()>;
}

/// Replaces the content of `path` atomically: after a crash it holds either `bytes` or
/// its previous content. A file beside it is written, synced and renamed, and the
/// folder is synced.
pub fn replace(disk: &dyn Disk, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let beside = path.with_added_extension("tmp");
    if disk.exists(&beside)? {
        disk.remove(&beside)?;
    }
    let file = disk.create_new(&beside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    drop(file);
    disk.rename(&beside, path)?;
    disk.sync_dir(path.parent().unwrap_or(Path::new("")))
}
