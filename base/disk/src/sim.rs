//! A file system in memory that loses what was not synced.
//!
//! [`SimDisk::crash`] cuts the power: of the bytes and names that no sync made durable,
//! a seeded choice survives, as on a disk that reorders. It can also fail a chosen sync
//! or write, run full, and delay syncs until they are released. Everything except the
//! caller's threads follows the seed.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::DiskFile;

mod files;
mod inode;
mod rng;

use files::SimFile;
use inode::Inode;
pub use rng::Rng;

/// How long a test waits for a sync, on a machine under load.
const HELD_BY: Duration = Duration::from_secs(30);

/// A simulated disk. Clones are the same disk.
#[derive(Clone, Debug)]
pub struct SimDisk {
    machine: Arc<Machine>,
}

#[derive(Debug, Default)]
struct Machine {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// The power is off or the process is dead: every call fails.
    off: bool,
    rng: Rng,
    names: BTreeMap<PathBuf, usize>,
    durable_names: BTreeMap<PathBuf, usize>,
    unsynced_names: Vec<NameChange>,
    inodes: Vec<Inode>,
    /// Counters; the call that finds 0 fails.
    failing_sync: Option<u64>,
    failing_write: Option<u64>,
    refusing: Option<io::ErrorKind>,
    budget: Option<u64>,
    holding: bool,
    held: usize,
    syncs: u64,
}

#[derive(Clone, Debug)]
struct NameChange {
    removed: Option<PathBuf>,
    added: Option<(PathBuf, usize)>,
}

impl SimDisk {
    pub fn new(seed: u64) -> Self {
        let state = State {
            rng: Rng(seed),
            ..State::default()
        };
        Self::running(state)
    }

    fn running(state: State) -> Self {
        Self {
            machine: Arc::new(Machine {
                state: Mutex::new(state),
                changed: Condvar::new(),
            }),
        }
    }

    /// Cuts the power: every call on this disk fails from now on. The returned disk
    /// holds what survived.
    #[must_use]
    pub fn crash(&self) -> Self {
        let mut state = self.switch_off();
        let mut names = std::mem::take(&mut state.durable_names);
        for change in std::mem::take(&mut state.unsynced_names) {
            if state.rng.chance(2) {
                change.apply(&mut names);
            }
        }
        for inode in &mut state.inodes {
            inode.crash(&mut state.rng);
        }
        state.names = names.clone();
        state.durable_names = names;
        Self::running(state)
    }

    /// Kills the process: every call on this disk fails from now on. The returned disk
    /// holds everything that was written, synced or not.
    #[must_use]
    pub fn kill(&self) -> Self {
        Self::running(self.switch_off())
    }

    fn switch_off(&self) -> State {
        let mut state = self.lock();
        let off = State {
            off: true,
            ..State::default()
        };
        let mut survived = std::mem::replace(&mut *state, off);
        survived.failing_sync = None;
        survived.failing_write = None;
        survived.refusing = None;
        survived.budget = None;
        survived.holding = false;
        survived.held = 0;
        drop(state);
        self.machine.changed.notify_all();
        survived
    }

    /// The n-th sync from now on fails with an I/O error, 0 being the next. As on Linux,
    /// its bytes never become durable, and the next sync succeeds.
    pub fn fail_sync(&self, nth: u64) {
        self.lock().failing_sync = Some(nth);
    }

    /// The n-th write from now on fails half-way with an I/O error.
    pub fn fail_write(&self, nth: u64) {
        self.lock().failing_write = Some(nth);
    }

    /// Every change is refused with this error, until `None`.
    pub fn refuse(&self, error: Option<io::ErrorKind>) {
        self.lock().refusing = error;
    }

    /// Capacity in bytes. A write that does not fit writes what fits and fails.
    pub fn set_budget(&self, bytes: Option<u64>) {
        self.lock().budget = bytes;
    }

    /// Bytes of all files.
    pub fn used(&self) -> u64 {
        self.lock().used()
    }

    /// While `true`, syncs wait.
    pub fn hold_syncs(&self, hold: bool) {
        self.lock().holding = hold;
        self.machine.changed.notify_all();
    }

    /// Blocks until a sync is held; panics when that does not happen.
    pub fn until_sync_is_held(&self) {
        let waiting = |state: &mut State| state.held == 0 && !state.off;
        let waited = self
            .machine
            .changed
            .wait_timeout_while(self.lock(), HELD_BY, waiting);
        let (state, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
        drop(state);
        assert!(!timeout.timed_out(), "nobody syncs");
    }

    /// Syncs that succeeded.
    pub fn syncs(&self) -> u64 {
        self.lock().syncs
    }

    /// Changes a file's bytes directly; the change is durable.
    pub fn damage(&self, path: &Path, change: impl FnOnce(&mut Vec<u8>)) -> io::Result<()> {
        let mut state = self.lock();
        let inode = state.inode_of(path)?;
        state.inodes[inode].damage(change);
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.machine
            .state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        self.machine
            .changed
            .wait(state)
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// The state, if the machine runs.
    fn on(&self) -> io::Result<MutexGuard<'_, State>> {
        let state = self.lock();
        if state.off {
            Err(io::Error::other("the power is off"))
        } else {
            Ok(state)
        }
    }

    /// The state, if it may be changed.
    fn change(&self) -> io::Result<MutexGuard<'_, State>> {
        let state = self.on()?;
        match state.refusing {
            Some(error) => Err(error.into()),
            None => Ok(state),
        }
    }

    /// Passes when a sync may happen; fails when it is the chosen one.
    fn sync(&self, what: impl FnOnce(&mut State, bool)) -> io::Result<()> {
        let mut state = self.on()?;
        if state.holding {
            state.held += 1;
            self.machine.changed.notify_all();
            while state.holding && !state.off {
                state = self.wait(state);
            }
            if state.off {
                return Err(io::Error::other("the power is off"));
            }
            state.held -= 1;
        }
        let fails = count_down(&mut state.failing_sync);
        what(&mut state, !fails);
        if fails {
            return Err(io::Error::other("input/output error"));
        }
        state.syncs += 1;
        Ok(())
    }

    fn file(&self, inode: usize) -> Box<dyn DiskFile> {
        Box::new(SimFile {
            disk: self.clone(),
            inode,
        })
    }
}

impl State {
    fn inode_of(&self, path: &Path) -> io::Result<usize> {
        self.names
            .get(path)
            .copied()
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn used(&self) -> u64 {
        self.names
            .values()
            .map(|inode| self.inodes[*inode].live.len() as u64)
            .sum()
    }

    fn rename(&mut self, change: NameChange) {
        change.apply(&mut self.names);
        self.unsynced_names.push(change);
    }
}

impl NameChange {
    fn apply(&self, names: &mut BTreeMap<PathBuf, usize>) {
        if let Some(removed) = &self.removed {
            names.remove(removed);
        }
        if let Some((path, inode)) = &self.added {
            names.insert(path.clone(), *inode);
        }
    }

    fn is_in(&self, dir: &Path) -> bool {
        let path = self
            .removed
            .as_ref()
            .or(self.added.as_ref().map(|(path, _)| path));
        path.and_then(|path| path.parent()) == Some(dir)
    }
}

fn count_down(left: &mut Option<u64>) -> bool {
    match left {
        Some(0) => {
            *left = None;
            true
        }
        Some(more) => {
            *more -= 1;
            false
        }
        None => false,
    }
}

#[cfg(test)]
mod tests;
