//! Text from the network in the log: escaped, cut, and not too often.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// Longest piece of a client's text, in characters.
const MAX_SHOWN: usize = 200;

/// Text that cannot forge a line of the log or control a terminal.
pub(crate) fn shown(text: &str) -> String {
    text.chars()
        .take(MAX_SHOWN)
        .flat_map(char::escape_debug)
        .collect()
}

/// Admits one line per interval.
#[derive(Debug)]
pub(crate) struct LogLimit {
    start: Instant,
    interval_s: u64,
    /// Intervals since `start`, plus one, of the last line.
    last: AtomicU64,
    suppressed: AtomicU64,
}

impl LogLimit {
    pub(crate) fn per_second() -> Self {
        Self::every(1)
    }

    pub(crate) fn per_minute() -> Self {
        Self::every(60)
    }

    fn every(interval_s: u64) -> Self {
        Self {
            start: Instant::now(),
            interval_s,
            last: AtomicU64::new(0),
            suppressed: AtomicU64::new(0),
        }
    }

    /// How many lines were suppressed since the last one, if this one may be
    /// written.
    pub(crate) fn admit(&self) -> Option<u64> {
        let now = self.start.elapsed().as_secs() / self.interval_s + 1;
        if self.last.swap(now, Ordering::Relaxed) == now {
            self.suppressed.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        Some(self.suppressed.swap(0, Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_can_forge_a_line() {
        assert_eq!(shown("a\n\u{1b}[31mé"), "a\\n\\u{1b}[31mé");
        assert_eq!(shown(&"x".repeat(1_000)).len(), MAX_SHOWN);
    }

    #[test]
    fn one_line_per_interval_is_admitted() {
        let limit = LogLimit::per_minute();
        let admitted = (0..1_000).filter(|_| limit.admit().is_some()).count();
        assert!(admitted <= 2, "{admitted}");
    }
}
