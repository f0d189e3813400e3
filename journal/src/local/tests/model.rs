//! Random lives of a journal on a disk that crashes, fills up and fails.
//!
//! Whatever happens: what was acknowledged and not yet passed by the consumers
//! is readable at its position; order is kept; nothing is invented or repeated;
//! positions and consumers never go backwards.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::Arc;

use weir_config::JournalSection;
use weir_disk::Disk;
use weir_disk::sim::{Rng, SimDisk};
use weir_model::Position;

use super::support::{Drained, Notified, block_on, drain, message, open};
use crate::local::LocalJournal;
use crate::{AppendError, Appender, Log, frame};

const SEEDS: u64 = 600;
const STEPS: u64 = 40;
const CONSUMERS: [&str; 2] = ["a", "b"];

#[test]
fn seeded_lives_keep_every_promise() {
    std::thread::scope(|scope| {
        for lane in 0..4 {
            scope.spawn(move || (lane..SEEDS).step_by(4).for_each(live));
        }
    });
}

fn live(seed: u64) {
    let _named = NamedSeed(seed);
    let mut life = Life::new(seed);
    for _ in 0..STEPS {
        life.step();
    }
    life.reopen(End::Close);
}

struct NamedSeed(u64);

impl Drop for NamedSeed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("failed with seed {}", self.0);
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    Close,
    Kill,
    Crash,
}

struct Life {
    rng: Rng,
    disk: SimDisk,
    journal: LocalJournal,
    notified: Arc<Notified>,
    /// Numbers given out so far are 0 to here.
    next: u64,
    /// Position and end of every message of this run, by number.
    appended: BTreeMap<u64, (u64, u64)>,
    /// Of all runs: what was acknowledged.
    acknowledged: BTreeMap<u64, (u64, u64)>,
    /// The last position that each consumer is sure to have, and may have.
    sure: [u64; 2],
    maybe: [u64; 2],
    /// A sync was set to fail: only a restart helps.
    sync_fails: bool,
    /// A write was set to fail: it may be that of the positions.
    unsure: bool,
    /// An append was refused: there was no room.
    refused: bool,
}

fn config() -> JournalSection {
    JournalSection {
        max_size: 16 << 10,
        segment_size: 2 << 10,
        max_pending: 4 << 10,
    }
}

fn open_sim(disk: &SimDisk) -> LocalJournal {
    let disk: Arc<dyn Disk> = Arc::new(disk.clone());
    open(&disk, Path::new("/j"), &config(), &CONSUMERS)
}

impl Life {
    fn new(seed: u64) -> Self {
        let disk = SimDisk::new(seed);
        Self {
            rng: Rng(seed ^ 0x5eed),
            journal: open_sim(&disk),
            disk,
            notified: Notified::new(),
            next: 0,
            appended: BTreeMap::new(),
            acknowledged: BTreeMap::new(),
            sure: [0; 2],
            maybe: [0; 2],
            sync_fails: false,
            unsure: false,
            refused: false,
        }
    }

    fn step(&mut self) {
        match self.rng.below(20) {
            0..10 => self.append_and_wait(),
            10..12 => self.trim(),
            12 => self.check_live(),
            13 => self.fill_disk(),
            14 => {
                self.disk.fail_write(self.rng.below(3));
                self.unsure = true;
                self.append();
            }
            15 => {
                self.disk.refuse(Some(io::ErrorKind::ReadOnlyFilesystem));
                self.append();
                self.disk.refuse(None);
            }
            16 => {
                self.disk.fail_sync(self.rng.below(3));
                self.sync_fails = true;
                self.append();
            }
            17 => self.reopen(End::Kill),
            18 => self.reopen(End::Crash),
            _ => self.reopen(End::Close),
        }
    }

    fn append_and_wait(&mut self) {
        self.append();
        if self.refused {
            self.make_room();
        }
        let last = self.appended.values().next_back().copied();
        if let Some((_, end)) = last
            && !self.sync_fails
            && self.rng.chance(3)
        {
            self.notified.until(Position(end));
            assert!(self.journal.committed().0 >= end);
        }
    }

    fn append(&mut self) {
        let count = 1 + self.rng.below(8);
        let messages: Vec<_> = (self.next..self.next + count).map(message).collect();
        let appended = match self
            .journal
            .append(&messages, Some(&self.notified.listener()))
        {
            Ok(appended) => appended,
            Err(AppendError::Full { .. } | AppendError::Busy { .. }) => {
                self.refused = true;
                return;
            }
            Err(AppendError::Failed(failed)) => {
                assert!(self.sync_fails, "{failed}");
                return;
            }
        };
        let mut position = appended.first.0;
        assert!(
            self.all().all(|(_, end)| end <= position),
            "a position was given twice"
        );
        assert!(
            self.sure.iter().all(|sure| *sure <= position),
            "behind a consumer"
        );
        for (number, message) in (self.next..).zip(&messages) {
            let end = position + frame::size(message).unwrap() as u64;
            self.appended.insert(number, (position, end));
            position = end;
        }
        assert_eq!(position, appended.end.0);
        self.next += count;
    }

