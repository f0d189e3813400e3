//! The manifest: one file, replaced atomically, that states what is durable.
//!
//! ```text
//! manifest-<sequence, 16 hex digits>:
//! magic "WEIRMANI" | version u32 | CRC32C of the payload u32 | length u64 | payload
//! ```
//!
//! Integers are little-endian; the payload is [`Manifest`] in postcard, without the
//! roll-ups in version 1. The last two manifests are kept: if the newest is damaged,
//! the previous one is used, and its files still exist.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use thiserror::Error;
use weir_disk::Disk;
use weir_model::{Column, Position, ReadingCounts};

use crate::file::layout::Layout;
use crate::rollup_step::RollupStep;

const MAGIC: &[u8; 8] = b"WEIRMANI";
const VERSION: u32 = 2;
/// Without roll-ups.
const VERSION_1: u32 = 1;
const HEADER_BYTES: usize = 24;
const PREFIX: &str = "manifest-";

/// Everything that a checkpoint commits at once.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Manifest {
    pub(crate) sequence: u64,
    pub(crate) position: Position,
    pub(crate) counts: ReadingCounts,
    pub(crate) next_file: u64,
    /// Readings that retention has removed from the files.
    pub(crate) removed_readings: u64,
    /// Readings before this instant (nanoseconds) are expired.
    pub(crate) horizon: i64,
    /// Files set aside as damaged, and the readings in them.
    pub(crate) damaged_files: u64,
    pub(crate) damaged_readings: u64,
    pub(crate) kinds: Vec<KindEntry>,
    pub(crate) files: Vec<FileEntry>,
    /// The engine's snapshot; opaque to the store.
    pub(crate) snapshot: Vec<u8>,
    pub(crate) rollups: Vec<RollupEntry>,
}

/// A [`Manifest`] of version 1.
#[derive(Deserialize)]
struct ManifestV1 {
    sequence: u64,
    position: Position,
    counts: ReadingCounts,
    next_file: u64,
    removed_readings: u64,
    horizon: i64,
    damaged_files: u64,
    damaged_readings: u64,
    kinds: Vec<KindEntry>,
    files: Vec<FileEntry>,
    snapshot: Vec<u8>,
}

impl From<ManifestV1> for Manifest {
    fn from(old: ManifestV1) -> Self {
        Self {
            sequence: old.sequence,
            position: old.position,
            counts: old.counts,
            next_file: old.next_file,
            removed_readings: old.removed_readings,
            horizon: old.horizon,
            damaged_files: old.damaged_files,
            damaged_readings: old.damaged_readings,
            kinds: old.kinds,
            files: old.files,
            snapshot: old.snapshot,
            rollups: Vec::new(),
        }
    }
}

/// One file of a roll-up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RollupEntry {
    pub(crate) step: RollupStep,
    /// The file of rows that it sums up; `None` when retention has removed it.
    pub(crate) source: Option<u64>,
    /// Its `kind` is not used.
    pub(crate) file: FileEntry,
}

/// The columns of a wide file; `None` for a narrow file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KindEntry {
    pub(crate) columns: Option<Vec<Arc<Column>>>,
}

/// One file of rows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FileEntry {
    pub(crate) id: u64,
    /// Index into [`Manifest::kinds`].
    pub(crate) kind: u32,
    pub(crate) rows: u64,
    /// Cells that are not gaps, per column of values.
    pub(crate) readings: Vec<u64>,
    pub(crate) min_time: i64,
    pub(crate) max_time: i64,
    pub(crate) bytes: u64,
    pub(crate) crc32c: u32,
}

impl FileEntry {
    pub(crate) fn name(&self) -> String {
        format!("{:016x}.parquet", self.id)
    }

    pub(crate) fn total_readings(&self) -> u64 {
        self.readings.iter().sum()
    }
}

impl From<&Layout> for KindEntry {
    fn from(layout: &Layout) -> Self {
        match layout {
            Layout::Wide(columns) => Self {
                columns: Some(columns.to_vec()),
            },
            Layout::Narrow | Layout::Rollup => Self { columns: None },
        }
    }
}

impl From<&KindEntry> for Layout {
    fn from(kind: &KindEntry) -> Self {
        kind.columns
            .as_ref()
            .map_or(Self::Narrow, |columns| Self::Wide(columns.clone().into()))
    }
}

/// Why a manifest cannot be used.
#[derive(Debug, Error)]
pub enum ManifestError {
    #[error("it is not a manifest, or it ends early")]
    NotAManifest,
    #[error("its checksum does not match")]
    Checksum,
    #[error("it has version {found}; this Weir reads up to version {VERSION}")]
    Version { found: u32 },
    #[error("its content is malformed: {0}")]
    Malformed(#[from] postcard::Error),
    #[error("it names a kind of device that it does not describe")]
    UnknownKind,
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl Manifest {
    pub(crate) fn encode(&self) -> Result<Vec<u8>, postcard::Error> {
        let mut bytes = vec![0; HEADER_BYTES];
        bytes = postcard::to_extend(self, bytes)?;
        let (header, payload) = bytes.split_at_mut(HEADER_BYTES);
        header[..8].copy_from_slice(MAGIC);
        header[8..12].copy_from_slice(&VERSION.to_le_bytes());
        header[12..16].copy_from_slice(&crc32c::crc32c(payload).to_le_bytes());
        header[16..].copy_from_slice(&(payload.len() as u64).to_le_bytes());
        Ok(bytes)
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, ManifestError> {
        let (header, payload) = bytes
            .split_at_checked(HEADER_BYTES)
            .ok_or(ManifestError::NotAManifest)?;
        let u32_at = |at: usize| {
            u32::from_le_bytes(
                header[at..at + 4]
                    .try_into()
                    .expect("the header has 24 bytes"),
            )
        };
        let length = u64::from_le_bytes(header[16..].try_into().expect("the header has 24 bytes"));
        if &header[..8] != MAGIC {
            return Err(ManifestError::NotAManifest);
        }
        if ![VERSION, VERSION_1].contains(&u32_at(8)) {
            return Err(ManifestError::Version { found: u32_at(8) });
        }
        if length != payload.len() as u64 {
            return Err(ManifestError::NotAManifest);
        }
        if u32_at(12) != crc32c::crc32c(payload) {
            return Err(ManifestError::Checksum);
        }
        let manifest: Self = if u32_at(8) == VERSION_1 {
            postcard::from_bytes::<ManifestV1>(payload)?.into()
        } else {
            postcard::from_bytes(payload)?
        };
        if manifest
            .files
            .iter()
            .any(|file| file.kind as usize >= manifest.kinds.len())
        {
            return Err(ManifestError::UnknownKind);
        }
        Ok(manifest)
    }
}

pub(crate) fn path(dir: &Path, sequence: u64) -> PathBuf {
    dir.join(format!("{PREFIX}{sequence:016x}"))
}

/// The manifests of a folder, newest first.
pub(crate) fn list(disk: &dyn Disk, dir: &Path) -> io::Result<Vec<(u64, PathBuf)>> {
    let mut found: Vec<(u64, PathBuf)> = disk
        .list(dir)?
        .into_iter()
        .filter_map(|path| {
            let digits = path.file_name()?.to_str()?.strip_prefix(PREFIX)?;
            let sequence = (digits.len() == 16).then(|| u64::from_str_radix(digits, 16).ok())??;
            Some((sequence, path))
        })
        .collect();
    found.sort_unstable_by(|a, b| b.cmp(a));
    Ok(found)
}

#[cfg(test)]
mod tests;
