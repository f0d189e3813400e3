//! Gaps and repeats in the numbers that devices give their messages.
//!
//! A broker may acknowledge a message and drop it; only the device's own count
//! shows it. The `sequence` of an event counts per device, that of a reading per
//! series; both are added up per device. The rule, with the number before as
//! `last`:
//!
//! - `last + 1`: in order; the first number ever, too.
//! - Up to [`MAX_JUMP`] ahead: a gap of the numbers between.
//! - 0 or 1, or more than [`MAX_BEHIND`] behind, or further ahead: the counter was
//!   reset. It continues from there, and nothing counts as missing.
//! - Otherwise behind or the same: a repeat, or late; `last` stays.

use serde::{Deserialize, Serialize};

/// Further ahead is no gap: nobody loses so much at once and continues to count.
const MAX_JUMP: u64 = 1_000_000;
/// Further behind is no repeat: senders keep less than this in flight.
const MAX_BEHIND: u64 = 1_000;

/// What became of the numbers of one device, or of all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SequenceCounts {
    /// Messages or readings that had a number.
    pub seen: u64,
    /// Gaps in the numbers.
    pub gaps: u64,
    /// Numbers in all gaps together. One that comes late counts as a repeat and is
    /// not subtracted.
    pub missing: u64,
    /// Numbers that came again, or late.
    pub repeats: u64,
    /// Resets of the counter.
    pub restarts: u64,
}

/// What one number means after the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    InOrder,
    Gap { missing: u64 },
    Repeat,
    Restart,
}

/// The meaning of `next`, and moves `last` on.
#[inline]
pub(crate) fn step(last: &mut Option<u64>, next: u64) -> Step {
    let step = match *last {
        None => Step::InOrder,
        Some(last) if next > last => match next - last {
            1 => Step::InOrder,
            ahead if ahead <= MAX_JUMP => Step::Gap { missing: ahead - 1 },
            _ => Step::Restart,
        },
        Some(last) if next == last => Step::Repeat,
        Some(last) if next <= 1 || last - next > MAX_BEHIND => Step::Restart,
        Some(_) => Step::Repeat,
    };
    if step != Step::Repeat {
        *last = Some(next);
    }
    step
}

impl SequenceCounts {
    pub(crate) fn record(&mut self, step: Step) {
        self.seen = self.seen.saturating_add(1);
        match step {
            Step::InOrder => {}
            Step::Gap { missing } => {
                self.gaps = self.gaps.saturating_add(1);
                self.missing = self.missing.saturating_add(missing);
            }
            Step::Repeat => self.repeats = self.repeats.saturating_add(1),
            Step::Restart => self.restarts = self.restarts.saturating_add(1),
        }
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.seen = self.seen.saturating_add(other.seen);
        self.gaps = self.gaps.saturating_add(other.gaps);
        self.missing = self.missing.saturating_add(other.missing);
        self.repeats = self.repeats.saturating_add(other.repeats);
        self.restarts = self.restarts.saturating_add(other.restarts);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(numbers: &[u64], expect: [u64; 4]) {
        let (mut last, mut counts) = (None, SequenceCounts::default());
        for number in numbers {
            counts.record(step(&mut last, *number));
        }
        let SequenceCounts {
            gaps,
            missing,
            repeats,
            restarts,
            seen,
        } = counts;
        assert_eq!([gaps, missing, repeats, restarts], expect, "{numbers:?}");
        assert_eq!(seen, numbers.len() as u64);
    }

    #[test]
    fn numbers_are_in_order_missing_repeated_or_begin_anew() {
        check(&[], [0; 4]);
        check(&[500, 501, 502], [0; 4]);
        check(&[1, 2, 5, 6, 8], [2, 3, 0, 0]);
        // Sent again, and late: 3 closes no gap.
        check(&[2, 3, 3, 5, 4, 6], [1, 1, 2, 0]);
        // A restart of the counter is not a gap of millions, whichever way.
        check(&[5_000_000, 0, 1, 2], [0, 0, 0, 1]);
        check(&[5_000_000, 1, 2], [0, 0, 0, 1]);
        check(&[5_000_000, 7, 8], [0, 0, 0, 1]);
        check(&[7, 5_000_000, 5_000_001], [0, 0, 0, 1]);
        check(&[u64::MAX - 1, u64::MAX, 0, 1], [0, 0, 0, 1]);
        // The edges.
        check(&[1, 1 + MAX_JUMP], [1, MAX_JUMP - 1, 0, 0]);
        check(&[1, 2 + MAX_JUMP], [0, 0, 0, 1]);
        check(&[2_000, 2_000 - MAX_BEHIND], [0, 0, 1, 0]);
        check(&[2_001, 2_000 - MAX_BEHIND], [0, 0, 0, 1]);
    }
}
