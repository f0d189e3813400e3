//! Files that were cut, flipped, emptied or deleted between two runs.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use weir_disk::Disk;
use weir_disk::sim::SimDisk;
use weir_model::{Message, Position};

use super::support::{Drained, Notified, drain, message, open, section};
use crate::local::segment::{self, HEADER};
use crate::local::{LocalJournal, OpenError, positions};
use crate::{Appender, Log};

const DIR: &str = "/j";

fn open_sim(disk: &SimDisk) -> LocalJournal {
    let disk: Arc<dyn Disk> = Arc::new(disk.clone());
    open(&disk, Path::new(DIR), &section(), &["a"])
}

fn append(journal: &LocalJournal, messages: &[Message<'_>]) -> Vec<u64> {
    let notified = Notified::new();
    let mut ends = Vec::new();
    for message in messages {
        let appended = journal
            .append(&[*message], Some(&notified.listener()))
            .unwrap();
        notified.until(appended.end);
        ends.push(appended.end.0);
    }
    ends
}

fn segments(disk: &SimDisk) -> Vec<PathBuf> {
    let bases = segment::list(disk, Path::new(DIR)).unwrap();
    bases
        .into_iter()
        .map(|base| segment::path(Path::new(DIR), base))
        .collect()
}

fn numbers(range: std::ops::Range<u64>) -> Vec<Message<'static>> {
    range.map(message).collect()
}

/// Opens, reads everything, appends one more message, and does it all again.
#[track_caller]
fn check_survives(disk: &SimDisk, expect: &[u64], corrupt: u64) -> Drained {
    let journal = open_sim(disk);
    let drained = drain(&journal, journal.start());
    assert_eq!(drained.numbers, expect);
    assert_eq!(
        drained.corrupt.len() as u64,
        corrupt,
        "{:?}",
        drained.corrupt
    );
    assert_eq!(journal.status().corrupt_records, corrupt);
    let committed = journal.committed();
    assert!(committed.0 >= drained.end);
    assert!(
        journal.wait_committed(Position(committed.0 + 1)).is_err(),
        "never appended"
    );
    append(&journal, &[message(999)]);
    journal.close();
    let journal = open_sim(disk);
    let again = drain(&journal, journal.start());
    assert_eq!(again.numbers, [expect, &[999]].concat());
    assert_eq!(again.corrupt, drained.corrupt);
    assert!(
        again
            .positions
            .last()
            .is_some_and(|last| *last >= committed.0)
    );
    drained
}

#[test]
fn a_tail_that_is_cut_anywhere_loses_what_was_cut() {
    let disk = SimDisk::new(0);
    let journal = open_sim(&disk);
    let ends = append(&journal, &numbers(1..6));
    let path = &segments(&disk)[0];
    let bytes = disk.read(path).unwrap();
    for len in HEADER + ends[2] as usize..bytes.len() {
        let disk = SimDisk::new(0);
        disk.create_new(path)
            .unwrap()
            .write_all(&bytes[..len])
            .unwrap();
        let whole = ends
            .iter()
            .take_while(|end| HEADER + **end as usize <= len)
            .count();
        let torn = (len - HEADER) as u64 - ends[whole - 1];
        let journal = open_sim(&disk);
        assert_eq!(journal.status().torn_bytes, torn, "cut at {len}");
        assert_eq!(journal.committed().0, ends[whole - 1]);
        journal.close();
        check_survives(&disk, &(1..=whole as u64).collect::<Vec<_>>(), 0);
    }
}

#[test]
fn a_flipped_byte_anywhere_costs_at_most_its_record() {
    let disk = SimDisk::new(0);
    let journal = open_sim(&disk);
    let ends = append(&journal, &numbers(1..6));
    journal.close();
    let path = segments(&disk)[0].clone();
    let bytes = disk.read(&path).unwrap();
    let consumers = disk.read(&Path::new(DIR).join(positions::FILE)).unwrap();
    for at in 0..bytes.len() {
        for bit in [0x01, 0x80] {
            let disk = SimDisk::new(0);
            let mut bytes = bytes.clone();
            bytes[at] ^= bit;
            disk.create_new(&path).unwrap().write_all(&bytes).unwrap();
            let positions = Path::new(DIR).join(positions::FILE);
            disk.create_new(&positions)
                .unwrap()
                .write_all(&consumers)
                .unwrap();
            let hit = at
                .checked_sub(HEADER)
                .map(|at| ends.partition_point(|end| *end <= at as u64));
            let served: Vec<u64> = (1..6)
                .filter(|number| hit != Some(*number as usize - 1))
                .collect();
            let drained = check_survives(&disk, &served, u64::from(hit.is_some()));
            if let Some(hit) = hit {
                let start = hit.checked_sub(1).map_or(0, |before| ends[before]);
                let span = (ends[hit] - start) as usize;
                assert_eq!(drained.corrupt, [(start, ends[hit], span)], "byte {at}");
            }
        }
    }
}

