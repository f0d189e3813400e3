//! The databases of alarms, quarantine and shadows on a disk that loses power,
//! runs full and fails: at every commit all of a transaction or nothing.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use redb::{ReadableTable, StorageBackend, TableDefinition};

use super::{Database, Watch};

const TABLE: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("table");
/// What a disk writes in one piece.
const SECTOR: usize = 512;

/// A file in memory that loses what was not synced.
#[derive(Clone, Debug, Default)]
struct SimFile(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    bytes: Vec<u8>,
    durable: Vec<u8>,
    unsynced: Vec<Change>,
    /// Calls until the power goes.
    power: Option<u64>,
    full: bool,
    failing_sync: bool,
}

#[derive(Clone, Debug)]
enum Change {
    Len(usize),
    Write(usize, Vec<u8>),
}

impl Change {
    fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Len(len) => bytes.resize(*len, 0),
            Self::Write(offset, data) => {
                let end = offset + data.len();
                if bytes.len() < end {
                    bytes.resize(end, 0);
                }
                bytes[*offset..end].copy_from_slice(data);
            }
        }
    }

    /// As the disk sees it: sector by sector.
    fn sectors(self) -> Vec<Self> {
        match self {
            Self::Len(_) => vec![self],
            Self::Write(offset, data) => data
                .chunks(SECTOR)
                .enumerate()
                .map(|(nth, part)| Self::Write(offset + nth * SECTOR, part.to_vec()))
                .collect(),
        }
    }
}

impl SimFile {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// The file as it is found after the power has come back: of what was not
    /// synced, any part.
    fn after_power_loss(&self, random: &mut StdRng) -> Self {
        let state = self.lock();
        let mut bytes = state.durable.clone();
        let kept = random.random_range(0..=100);
        for change in state.unsynced.iter().cloned().flat_map(Change::sectors) {
            if random.random_range(0..100) < kept {
                change.apply(&mut bytes);
            }
        }
        drop(state);
        let durable = bytes.clone();
        Self(Arc::new(Mutex::new(State {
            bytes,
            durable,
            ..State::default()
        })))
    }

    fn change(&self, change: Change) -> io::Result<()> {
        let mut state = self.lock();
        state.step()?;
        if state.full {
            return Err(io::ErrorKind::StorageFull.into());
        }
        change.apply(&mut state.bytes);
        state.unsynced.push(change);
        Ok(())
    }

    fn open(&self) -> Database {
        let file = self.clone();
        Database::open(move |watch: Watch| {
            crate::builder(1 << 20).create_with_backend(watch.over(file.clone()))
        })
        .expect("a database that lost power opens")
    }
}

impl State {
    fn step(&mut self) -> io::Result<()> {
        match &mut self.power {
            Some(0) => return Err(io::Error::other("no power")),
            Some(left) => *left -= 1,
            None => {}
        }
        Ok(())
    }
}

impl StorageBackend for SimFile {
    fn len(&self) -> io::Result<u64> {
        Ok(self.lock().bytes.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let state = self.lock();
        let start = usize::try_from(offset).unwrap();
        let found = state.bytes.get(start..start + out.len());
        out.copy_from_slice(found.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.change(Change::Len(usize::try_from(len).unwrap()))
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let offset = usize::try_from(offset).unwrap();
        self.change(Change::Write(offset, data.to_vec()))
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut state = self.lock();
        state.step()?;
        if state.failing_sync {
            // As on Linux: what should have become durable never will.
            state.failing_sync = false;
            return Err(io::Error::other("failed on purpose"));
        }
        state.durable = state.bytes.clone();
        state.unsynced.clear();
        Ok(())
    }
}

type Rows = BTreeMap<u64, Vec<u8>>;

fn rows(database: &Database) -> Rows {
    let table = match database.begin_read().unwrap().open_table(TABLE) {
        Ok(table) => table,
        Err(redb::TableError::TableDoesNotExist(_)) => return Rows::new(),
        Err(error) => panic!("{error}"),
    };
    let rows = table.iter().unwrap().map(Result::unwrap);
    rows.map(|(key, value)| (key.value(), value.value().to_vec()))
        .collect()
}

/// Some rows written, some removed, in one transaction.
fn transaction(database: &Database, model: &mut Rows, random: &mut StdRng) -> bool {
    let mut work = || -> Result<(), Box<redb::Error>> {
        let begun = database.begin_write();
        let txn = begun.map_err(|error| Box::new(error.into()))?;
        let mut table = txn.open_table(TABLE).map_err(|e| Box::new(e.into()))?;
        for _ in 0..random.random_range(1..30) {
            let key = random.random_range(0..200);
            if random.random_ratio(1, 4) {
                table.remove(key).map_err(|e| Box::new(e.into()))?;
                model.remove(&key);
            } else {
                let value = vec![random.random(); random.random_range(0..2_000)];
                table.insert(key, &*value).map_err(|e| Box::new(e.into()))?;
                model.insert(key, value);
            }
        }
        drop(table);
        txn.commit().map_err(|e| Box::new(e.into()))
    };
    work().is_ok()
}

#[test]
fn what_was_committed_survives_a_loss_of_power_at_any_moment() {
    for seed in 0..40 {
        let mut random = StdRng::seed_from_u64(seed);
        let (mut file, mut committed) = (SimFile::default(), Rows::new());
        drop(file.open());
        for _ in 0..4 {
            let database = file.open();
            assert_eq!(rows(&database), committed, "seed {seed}");
            file.lock().power = Some(random.random_range(0..150));
            let attempted = loop {
                let mut next = committed.clone();
                if !transaction(&database, &mut next, &mut random) {
                    break next;
                }
                committed = next;
            };
            file = file.after_power_loss(&mut random);
            let found = rows(&file.open());
            // The one under way may have become durable: all of it.
            assert!(
                found == committed || found == attempted,
                "seed {seed}: neither what was committed nor what was about to be"
            );
            committed = found;
        }
    }
}

#[test]
fn a_full_disk_costs_the_transaction_and_not_the_database() {
    for seed in 0..30 {
        let mut random = StdRng::seed_from_u64(seed);
        let (file, mut committed) = (SimFile::default(), Rows::new());
        let database = file.open();
        for _ in 0..5 {
            while !transaction(&database, &mut committed, &mut random) {}
            file.lock().full = true;
            for _ in 0..3 {
                let mut next = committed.clone();
                assert!(!transaction(&database, &mut next, &mut random));
            }
            file.lock().full = false;
            let mut next = committed.clone();
            assert!(
                transaction(&database, &mut next, &mut random),
                "seed {seed}"
            );
            committed = next;
            assert_eq!(rows(&database), committed, "seed {seed}");
        }
    }
}

#[test]
fn a_failed_sync_is_final() {
    let mut random = StdRng::seed_from_u64(1);
    let (file, mut committed) = (SimFile::default(), Rows::new());
    let database = file.open();
    assert!(transaction(&database, &mut committed, &mut random));
    file.lock().failing_sync = true;
    for _ in 0..3 {
        assert!(!transaction(&database, &mut committed.clone(), &mut random));
    }
    let error = database.begin_write().err().unwrap().to_string();
    assert!(error.contains("needs a restart"), "{error}");
}
