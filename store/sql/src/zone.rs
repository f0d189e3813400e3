//! Time zones: the time that a clock on the wall shows, and back. Days there begin when
//! that clock shows midnight, and have 23 or 25 hours when it changes.

use arrow::array::timezone::Tz;
use chrono::{DateTime, LocalResult, NaiveDateTime, Offset, TimeZone};

const SECOND: i64 = 1_000_000_000;
const DAY: i64 = 86_400 * SECOND;

/// A time zone by its name, such as `Europe/Brussels`, or by an offset, such as `+05:30`.
#[derive(Clone, Copy, Debug)]
pub struct Zone(Tz);

impl Zone {
    pub fn parse(name: &str) -> Option<Self> {
        name.parse().ok().map(Self)
    }

    /// Nanoseconds that the clock is ahead of UTC.
    fn offset(self, utc: i64) -> i64 {
        let time = naive(utc);
        let offset = self.0.offset_from_utc_datetime(&time).fix();
        i64::from(offset.local_minus_utc()) * SECOND
    }

    /// What the clock shows, in nanoseconds as if it were UTC.
    pub(crate) fn local(self, utc: i64) -> i64 {
        utc.saturating_add(self.offset(utc))
    }

    /// When the clock shows this. An hour that it shows twice is taken to be the one of
    /// `near`, an instant behind it, if that is in one of the two, else the first. A time
    /// that it skips is the instant at which it skips.
    pub(crate) fn utc(self, local: i64, near: i64) -> i64 {
        let offset = self.offset(near);
        let same = local.saturating_sub(offset);
        if self.offset(same) == offset {
            return same;
        }
        let offset = match self.0.offset_from_local_datetime(&naive(local)) {
            LocalResult::Single(offset) | LocalResult::Ambiguous(offset, _) => {
                i64::from(offset.fix().local_minus_utc()) * SECOND
            }
            LocalResult::None => self.offset(local.saturating_sub(DAY)),
        };
        local.saturating_sub(offset)
    }

    /// Whether the clock is ahead by whole hours from one instant to another.
    pub fn has_whole_hours(self, from: i64, to: i64) -> bool {
        // Between two changes are weeks; a century is enough.
        let week = 7 * DAY;
        let weeks = (0..5_300).map(|week_number| from.saturating_add(week_number * week));
        weeks
            .take_while(|at| *at < to)
            .chain([to])
            .all(|at| self.offset(at) % (3_600 * SECOND) == 0)
    }
}

fn naive(nanos: i64) -> NaiveDateTime {
    DateTime::from_timestamp_nanos(nanos).naive_utc()
}

#[cfg(test)]
mod tests {
    use weir_model::Timestamp;

    use super::*;

    fn at(text: &str) -> i64 {
        Timestamp::parse_rfc3339(text).unwrap().0
    }

    #[test]
    fn clocks_that_change_are_read_back() {
        let brussels = Zone::parse("Europe/Brussels").unwrap();
        for (local, near, expect) in [
            // 02:00 to 03:00 is skipped on 29 March, and shown twice on 25 October.
            (
                "2026-03-29T00:00:00Z",
                "2026-03-29T12:00:00Z",
                "2026-03-28T23:00:00Z",
            ),
            (
                "2026-03-29T02:00:00Z",
                "2026-03-29T01:30:00Z",
                "2026-03-29T01:00:00Z",
            ),
            (
                "2026-10-25T00:00:00Z",
                "2026-10-25T20:00:00Z",
                "2026-10-24T22:00:00Z",
            ),
            (
                "2026-10-25T02:00:00Z",
                "2026-10-25T00:10:00Z",
                "2026-10-25T00:00:00Z",
            ),
            (
                "2026-10-25T02:00:00Z",
                "2026-10-25T01:10:00Z",
                "2026-10-25T01:00:00Z",
            ),
        ] {
            let found = Timestamp(brussels.utc(at(local), at(near))).to_rfc3339();
            assert_eq!(found, Timestamp(at(expect)).to_rfc3339(), "{local} {near}");
        }
        let kolkata = Zone::parse("Asia/Kolkata").unwrap();
        assert_eq!(
            kolkata.utc(at("2026-10-25T00:00:00Z"), at("2026-10-25T01:00:00Z")),
            at("2026-10-24T18:30:00Z")
        );
        let year = (at("2026-01-01T00:00:00Z"), at("2027-01-01T00:00:00Z"));
        assert!(brussels.has_whole_hours(year.0, year.1));
        assert!(!kolkata.has_whole_hours(year.0, year.1));
        // Half an hour in summer only.
        let lord_howe = Zone::parse("Australia/Lord_Howe").unwrap();
        assert!(!lord_howe.has_whole_hours(year.0, year.1));
        assert!(Zone::parse("Europe/Nowhere").is_none());
    }
}
