//! Commits, listeners, readers and limits, on a disk that can be held.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use weir_config::JournalSection;
use weir_disk::Disk;
use weir_disk::sim::SimDisk;
use weir_model::Position;

use super::support::{BIG, DEADLINE, HUGE, Notified, block_on, drain, message, open, section};
use crate::local::LocalJournal;
use crate::local::tail::LIVE_BYTES;
use crate::{AppendError, Appender, Log, ReadError};

fn open_sim(disk: &SimDisk, consumers: &[&str]) -> LocalJournal {
    open_as(disk, "/j", &section(), consumers)
}

fn open_as(
    disk: &SimDisk,
    dir: &str,
    section: &JournalSection,
    consumers: &[&str],
) -> LocalJournal {
    let disk: Arc<dyn Disk> = Arc::new(disk.clone());
    open(&disk, Path::new(dir), section, consumers)
}

#[track_caller]
fn append(journal: &LocalJournal, numbers: impl IntoIterator<Item = u64>) -> Position {
    let mut end = Position(0);
    for number in numbers {
        end = journal.append(&[message(number)], None).unwrap().end;
    }
    journal.wait_committed(end).unwrap();
    end
}

#[track_caller]
fn until(what: &str, done: impl Fn() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !done() {
        assert!(Instant::now() < deadline, "never: {what}");
        std::thread::yield_now();
    }
}

#[test]
fn readers_see_what_is_written_before_it_is_committed() {
    let disk = SimDisk::new(0);
    let journal = open_sim(&disk, &["a"]);
    append(&journal, [1]);
    let before = journal.committed();
    let mut reader = journal.reader(before).unwrap();
    disk.hold_syncs(true);
    let appended = journal.append(&[message(2)], None).unwrap();
    let chunk = reader.next(DEADLINE).unwrap().unwrap();
    assert_eq!((chunk.start(), chunk.end()), (appended.first, appended.end));
    assert_eq!(journal.committed(), before);
    disk.hold_syncs(false);
    journal.wait_committed(appended.end).unwrap();
    assert!(reader.next(Duration::ZERO).unwrap().is_none());
}

#[test]
fn each_listener_is_notified_once_per_group_of_its_last_message() {
    let disk = SimDisk::new(0);
    let journal = open_sim(&disk, &["a"]);
    append(&journal, [1]);
    let (a, b, first) = (Notified::new(), Notified::new(), Notified::new());
    let (to_a, to_b) = (a.listener(), b.listener());
    disk.hold_syncs(true);
    journal
        .append(&[message(2)], Some(&first.listener()))
        .unwrap();
    disk.until_sync_is_held();
    // All of these make up the next group.
    journal.append(&[message(3)], Some(&to_a)).unwrap();
    journal.append(&[message(4)], Some(&to_b)).unwrap();
    journal.append(&[message(5)], Some(&to_a)).unwrap();
    let last_a = journal
        .append(&[message(6), message(7)], Some(&to_a))
        .unwrap();
    let last_b = journal.append(&[message(8)], Some(&to_b)).unwrap();
    assert_eq!(first.state().committed, []);
    disk.hold_syncs(false);
    a.until(last_a.end);
    b.until(last_b.end);
    assert_eq!(a.state().committed, [last_a.end]);
    assert_eq!(b.state().committed, [last_b.end]);
    assert_eq!(journal.status().commits, 3);
}

#[test]
fn a_failed_sync_is_final_and_not_repeated() {
    let disk = SimDisk::new(0);
    let journal = open_sim(&disk, &["a"]);
    let committed = append(&journal, [1]);
    let (notified, pending) = (Notified::new(), Notified::new());
    disk.hold_syncs(true);
    disk.fail_sync(0);
    let lost = journal
        .append(&[message(2)], Some(&notified.listener()))
        .unwrap();
    disk.until_sync_is_held();
    journal
        .append(&[message(3)], Some(&pending.listener()))
        .unwrap();
    let syncs = disk.syncs();
    disk.hold_syncs(false);
    notified.until_failed();
    pending.until_failed();
    assert_eq!((notified.state().failed, pending.state().failed), (1, 1));
    assert!(notified.state().committed.is_empty() && pending.state().committed.is_empty());
    assert!(matches!(
        journal.append(&[message(4)], None),
        Err(AppendError::Failed(_))
    ));
    assert!(journal.wait_committed(lost.end).is_err());
    assert!(journal.wait_committed(committed).is_ok());
    assert!(journal.status().stalled.unwrap().contains("fdatasync"));
    block_on(journal.room());
    assert_eq!(
        drain(&journal, Position(0)).numbers,
        [1, 2],
        "written is written"
    );
    journal.close();
    assert_eq!(disk.syncs(), syncs);
}

