//! What is chosen, over days of files that are only described, not written.

use std::path::Path;

use weir_disk::RealDisk;
use weir_model::{Column, ValueKind};

use super::*;
use crate::file::manifest::FileEntry;

const MINUTE_NS: i64 = 60 * 1_000_000_000;
const HOUR_NS: i64 = 60 * MINUTE_NS;

struct Folder {
    kinds: Vec<Layout>,
    files: Vec<Arc<Segment>>,
    next: u64,
    /// Rows that were written, by checkpoints and by merges.
    written: u64,
}

impl Folder {
    fn new() -> Self {
        let column = Column {
            sensor: "x".into(),
            unit: None,
            kind: ValueKind::Number,
        };
        Self {
            kinds: vec![Layout::Wide(Arc::new([Arc::new(column)]))],
            files: Vec::new(),
            next: 0,
            written: 0,
        }
    }

    fn add(&mut self, rows: u64, min_time: i64, max_time: i64) {
        let entry = FileEntry {
            id: self.next,
            kind: 0,
            rows,
            readings: vec![rows],
            min_time,
            max_time,
            bytes: 0,
            crc32c: 0,
        };
        self.next += 1;
        self.written += rows;
        let disk = Arc::new(RealDisk);
        let layout = self.kinds[0].clone();
        self.files
            .push(Arc::new(Segment::new(disk, Path::new(""), entry, layout)));
    }

    /// Merges until there is nothing left to merge.
    fn settle(&mut self, now: i64) {
        while let Some(chosen) = choose(&self.files, now, &self.kinds) {
            assert!(chosen.len() >= 2);
            let ids: Vec<u64> = chosen.iter().map(|file| file.entry.id).collect();
            self.files.retain(|file| !ids.contains(&file.entry.id));
            let entries = || chosen.iter().map(|file| &file.entry);
            self.add(
                entries().map(|entry| entry.rows).sum(),
                entries().map(|entry| entry.min_time).min().unwrap(),
                entries().map(|entry| entry.max_time).max().unwrap(),
            );
        }
    }

    fn rows(&self) -> u64 {
        self.files.iter().map(|file| file.entry.rows).sum()
    }
}

#[test]
fn a_file_per_minute_is_written_three_times_and_becomes_one_per_window() {
    let mut folder = Folder::new();
    let mut most = 0;
    for minute in 0..24 * 60 {
        // Not quite at the minute: a file is across the windows' borders.
        let start = minute * MINUTE_NS - 400_000_000;
        folder.add(6_000, start, start + MINUTE_NS);
        folder.settle(start + MINUTE_NS);
        most = most.max(folder.files.len());
    }
    folder.settle(36 * HOUR_NS);
    assert_eq!(folder.rows(), 24 * 60 * 6_000);
    // Four windows, and what came 0.4 s before the first.
    assert!(folder.files.len() <= 5, "{}", folder.files.len());
    assert!(folder.written <= 3 * folder.rows(), "{}", folder.written);
    assert!(most < 60, "{most}");
}

#[test]
fn what_comes_late_to_a_window_does_not_write_it_anew_each_time() {
    let mut folder = Folder::new();
    folder.add(1_000_000, 0, WINDOW_NS - 1);
    let mut before = folder.written;
    for minute in 0..600 {
        folder.add(100, minute, minute + MINUTE_NS);
        folder.settle(48 * HOUR_NS);
        assert!(folder.files.len() <= 1 + 2 * FAN_IN, "{minute}");
    }
    before = folder.written - before;
    // Each late row a few times; the window never, as they are 6 % of it.
    assert!(before < 5 * 600 * 100, "{before}");
    folder.add(200_000, 0, HOUR_NS);
    folder.settle(48 * HOUR_NS);
    assert_eq!(folder.files.len(), 1);
}

#[test]
fn a_merge_is_bounded_and_comes_to_an_end() {
    let mut folder = Folder::new();
    // 40 million cells in all, of five columns each.
    for minute in 0..360 {
        folder.add(22_222, minute * MINUTE_NS, (minute + 1) * MINUTE_NS - 1);
    }
    folder.settle(48 * HOUR_NS);
    let largest = folder.files.iter().map(|file| cells(file)).max().unwrap();
    assert!(largest <= MAX_CELLS, "{largest}");
    assert!(folder.files.len() <= 4, "{}", folder.files.len());
}

#[test]
fn a_backfill_that_spans_windows_is_merged_among_itself() {
    let mut folder = Folder::new();
    for day in 0..FAN_IN as i64 {
        folder.add(5_000, day * HOUR_NS, day * HOUR_NS + 30 * 24 * HOUR_NS);
    }
    folder.add(5_000, 0, HOUR_NS);
    folder.settle(900 * HOUR_NS);
    let mut rows: Vec<u64> = folder.files.iter().map(|file| file.entry.rows).collect();
    rows.sort_unstable();
    assert_eq!(rows, [5_000, FAN_IN as u64 * 5_000]);
}
