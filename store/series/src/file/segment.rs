//! A Parquet file of rows, and the check that it is sound.
//!
//! A file never changes. It is encoded in memory and written at once; the manifest
//! records its length and CRC32C. The checksum is compared when the file is first
//! used, so a flipped bit is found before a wrong value is returned.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

use parquet::errors::ParquetError;
use thiserror::Error;
use weir_disk::Disk;

use crate::file::layout::Layout;
use crate::file::manifest::FileEntry;
use crate::rollup_step::RollupStep;

const READ_BYTES: usize = 1 << 20;

const UNKNOWN: u8 = 0;
const SOUND: u8 = 1;
const DAMAGED: u8 = 2;

/// Why a file could not be read or encoded.
#[derive(Debug, Error)]
pub(crate) enum SegmentError {
    /// It differs from the manifest: shorter, changed or missing.
    #[error("the file {path} is damaged: {found}")]
    Damaged { path: PathBuf, found: Damage },
    #[error("cannot read {path}: {source}")]
    Io { path: PathBuf, source: io::Error },
    #[error("cannot decode {path}: {source}")]
    Decode { path: PathBuf, source: ParquetError },
    #[error(transparent)]
    Encode(#[from] ParquetError),
}

#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub(crate) enum Damage {
    #[error("it is missing")]
    Missing,
    #[error("it has {found} bytes instead of {expected}")]
    Length { found: u64, expected: u64 },
    #[error("its checksum is {found:08x} instead of {expected:08x}")]
    Checksum { found: u32, expected: u32 },
}

/// A file that the manifest names.
#[derive(Debug)]
pub(crate) struct Segment {
    pub(crate) entry: FileEntry,
    pub(crate) layout: Layout,
    pub(crate) path: PathBuf,
    pub(crate) disk: Arc<dyn Disk>,
    state: AtomicU8,
    delete_on_drop: AtomicBool,
}

impl Segment {
    pub(crate) fn new(disk: Arc<dyn Disk>, dir: &Path, entry: FileEntry, layout: Layout) -> Self {
        let path = dir.join(entry.name());
        let (state, delete_on_drop) = (AtomicU8::new(UNKNOWN), AtomicBool::new(false));
        Self {
            entry,
            layout,
            path,
            disk,
            state,
            delete_on_drop,
        }
    }

    /// Removes the file once no query reads it: no manifest names it any longer.
    pub(crate) fn delete_on_drop(&self) {
        self.delete_on_drop.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_damaged(&self) -> bool {
        self.state.load(Ordering::Relaxed) == DAMAGED
    }

    /// Marks a file that this process wrote and synced: it needs no check.
    pub(crate) fn written(&self) {
        self.state.store(SOUND, Ordering::Relaxed);
    }

    /// Checks only its existence and length, without reading it.
    pub(crate) fn verify_length(&self) -> Result<(), SegmentError> {
        let file = self
            .disk
            .open(&self.path)
            .map_err(|source| self.missing_or_io(source))?;
        let found = file.len().map_err(|source| self.io(source))?;
        if found != self.entry.bytes {
            return Err(self.damaged(Damage::Length {
                found,
                expected: self.entry.bytes,
            }));
        }
        Ok(())
    }

    /// Reads the whole file and compares the checksum, once.
    pub(crate) fn verify(&self) -> Result<(), SegmentError> {
        match self.state.load(Ordering::Relaxed) {
            SOUND => return Ok(()),
            DAMAGED => return Err(self.damaged(Damage::Missing)),
            _ => {}
        }
        self.verify_length()?;
        let file = self
            .disk
            .open(&self.path)
            .map_err(|source| self.missing_or_io(source))?;
        let mut buffer = vec![0; READ_BYTES];
        let (mut offset, mut found) = (0, 0);
        loop {
            let read = file
                .read_at(offset, &mut buffer)
                .map_err(|source| self.io(source))?;
            if read == 0 {
                break;
            }
            found = crc32c::crc32c_append(found, &buffer[..read]);
            offset += read as u64;
        }
        if found != self.entry.crc32c {
            return Err(self.damaged(Damage::Checksum {
                found,
                expected: self.entry.crc32c,
            }));
        }
        self.state.store(SOUND, Ordering::Relaxed);
        Ok(())
    }

    /// Takes it out of service and renames it. True only for the first call.
    pub(crate) fn set_aside(&self) -> bool {
        if self.state.swap(DAMAGED, Ordering::Relaxed) == DAMAGED {
            return false;
        }
        let aside = self.path.with_added_extension("damaged");
        if let Err(error) = self.disk.rename(&self.path, &aside)
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(path = %self.path.display(), %error, "cannot rename a damaged file");
        }
        true
    }

    /// Checks a file again that no longer decodes: it may have changed since it was
    /// first used.
    pub(crate) fn decode_failed(&self, source: ParquetError) -> SegmentError {
        let (old, new) = (SOUND, UNKNOWN);
        let _ = self
            .state
            .compare_exchange(old, new, Ordering::Relaxed, Ordering::Relaxed);
        match self.verify() {
            Err(damaged) => damaged,
            Ok(()) => SegmentError::Decode {
                path: self.path.clone(),
                source,
            },
        }
    }

    fn damaged(&self, found: Damage) -> SegmentError {
        SegmentError::Damaged {
            path: self.path.clone(),
            found,
        }
    }

    pub(crate) fn io(&self, source: io::Error) -> SegmentError {
        SegmentError::Io {
            path: self.path.clone(),
            source,
        }
    }

    pub(crate) fn missing_or_io(&self, source: io::Error) -> SegmentError {
        match source.kind() {
            io::ErrorKind::NotFound => self.damaged(Damage::Missing),
            _ => self.io(source),
        }
    }
}

impl Drop for Segment {
    fn drop(&mut self) {
        if self.delete_on_drop.load(Ordering::Relaxed)
            && let Err(error) = self.disk.remove(&self.path)
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(path = %self.path.display(), %error, "cannot remove an old file");
        }
    }
}

/// A roll-up file.
#[derive(Clone, Debug)]
pub(crate) struct Rollup {
    pub(crate) step: RollupStep,
    /// The file of rows that it sums up; `None` when that file no longer exists.
    pub(crate) source: Option<u64>,
    pub(crate) segment: Arc<Segment>,
}
