//! The files read by one who only looks.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use weir_disk::{Disk, RealDisk};
use weir_model::Position;

use super::support::{BIG, message, open, section};
use crate::{Appender, JournalFiles, Log};

/// Numbers of the messages, and how many records cannot be read.
#[track_caller]
fn read(files: &mut JournalFiles) -> (Vec<u64>, usize) {
    let (mut numbers, mut corrupt) = (Vec::new(), 0);
    while let Some(chunk) = files.next_chunk().unwrap() {
        for record in chunk.records() {
            match record.content {
                Ok(found) => {
                    let number = found.received.0 as u64;
                    assert_eq!(found, message(number));
                    numbers.push(number);
                }
                Err(_) => corrupt += 1,
            }
        }
        assert_eq!(files.position(), chunk.end());
    }
    assert_eq!(files.bytes_left(), 0);
    (numbers, corrupt)
}

fn contents(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let entries = fs::read_dir(dir).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    paths
        .map(|path| (path.clone(), fs::read(path).unwrap()))
        .collect()
}

#[test]
fn every_record_is_read_and_no_byte_changed_also_while_another_writes() {
    let dir = tempfile::tempdir().unwrap();
    let disk: Arc<dyn Disk> = Arc::new(RealDisk);
    let journal = open(&disk, dir.path(), &section(), &["a"]);
    let append = |number: u64| {
        let end = journal.append(&[message(number)], None).unwrap().end;
        journal.wait_committed(end).unwrap();
        end
    };
    // Several segments, and one record that fills one.
    let expect: Vec<u64> = (1..100).chain([BIG]).chain(200..250).collect();
    let mut ends = Vec::new();
    for number in &expect {
        ends.push(append(*number));
    }

    let before = contents(dir.path());
    let mut files = JournalFiles::open(dir.path()).unwrap();
    let mut again = files.clone();
    assert_eq!(files.position(), Position(0));
    assert_eq!(files.bytes_left(), ends[expect.len() - 1].0);
    assert_eq!(read(&mut files), (expect.clone(), 0));
    assert_eq!(contents(dir.path()), before);

    // Segments that are truncated, and records that are added, after it looked.
    journal.trim("a", ends[120]).unwrap();
    append(300);
    assert!(contents(dir.path()).len() < before.len());
    assert_eq!(read(&mut again), (expect, 0));
    let mut later = JournalFiles::open(dir.path()).unwrap();
    assert_eq!(later.position(), journal.start());
    assert_eq!(read(&mut later).0.last(), Some(&300));
    journal.close();
}

#[test]
fn a_write_that_was_interrupted_is_left_out_and_what_is_missing_is_reported() {
    let dir = tempfile::tempdir().unwrap();
    let disk: Arc<dyn Disk> = Arc::new(RealDisk);
    let journal = open(&disk, dir.path(), &section(), &["a"]);
    for number in 1..200 {
        let end = journal.append(&[message(number)], None).unwrap().end;
        journal.wait_committed(end).unwrap();
    }
    journal.close();
    let segments: Vec<PathBuf> = contents(dir.path())
        .into_keys()
        .filter(|path| path.extension().is_some_and(|end| end == "log"))
        .collect();
    assert!(segments.len() > 2, "{segments:?}");
    let last = segments.last().unwrap();
    let mut torn = fs::read(last).unwrap();
    torn.extend([7; 40]);
    fs::write(last, &torn).unwrap();
    fs::remove_file(&segments[1]).unwrap();

    let before = contents(dir.path());
    let (numbers, corrupt) = read(&mut JournalFiles::open(dir.path()).unwrap());
    assert_eq!(corrupt, 1);
    assert!(numbers.len() < 199 && numbers.first() == Some(&1) && numbers.last() == Some(&199));
    assert_eq!(contents(dir.path()), before);
}

#[test]
fn files_that_come_and_go_while_it_looks_are_no_fault() {
    let dir = tempfile::tempdir().unwrap();
    let disk: Arc<dyn Disk> = Arc::new(RealDisk);
    let journal = open(&disk, dir.path(), &section(), &["a"]);
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for number in 1..=4_000 {
                let end = journal.append(&[message(number)], None).unwrap().end;
                journal.wait_committed(end).unwrap();
                if number.is_multiple_of(100) {
                    journal.trim("a", end).unwrap();
                }
            }
        });
        let mut last = 0;
        while !writer.is_finished() {
            let mut files = JournalFiles::open(dir.path()).unwrap();
            let (numbers, corrupt) = read(&mut files);
            assert_eq!(corrupt, 0, "{numbers:?}");
            assert!(numbers.is_sorted_by(|a, b| a + 1 == *b), "{numbers:?}");
            assert!(numbers.last().is_none_or(|number| *number >= last));
            last = numbers.last().copied().unwrap_or(last);
        }
    });
    let mut files = JournalFiles::open(dir.path()).unwrap();
    assert_eq!(read(&mut files).0.last(), Some(&4_000));
    journal.close();
}

#[test]
fn a_folder_without_segments_has_nothing_to_read() {
    let dir = tempfile::tempdir().unwrap();
    let mut files = JournalFiles::open(dir.path()).unwrap();
    assert!(files.next_chunk().unwrap().is_none());
}