/// Three segments with the numbers 1 to 3, 4 to 6 and 7 to 9.
fn three_segments() -> (SimDisk, [PathBuf; 3]) {
    let disk = SimDisk::new(0);
    for run in 0..3 {
        let journal = open_sim(&disk);
        append(&journal, &numbers(run * 3 + 1..run * 3 + 4));
    }
    let paths = segments(&disk).try_into().unwrap();
    (disk, paths)
}

#[test]
fn a_segment_that_is_gone_or_unreadable_costs_itself_and_is_reported() {
    let all: Vec<u64> = (1..10).collect();
    for segment in 0..3 {
        let rest: Vec<u64> = all
            .iter()
            .copied()
            .filter(|number| (*number - 1) / 3 != segment)
            .collect();
        let lens = [0, 1, 64, 127, 128];
        for len in lens {
            let (disk, paths) = three_segments();
            disk.damage(&paths[segment as usize], |bytes| bytes.truncate(len))
                .unwrap();
            check_survives(&disk, &rest, 1);
        }
        let (disk, paths) = three_segments();
        disk.damage(&paths[segment as usize], |bytes| bytes[..HEADER].fill(0))
            .unwrap();
        let drained = check_survives(&disk, &rest, 1);
        assert!(
            drained.corrupt[0].2 > 0,
            "the bytes are there to be looked at"
        );

        let (disk, paths) = three_segments();
        disk.remove(&paths[segment as usize]).unwrap();
        check_survives(&disk, &rest, 1);
    }
}

#[test]
fn a_segment_that_was_being_made_is_no_loss() {
    for len in [0, 1, 64, 127] {
        let (disk, _) = three_segments();
        // As after a crash: nobody had stored how far the log was committed.
        disk.remove(&Path::new(DIR).join(positions::FILE)).unwrap();
        let journal = open_sim(&disk);
        let base = journal.committed().0;
        let header = [0; HEADER];
        let path = segment::path(Path::new(DIR), base);
        disk.create_new(&path)
            .unwrap()
            .write_all(&header[..len])
            .unwrap();
        check_survives(&disk, &(1..10).collect::<Vec<_>>(), 0);
    }
}

#[test]
fn a_newer_format_is_refused_before_anything_is_written() {
    let (disk, paths) = three_segments();
    let header = segment::Header {
        base: 0,
        salt: 1,
        previous_end: 0,
    }
    .to_bytes();
    disk.damage(&paths[0], |bytes| {
        let mut copy = header[..64].to_vec();
        copy[8] = 2;
        let check = crc32c::crc32c(&copy[..60]);
        copy[60..].copy_from_slice(&check.to_le_bytes());
        bytes[..64].copy_from_slice(&copy);
        bytes[64..128].copy_from_slice(&copy);
    })
    .unwrap();
    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
    let before = disk.used();
    let refused = LocalJournal::open_on(shared, Path::new(DIR), &section(), &["a"]);
    assert!(
        matches!(refused, Err(OpenError::Version { version: 2, .. })),
        "{refused:?}"
    );
    assert_eq!(disk.used(), before);
}

#[test]
fn damaged_positions_send_consumers_to_the_oldest_record() {
    let (disk, _) = three_segments();
    let path = Path::new(DIR).join(positions::FILE);
    let journal = open_sim(&disk);
    let end = journal.committed();
    journal.trim("a", Position(10)).unwrap();
    journal.close();
    let bytes = disk.read(&path).unwrap();
    assert_eq!(open_sim(&disk).consumer("a"), Some(Position(10)));
    for at in 0..bytes.len() {
        disk.damage(&path, |file| {
            file.clone_from(&bytes);
            file[at] ^= 1;
        })
        .unwrap();
        let journal = open_sim(&disk);
        assert_eq!(journal.consumer("a"), Some(Position(0)), "byte {at}");
        assert_eq!(journal.committed(), end);
    }
}

#[test]
fn bytes_in_a_payload_never_pass_for_a_record() {
    let disk = SimDisk::new(0);
    let journal = open_sim(&disk);
    // A whole frame, sealed for the place where it will lie, with a guessed salt.
    let inner = message(7);
    let size = crate::frame::size(&inner).unwrap();
    let mut frame = bytes::BytesMut::new();
    crate::frame::put(&inner, size, &mut frame);
    let lies_at = (crate::frame::HEAD + 18) as u64;
    crate::frame::seal(&mut frame, 0, lies_at);
    let outer = Message {
        client: "",
        topic: "",
        payload: &frame,
        ..message(1)
    };
    append(&journal, &[outer, message(2)]);
    journal.close();
    disk.damage(&segments(&disk)[0], |bytes| bytes[HEADER] ^= 1)
        .unwrap();
    let journal = open_sim(&disk);
    assert_eq!(drain(&journal, Position(0)).numbers, [2]);
}
