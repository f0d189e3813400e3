//! The file system, read-only.

use std::io;
use std::path::{Path, PathBuf};

use crate::{Disk, DiskFile, RealDisk};

/// The machine's file system without changes: creating a file fails; creating folders,
/// renaming and removing have no effect.
#[derive(Clone, Copy, Debug, Default)]
pub struct ReadOnlyDisk;

impl Disk for ReadOnlyDisk {
    fn create_new(&self, _: &Path) -> io::Result<Box<dyn DiskFile>> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        RealDisk.open(path)
    }

    fn open_append(&self, _: &Path) -> io::Result<Box<dyn DiskFile>> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        RealDisk.read(path)
    }

    fn rename(&self, _: &Path, _: &Path) -> io::Result<()> {
        Ok(())
    }

    fn remove(&self, _: &Path) -> io::Result<()> {
        Ok(())
    }

    fn exists(&self, path: &Path) -> io::Result<bool> {
        RealDisk.exists(path)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<PathBuf>> {
        RealDisk.list(dir)
    }

    fn create_dir_all(&self, _: &Path) -> io::Result<()> {
        Ok(())
    }

    fn sync_dir(&self, _: &Path) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_changed() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a");
        std::fs::write(&file, "text").unwrap();
        let disk = ReadOnlyDisk;
        assert_eq!(disk.read(&file).unwrap(), b"text");
        disk.remove(&file).unwrap();
        disk.rename(&file, &folder.path().join("b")).unwrap();
        disk.create_dir_all(&folder.path().join("c")).unwrap();
        assert!(disk.create_new(&folder.path().join("d")).is_err());
        assert!(disk.open_append(&file).is_err());
        assert_eq!(disk.list(folder.path()).unwrap(), [file]);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
