//! One file's bytes: as processes see them, and as the platters hold them.

use super::Rng;

const SECTOR: usize = 512;

#[derive(Debug, Default)]
pub(super) struct Inode {
    pub(super) live: Vec<u8>,
    durable: Vec<u8>,
    unsynced: Vec<Change>,
}

#[derive(Debug)]
enum Change {
    Write { at: usize, bytes: Vec<u8> },
    Len(usize),
}

impl Inode {
    pub(super) fn append(&mut self, bytes: &[u8]) {
        let change = Change::Write {
            at: self.live.len(),
            bytes: bytes.to_vec(),
        };
        change.apply(&mut self.live);
        self.unsynced.push(change);
    }

    pub(super) fn set_len(&mut self, len: usize) {
        Change::Len(len).apply(&mut self.live);
        self.unsynced.push(Change::Len(len));
    }

    /// After a failed sync the kernel takes the bytes for written.
    pub(super) fn sync(&mut self, succeeds: bool) {
        for change in self.unsynced.drain(..) {
            if succeeds {
                change.apply(&mut self.durable);
            }
        }
    }

    pub(super) fn damage(&mut self, change: impl FnOnce(&mut Vec<u8>)) {
        change(&mut self.live);
        self.durable.clone_from(&self.live);
        self.unsynced.clear();
    }

    /// What is left when the power goes: nothing that was not synced, all of it,
    /// the first part, or all but some sectors.
    pub(super) fn crash(&mut self, rng: &mut Rng) {
        let changes = std::mem::take(&mut self.unsynced);
        let kept = match rng.below(4) {
            0 => 0,
            1 => changes.len(),
            _ => rng.below(changes.len() as u64 + 1) as usize,
        };
        let holes = rng.chance(4);
        let last = kept.checked_sub(1);
        for (at, change) in changes.into_iter().take(kept).enumerate() {
            let change = match change {
                Change::Write {
                    at: offset,
                    mut bytes,
                } => {
                    if Some(at) == last && rng.chance(2) {
                        bytes.truncate(rng.below(bytes.len() as u64 + 1) as usize);
                    }
                    if holes {
                        let sectors = bytes.chunks_mut(SECTOR);
                        sectors
                            .filter(|_| rng.chance(3))
                            .for_each(|sector| sector.fill(0));
                    }
                    Change::Write { at: offset, bytes }
                }
                len => len,
            };
            change.apply(&mut self.durable);
        }
        self.live.clone_from(&self.durable);
    }
}

impl Change {
    fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Write { at, bytes: written } => {
                let end = at + written.len();
                if bytes.len() < end {
                    bytes.resize(end, 0);
                }
                bytes[*at..end].copy_from_slice(written);
            }
            Self::Len(len) => bytes.resize(*len, 0),
        }
    }
}
