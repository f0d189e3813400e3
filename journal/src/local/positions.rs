//! The file `consumers.json`: the position of every consumer.
//!
//! One line of JSON, one line with its CRC-32C in hex. It is replaced as a
//! whole. It also records how far the log was committed when it was written, so
//! that recovery never treats bytes before that as an interrupted write.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};
use tracing::warn;
use weir_disk::Disk;

pub(super) const FILE: &str = "consumers.json";

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Positions {
    /// Everything before it was committed.
    pub(super) committed: u64,
    pub(super) consumers: BTreeMap<String, u64>,
}

impl Positions {
    /// The stored positions; empty when the file is missing or damaged. Consumers
    /// then read from the oldest record on, which repeats work and loses nothing.
    pub(super) fn load(disk: &dyn Disk, dir: &Path) -> io::Result<Self> {
        let path = dir.join(FILE);
        if !disk.exists(&path)? {
            return Ok(Self::default());
        }
        let bytes = disk.read(&path)?;
        Ok(Self::from_bytes(&bytes).unwrap_or_else(|| {
            warn!(path = %path.display(), "the consumers' positions are damaged: consumers start at the oldest record");
            Self::default()
        }))
    }

    pub(super) fn store(&self, disk: &dyn Disk, dir: &Path) -> io::Result<()> {
        weir_disk::replace(disk, &dir.join(FILE), &self.to_bytes()?)
    }

    /// The log must not end before this position.
    pub(super) fn high_water(&self) -> u64 {
        self.consumers
            .values()
            .copied()
            .fold(self.committed, u64::max)
    }

    /// The lowest position of `consumers`; `None` unless all of them have one.
    pub(super) fn oldest_of(&self, consumers: &[&str]) -> Option<u64> {
        let positions = consumers.iter().map(|name| self.consumers.get(*name));
        let known: Option<Vec<_>> = positions.map(|position| position.copied()).collect();
        known?.into_iter().min()
    }

    /// The positions of `consumers` in a log from `start` to `end`. A new one starts
    /// at the oldest record.
    pub(super) fn recovered(&self, consumers: &[&str], start: u64, end: u64) -> Self {
        let position_of = |name: &&str| {
            let position = self.consumers.get(*name).copied().unwrap_or(start);
            ((*name).to_owned(), position.max(start))
        };
        Self {
            committed: end,
            consumers: consumers.iter().map(position_of).collect(),
        }
    }

    fn to_bytes(&self) -> io::Result<Vec<u8>> {
        let mut bytes = serde_json::to_vec(self)?;
        let check = crc32c::crc32c(&bytes);
        bytes.extend_from_slice(format!("\n{check:08x}\n").as_bytes());
        Ok(bytes)
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let text = str::from_utf8(bytes).ok()?;
        let (json, check) = text.strip_suffix('\n')?.split_once('\n')?;
        let check = u32::from_str_radix(check, 16).ok()?;
        if crc32c::crc32c(json.as_bytes()) != check {
            return None;
        }
        serde_json::from_str(json).ok()
    }
}