    fn all(&self) -> impl Iterator<Item = (u64, u64)> {
        self.appended
            .values()
            .chain(self.acknowledged.values())
            .copied()
    }

    /// Both consumers pass everything; then there must be room.
    fn make_room(&mut self) {
        self.refused = false;
        for at in 0..2 {
            let committed = self.journal.committed();
            self.consume(at, committed);
        }
        if !self.sync_fails {
            block_on(self.journal.room());
        }
    }

    fn trim(&mut self) {
        let at = self.rng.below(2) as usize;
        let ends: Vec<_> = self.appended.values().map(|(_, end)| *end).collect();
        if !ends.is_empty() {
            let end = ends[self.rng.below(ends.len() as u64) as usize];
            self.consume(at, Position(end));
        }
    }

    fn consume(&mut self, at: usize, position: Position) {
        self.maybe[at] = self.maybe[at].max(position.0);
        match self.journal.trim(CONSUMERS[at], position) {
            Ok(()) => self.sure[at] = self.sure[at].max(position.0),
            Err(error) => assert!(self.sync_fails || self.unsure, "{error}"),
        }
    }

    fn fill_disk(&mut self) {
        self.disk
            .set_budget(Some(self.disk.used() + self.rng.below(600)));
        self.append();
        self.append();
        self.disk.set_budget(None);
    }

    /// A reader of the running journal sees messages of this run in order.
    fn check_live(&self) {
        let drained = drain(&self.journal, self.journal.start());
        self.check_order(&drained);
    }

    fn check_order(&self, drained: &Drained) {
        assert!(
            drained.numbers.is_sorted_by(|a, b| a < b),
            "order: {:?}",
            drained.numbers
        );
        assert!(
            drained.numbers.last().is_none_or(|last| *last < self.next),
            "invented"
        );
        for (number, position) in drained.numbers.iter().zip(&drained.positions) {
            if let Some((known, _)) = self.appended.get(number) {
                assert_eq!(known, position, "{number} moved");
            }
        }
    }

    fn reopen(&mut self, how: End) {
        let how = if self.sync_fails { End::Crash } else { how };
        let disk = match how {
            End::Close => {
                self.journal.close();
                self.disk.kill()
            }
            End::Kill => self.disk.kill(),
            End::Crash => self.disk.crash(),
        };
        self.journal.close();
        let notified = self
            .notified
            .state()
            .committed
            .last()
            .map_or(0, |position| position.0);
        let appended = std::mem::take(&mut self.appended);
        for (number, (position, end)) in appended {
            assert!(
                how != End::Close || end <= notified,
                "closing did not commit {number}"
            );
            if end <= notified {
                self.acknowledged.insert(number, (position, end));
            }
        }
        self.disk = disk;
        self.journal = open_sim(&self.disk);
        self.notified = Notified::new();
        self.sync_fails = false;
        self.unsure = false;
        self.refused = false;
        self.check_recovered();
    }

    fn check_recovered(&mut self) {
        for (at, name) in CONSUMERS.iter().enumerate() {
            let position = self.journal.consumer(name).unwrap().0;
            assert!(position >= self.sure[at], "{name} fell back to {position}");
            let reached = self.maybe[at].max(self.journal.start().0);
            assert!(position <= reached, "{name} is ahead, at {position}");
            (self.sure[at], self.maybe[at]) = (position, position);
        }
        let oldest = self.sure.into_iter().min().unwrap_or_default();
        assert!(self.journal.start().0 <= oldest);
        self.acknowledged
            .retain(|_, (position, _)| *position >= oldest);
        let committed = self.journal.committed().0;
        assert!(
            self.all().all(|(_, end)| end <= committed),
            "acknowledged beyond {committed}"
        );
        let drained = drain(&self.journal, Position(oldest));
        self.check_order(&drained);
        let found: BTreeMap<_, _> = drained.numbers.iter().zip(&drained.positions).collect();
        for (number, (position, _)) in &self.acknowledged {
            assert_eq!(
                found.get(number),
                Some(&position),
                "{number} was acknowledged"
            );
        }
        // A journal that is open calls all of it committed.
        assert!(drained.end <= committed);
        for (number, position) in drained.numbers.iter().zip(&drained.positions) {
            let end = position + frame::size(&message(*number)).unwrap() as u64;
            self.acknowledged.insert(*number, (*position, end));
        }
    }
}
