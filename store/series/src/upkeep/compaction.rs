//! Chooses the files to merge: many small files make queries slow.
//!
//! Files of one kind are merged within a window of six hours: sixteen files of similar
//! size at a time while the window is open, all of them into one when it is over. With
//! one file per minute a row is written three times.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::file::layout::Layout;
use crate::file::segment::Segment;

const WINDOW_NS: i64 = 6 * 3_600 * 1_000_000_000;
/// The window of files that span several windows.
const BACKFILL: i64 = i64::MIN;
/// Files of similar size that are merged at once.
const FAN_IN: usize = 16;
/// Largest ratio of the largest to the smallest of them.
const SIMILAR: u64 = 4;
/// Largest time span of files merged while their window is open: they are merged again
/// at its end.
const OPEN_SPAN_NS: i64 = 2 * 3_600 * 1_000_000_000;
/// Late rows of a closed window are merged with its file when they are at least one in
/// so many of its rows.
const WORTHWHILE_PART: u64 = 8;
/// Time after its end at which a window closes: later rows are late.
const GRACE_NS: i64 = 3_600 * 1_000_000_000;
/// Most cells of one merge: bounds its duration.
const MAX_CELLS: u64 = 24_000_000;

/// Files to be merged into one; at least two, all of one kind.
pub(crate) fn choose(
    segments: &[Arc<Segment>],
    now: i64,
    kinds: &[Layout],
) -> Option<Vec<Arc<Segment>>> {
    let numbers: HashMap<&Layout, usize> = kinds.iter().zip(0..).collect();
    let mut windows: BTreeMap<(usize, i64), Vec<&Arc<Segment>>> = BTreeMap::new();
    for segment in segments.iter().filter(|segment| !segment.is_damaged()) {
        // Files of a backfill span windows; they are merged among themselves.
        let window = if span(&[segment]) > WINDOW_NS + GRACE_NS {
            BACKFILL
        } else {
            segment.entry.min_time.div_euclid(WINDOW_NS)
        };
        let Some(kind) = numbers.get(&segment.layout) else {
            continue;
        };
        windows.entry((*kind, window)).or_default().push(segment);
    }
    windows
        .into_iter()
        .find_map(|((_, window), files)| choose_in_window(files, window, now))
}

fn choose_in_window(
    mut files: Vec<&Arc<Segment>>,
    window: i64,
    now: i64,
) -> Option<Vec<Arc<Segment>>> {
    if files.len() < 2 {
        return None;
    }
    files.sort_by_key(|segment| segment.entry.rows);
    let end = window.saturating_add(1).saturating_mul(WINDOW_NS);
    let over = window != BACKFILL && end.saturating_add(GRACE_NS) < now;
    let rows = |files: &[&Arc<Segment>]| files.iter().map(|file| file.entry.rows).sum::<u64>();
    if let Some((largest, others)) = files.split_last()
        && over
        && rows(others) >= largest.entry.rows / WORTHWHILE_PART
        && let Some(all) = bounded(&files)
    {
        return Some(all);
    }
    // The files are sorted by size: takes the first run whose last file is not much
    // larger than its first.
    let due = |run: &&[&Arc<Segment>]| {
        let similar = run[FAN_IN - 1].entry.rows <= run[0].entry.rows.saturating_mul(SIMILAR);
        similar && (over || window == BACKFILL || span(run) <= OPEN_SPAN_NS)
    };
    files.windows(FAN_IN).find(due).and_then(bounded)
}

/// From the first reading to the last.
fn span(files: &[&Arc<Segment>]) -> i64 {
    let first = files.iter().map(|file| file.entry.min_time).min();
    let last = files.iter().map(|file| file.entry.max_time).max();
    last.unwrap_or(0).saturating_sub(first.unwrap_or(0))
}

/// Number of cells of a file, including gaps.
pub(crate) fn cells(file: &Segment) -> u64 {
    file.entry.rows * (file.layout.values() as u64 + 4)
}

/// As many files as the limit allows, smallest first.
fn bounded(files: &[&Arc<Segment>]) -> Option<Vec<Arc<Segment>>> {
    let mut cells = 0;
    let mut fits = |file: &&Arc<Segment>| {
        cells += self::cells(file);
        cells <= MAX_CELLS
    };
    let chosen: Vec<_> = files
        .iter()
        .take_while(|file| fits(file))
        .map(|file| (*file).clone())
        .collect();
    (chosen.len() >= 2).then_some(chosen)
}

#[cfg(test)]
mod tests;
