//! A segment file: `{base:020}.log`, a header, then frames without a gap.
//!
//! ```text
//! header    0  copy A (64 bytes)
//!          64  copy B, the same again
//! copy      0  8 bytes  magic "WEIRLOG\n"
//!           8  u32      version, 1
//!          12  u32      zero
//!          16  u64      base: position of the first frame
//!          24  u64      salt of every frame's check, random
//!          32  u64      previous end: where the log ended at its creation
//!          40           zeros
//!          60  u32      CRC-32C of the 60 bytes before
//! frames  128           position p stands at file offset 128 + p - base
//! ```
//!
//! Every start of Weir begins a new segment, at a position behind every byte
//! that any file ever held, so positions never run backwards. A previous end
//! before the base means that an interrupted write was truncated. A previous end
//! behind the end of the previous file means that bytes are lost.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::io;
use std::path::{Path, PathBuf};

use weir_disk::Disk;

pub(super) const HEADER: usize = 2 * COPY;
const COPY: usize = 64;
const MAGIC: [u8; 8] = *b"WEIRLOG\n";
const VERSION: u32 = 1;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) base: u64,
    pub(super) salt: u64,
    pub(super) previous_end: u64,
}

/// The result of reading a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ReadHeader {
    Good(Header),
    /// One of the copies is damaged.
    Repaired(Header),
    Broken,
    /// A format version that this version does not read.
    Version(u32),
}

impl Header {
    pub(super) fn new(base: u64, previous_end: u64) -> Self {
        Self {
            base,
            salt: random(),
            previous_end,
        }
    }

    pub(super) fn to_bytes(self) -> [u8; HEADER] {
        let mut copy = [0; COPY];
        copy[..8].copy_from_slice(&MAGIC);
        copy[8..12].copy_from_slice(&VERSION.to_le_bytes());
        copy[16..24].copy_from_slice(&self.base.to_le_bytes());
        copy[24..32].copy_from_slice(&self.salt.to_le_bytes());
        copy[32..40].copy_from_slice(&self.previous_end.to_le_bytes());
        let check = crc32c::crc32c(&copy[..60]);
        copy[60..].copy_from_slice(&check.to_le_bytes());
        let mut bytes = [0; HEADER];
        bytes[..COPY].copy_from_slice(&copy);
        bytes[COPY..].copy_from_slice(&copy);
        bytes
    }

    /// Reads the header of the file that is named after `base`.
    pub(super) fn read(bytes: &[u8], base: u64) -> ReadHeader {
        let mut copies = bytes
            .chunks_exact(COPY)
            .take(2)
            .map(|copy| read_copy(copy, base));
        let first = copies.next().unwrap_or(ReadHeader::Broken);
        let second = copies.next().unwrap_or(ReadHeader::Broken);
        match (first, second) {
            (ReadHeader::Broken, ReadHeader::Good(header))
            | (ReadHeader::Good(header), ReadHeader::Broken) => ReadHeader::Repaired(header),
            (ReadHeader::Broken, other) => other,
            (first, _) => first,
        }
    }
}

fn read_copy(copy: &[u8], base: u64) -> ReadHeader {
    let word = |at: usize| {
        let mut word = [0; 8];
        word.copy_from_slice(&copy[at..at + 8]);
        u64::from_le_bytes(word)
    };
    let check = crc32c::crc32c(&copy[..60]);
    if copy[..8] != MAGIC || copy[60..] != check.to_le_bytes() {
        return ReadHeader::Broken;
    }
    let version = (word(8) & u64::from(u32::MAX)) as u32;
    let header = Header {
        base: word(16),
        salt: word(24),
        previous_end: word(32),
    };
    if version != VERSION {
        ReadHeader::Version(version)
    } else if header.base != base || header.previous_end > base {
        ReadHeader::Broken
    } else {
        ReadHeader::Good(header)
    }
}

pub(super) fn path(dir: &Path, base: u64) -> PathBuf {
    dir.join(format!("{base:020}.log"))
}

/// The base in a segment file's name.
pub(super) fn base_of(path: &Path) -> Option<u64> {
    let digits = path.file_name()?.to_str()?.strip_suffix(".log")?;
    (digits.len() == 20 && digits.bytes().all(|b| b.is_ascii_digit()))
        .then(|| digits.parse().ok())
        .flatten()
}

/// The bases of a folder's segments, in order.
pub(super) fn list(disk: &dyn Disk, dir: &Path) -> io::Result<Vec<u64>> {
    let mut bases: Vec<u64> = disk
        .list(dir)?
        .iter()
        .filter_map(|path| base_of(path))
        .collect();
    bases.sort_unstable();
    Ok(bases)
}

/// The standard library seeds its hash maps from the system's randomness.
fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

#[cfg(test)]
mod tests;
