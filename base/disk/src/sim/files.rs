//! The operations of a simulated disk and its open files.

use std::io;
use std::path::{Path, PathBuf};

use super::inode::Inode;
use super::{NameChange, SimDisk, count_down};
use crate::{Disk, DiskFile};

impl Disk for SimDisk {
    fn create_new(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let mut state = self.change()?;
        if state.names.contains_key(path) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let inode = state.inodes.len();
        state.inodes.push(Inode::default());
        state.rename(NameChange {
            removed: None,
            added: Some((path.to_owned(), inode)),
        });
        Ok(self.file(inode))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let inode = self.on()?.inode_of(path)?;
        Ok(self.file(inode))
    }

    fn open_append(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let inode = self.change()?.inode_of(path)?;
        Ok(self.file(inode))
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let state = self.on()?;
        let inode = state.inode_of(path)?;
        Ok(state.inodes[inode].live.clone())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.change()?;
        let inode = state.inode_of(from)?;
        let removed = Some(from.to_owned());
        state.rename(NameChange {
            removed,
            added: Some((to.to_owned(), inode)),
        });
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.change()?;
        state.inode_of(path)?;
        state.rename(NameChange {
            removed: Some(path.to_owned()),
            added: None,
        });
        Ok(())
    }

    fn exists(&self, path: &Path) -> io::Result<bool> {
        Ok(self.on()?.names.contains_key(path))
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<PathBuf>> {
        let state = self.on()?;
        Ok(state
            .names
            .keys()
            .filter(|path| path.parent() == Some(dir))
            .cloned()
            .collect())
    }

    /// Folders are there already.
    fn create_dir_all(&self, _: &Path) -> io::Result<()> {
        self.on().map(|_| ())
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.sync(|state, succeeds| {
            let changes = std::mem::take(&mut state.unsynced_names);
            let (synced, rest) = changes.into_iter().partition(|change| change.is_in(dir));
            state.unsynced_names = rest;
            let synced: Vec<NameChange> = synced;
            if succeeds {
                synced
                    .iter()
                    .for_each(|change| change.apply(&mut state.durable_names));
            }
        })
    }
}

#[derive(Debug)]
pub(super) struct SimFile {
    pub(super) disk: SimDisk,
    pub(super) inode: usize,
}

impl DiskFile for SimFile {
    fn write_all(&self, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.disk.change()?;
        let room = state
            .budget
            .map_or(u64::MAX, |budget| budget.saturating_sub(state.used()));
        let fits = bytes.len().min(usize::try_from(room).unwrap_or(usize::MAX));
        let fails = count_down(&mut state.failing_write);
        let written = if fails { fits / 2 } else { fits };
        state.inodes[self.inode].append(&bytes[..written]);
        if fails {
            return Err(io::Error::other("input/output error"));
        }
        if fits < bytes.len() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        Ok(())
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let state = self.disk.on()?;
        let live = &state.inodes[self.inode].live;
        let rest = usize::try_from(offset)
            .ok()
            .and_then(|offset| live.get(offset..))
            .unwrap_or_default();
        let read = rest.len().min(buffer.len());
        buffer[..read].copy_from_slice(&rest[..read]);
        Ok(read)
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.disk.on()?.inodes[self.inode].live.len() as u64)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.disk.change()?.inodes[self.inode].set_len(len as usize);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        self.disk
            .sync(|state, succeeds| state.inodes[self.inode].sync(succeeds))
    }

    fn sync_all(&self) -> io::Result<()> {
        self.sync_data()
    }
}