#[test]
fn a_disk_without_room_stalls_and_the_journal_recovers_without_a_restart() {
    for (refuse, first) in [(false, false), (true, false), (false, true), (true, true)] {
        let disk = SimDisk::new(0);
        let journal = open_sim(&disk, &["a"]);
        if !first {
            append(&journal, [1]);
        }
        if refuse {
            disk.refuse(Some(io::ErrorKind::ReadOnlyFilesystem));
        } else {
            disk.set_budget(Some(disk.used() + 20));
        }
        let notified = Notified::new();
        let appended = journal
            .append(&[message(2)], Some(&notified.listener()))
            .unwrap();
        until("stalled", || journal.status().stalled.is_some());
        assert!(notified.state().committed.is_empty());
        disk.set_budget(None);
        disk.refuse(None);
        notified.until(appended.end);
        until("going on", || journal.status().stalled.is_none());
        let expect: &[u64] = if first { &[2] } else { &[1, 2] };
        assert_eq!(drain(&journal, Position(0)).numbers, expect);
        journal.close();
        drop(journal);
        let journal = open_sim(&disk, &["a"]);
        assert_eq!(drain(&journal, Position(0)).numbers, expect);
        assert_eq!(journal.status().corrupt_records, 0);
    }
}

#[test]
fn closing_on_a_full_disk_notifies_the_listeners_and_ends() {
    let disk = SimDisk::new(0);
    let journal = open_sim(&disk, &["a"]);
    append(&journal, [1]);
    disk.set_budget(Some(disk.used()));
    let notified = Notified::new();
    journal
        .append(&[message(2)], Some(&notified.listener()))
        .unwrap();
    journal.close();
    assert_eq!(notified.state().failed, 1);
    assert!(matches!(
        journal.append(&[message(3)], None),
        Err(AppendError::Failed(_))
    ));
}

#[test]
fn a_reader_gets_the_same_from_memory_and_from_disk() {
    let disk = SimDisk::new(0);
    let journal = open_sim(&disk, &["a"]);
    let mut reader = journal.reader(Position(0)).unwrap();
    let mut live = Vec::new();
    for number in (0..200).chain([BIG, BIG + 1, 201, HUGE, 202]) {
        let config = section();
        let need = crate::frame::size(&message(number)).unwrap() as u64;
        if need > config.max_size {
            assert!(journal.append(&[message(number)], None).is_err());
            continue;
        }
        append(&journal, [number]);
        let chunk = reader.next(DEADLINE).unwrap().unwrap();
        live.extend(
            chunk
                .records()
                .map(|r| (r.position, r.content.unwrap().received.0 as u64)),
        );
    }
    let from_memory = drain(&journal, Position(0));
    journal.close();
    assert!(matches!(reader.next(DEADLINE), Err(ReadError::Closed)));
    drop(journal);
    let journal = open_sim(&disk, &["a"]);
    let from_disk = drain(&journal, Position(0));
    assert_eq!(from_memory, from_disk);
    let pairs: Vec<_> = live
        .into_iter()
        .map(|(position, number)| (position.0, number))
        .collect();
    let drained = from_disk.positions.into_iter().zip(from_disk.numbers);
    assert_eq!(pairs, drained.collect::<Vec<_>>());
    // From every record on.
    for (at, (position, _)) in pairs.iter().enumerate().step_by(17) {
        assert_eq!(
            drain(&journal, Position(*position)).numbers.len(),
            pairs.len() - at
        );
    }
}

#[test]
fn a_slow_reader_costs_no_memory_and_misses_nothing() {
    let disk = SimDisk::new(0);
    let config = JournalSection {
        max_size: 256 << 20,
        segment_size: 8 << 20,
        max_pending: 32 << 20,
    };
    let journal = open_as(&disk, "/j", &config, &["a"]);
    let mut slow = journal.reader(Position(0)).unwrap();
    let mut numbers: Vec<u64> = (BIG..BIG + 400).collect();
    append(&journal, numbers.iter().copied());
    append(&journal, [HUGE, 1]);
    numbers.extend([HUGE, 1]);
    assert!(journal.shared.tail.lock().live_bytes() <= LIVE_BYTES);
    let mut seen = Vec::new();
    while seen.len() < numbers.len() {
        let chunk = slow.next(DEADLINE).unwrap().unwrap();
        seen.extend(
            chunk
                .records()
                .map(|record| record.content.unwrap().received.0 as u64),
        );
    }
    assert_eq!(seen, numbers);
}

#[test]
fn a_full_journal_waits_for_the_slowest_consumer() {
    let disk = SimDisk::new(0);
    let config = JournalSection {
        max_size: 32 << 10,
        segment_size: 4 << 10,
        max_pending: 4 << 10,
    };
    let journal = open_as(&disk, "/j", &config, &["a", "b"]);
    let mut number = 0;
    let full = loop {
        match journal.append(&[message(number)], None) {
            Ok(appended) => journal.wait_committed(appended.end).unwrap(),
            Err(error) => break error,
        }
        number += 1;
    };
    assert!(
        matches!(full, AppendError::Full { limit: 0x8000, .. }),
        "{full}"
    );
    assert!(journal.status().stalled.unwrap().contains("full"));
    let end = journal.committed();
    std::thread::scope(|scope| {
        let room = scope.spawn(|| block_on(journal.room()));
        journal.trim("a", end).unwrap();
        assert_eq!(journal.start(), Position(0), "b has not passed anything");
        assert!(journal.append(&[message(number)], None).is_err());
        journal.trim("b", Position(end.0 / 2)).unwrap();
        room.join().unwrap();
    });
    assert!(journal.start() > Position(0) && journal.start().0 <= end.0 / 2);
    assert!(matches!(
        journal.reader(Position(0)),
        Err(ReadError::Gone { .. })
    ));
    append(&journal, [number]);
    assert_eq!(journal.status().stalled, None);
    let files: u64 = disk.list(Path::new("/j")).unwrap().len() as u64;
    let length = disk
        .read(&Path::new("/j").join("consumers.json"))
        .unwrap()
        .len() as u64;
    assert_eq!(
        journal.status().used_bytes + length,
        disk.used(),
        "of {files} files"
    );
}

