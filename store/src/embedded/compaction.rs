//! Which files to merge: many small ones cost queries.
//!
//! Files of one kind are merged within a window of six hours, eight of about the
//! same size at a time, so that a row is written a few times and not once per
//! merge. A window that is over is brought down to few files.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::layout::Layout;
use super::segment::Segment;

const WINDOW_NS: i64 = 6 * 3_600 * 1_000_000_000;
/// Files of one size that are merged at once.
const FAN_IN: usize = 8;
/// How long after its end a window is over: what comes later is late.
const GRACE_NS: i64 = 3_600 * 1_000_000_000;
/// Cells that are merged at once: the bound of how long it takes.
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
        let entry = &segment.entry;
        let span = entry.max_time.saturating_sub(entry.min_time);
        // A backfill spans windows; such files are merged among themselves.
        let window = if span > WINDOW_NS {
            i64::MIN
        } else {
            entry.min_time.div_euclid(WINDOW_NS)
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
    let over = window != i64::MIN && end.saturating_add(GRACE_NS) < now;
    let rows = |files: &[&Arc<Segment>]| files.iter().map(|file| file.entry.rows).sum::<u64>();
    let largest = files.last().map_or(0, |file| file.entry.rows);
    if over && largest <= rows(&files) / 2 {
        return bounded(&files);
    }
    // Sorted by size: the first run of files of which the last is not much
    // larger than the first.
    let similar = |run: &&[&Arc<Segment>]| {
        run[FAN_IN - 1].entry.rows <= run[0].entry.rows.saturating_mul(FAN_IN as u64)
    };
    files.windows(FAN_IN).find(similar).and_then(bounded)
}

/// Of all columns, gaps included.
pub(crate) fn cells(file: &Segment) -> u64 {
    file.entry.rows * (file.layout.values() as u64 + 4)
}

/// As many as fit into the bound, smallest first.
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