#[test]
fn too_much_pending_is_refused_until_a_commit() {
    let disk = SimDisk::new(0);
    let journal = open_sim(&disk, &["a"]);
    append(&journal, [1]);
    disk.hold_syncs(true);
    let refused = (2..).find_map(|number| journal.append(&[message(number)], None).err());
    assert!(
        matches!(refused, Some(AppendError::Busy { .. })),
        "{refused:?}"
    );
    std::thread::scope(|scope| {
        let room = scope.spawn(|| block_on(journal.room()));
        disk.hold_syncs(false);
        room.join().unwrap();
    });
    append(&journal, [1]);
}

#[test]
fn consumers_keep_their_positions_by_name() {
    let disk = SimDisk::new(0);
    let journal = open_sim(&disk, &["a", "b"]);
    append(&journal, 0..10);
    let middle = Position(drain(&journal, Position(0)).positions[5]);
    journal.trim("a", middle).unwrap();
    journal.trim("b", journal.committed()).unwrap();
    journal.trim("a", Position(1)).unwrap();
    assert_eq!(journal.consumer("a"), Some(middle), "never backwards");
    let unknown = journal.trim("c", middle).unwrap_err();
    assert_eq!(unknown.kind(), io::ErrorKind::InvalidInput);
    assert_eq!(journal.consumer("c"), None);
    drop(journal);

    let journal = open_sim(&disk, &["a", "c"]);
    assert_eq!(journal.consumer("a"), Some(middle));
    assert_eq!(
        journal.consumer("c"),
        Some(Position(0)),
        "new: from the oldest record on"
    );
    assert_eq!(journal.consumer("b"), None);
    journal.trim("c", middle).unwrap();
    drop(journal);
    let journal = open_sim(&disk, &["b"]);
    assert_eq!(
        journal.consumer("b"),
        Some(Position(0)),
        "not named once, so forgotten"
    );
}

#[test]
fn a_consumer_ahead_of_a_lost_journal_moves_it_on() {
    let disk = SimDisk::new(0);
    let journal = open_sim(&disk, &["a", "b"]);
    journal.trim("a", Position(5_000)).unwrap();
    let appended = journal.append(&[message(1)], None).unwrap();
    assert_eq!(appended.first, Position(5_000));
    assert!(
        journal.trim("a", Position(9_000)).is_err(),
        "not in a running one"
    );
    journal.wait_committed(appended.end).unwrap();
    let drained = drain(&journal, Position(0));
    assert_eq!(
        (drained.numbers, drained.corrupt),
        (vec![1], vec![(0, 5_000, 0)])
    );
    assert_eq!(drain(&journal, Position(5_000)).corrupt, []);
    drop(journal);
    let journal = open_sim(&disk, &["a", "b"]);
    assert_eq!(drain(&journal, Position(0)).corrupt, [(0, 5_000, 0)]);
    assert_eq!(journal.consumer("a"), Some(Position(5_000)));
}

#[test]
fn a_position_that_is_none_is_an_error_or_corrupt() {
    let disk = SimDisk::new(0);
    let journal = open_sim(&disk, &["a"]);
    let end = append(&journal, 1..4);
    let beyond = journal.reader(Position(end.0 + 1));
    assert!(matches!(beyond, Err(ReadError::Io { .. })), "{beyond:?}");
    for from in 1..end.0 {
        let drained = drain(&journal, Position(from));
        assert_eq!(drained.end, end.0);
        assert!(drained.numbers.len() <= 2 && drained.corrupt.len() <= 1);
    }
}

#[test]
fn two_journals_on_one_disk_do_not_know_each_other() {
    let disk = SimDisk::new(0);
    let (one, two) = (
        open_as(&disk, "/one", &section(), &["a"]),
        open_as(&disk, "/two", &section(), &["a"]),
    );
    append(&one, [1, 3]);
    append(&two, [2]);
    assert_eq!(drain(&one, Position(0)).numbers, [1, 3]);
    assert_eq!(drain(&two, Position(0)).numbers, [2]);
}

#[test]
fn starting_again_and_again_leaves_no_files() {
    let disk = SimDisk::new(0);
    append(&open_sim(&disk, &["a"]), [1]);
    for _ in 0..5 {
        open_sim(&disk, &["a"]).close();
    }
    assert_eq!(disk.list(Path::new("/j")).unwrap().len(), 2);
}
