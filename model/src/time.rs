//! One clock unit for everything inside Weir: int64 nanoseconds since the Unix
//! epoch, UTC. It spans 1677-09-21 to 2262-04-11; whatever does not fit is
//! refused where it enters, never wrapped.

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};

/// Nanoseconds since 1970-01-01T00:00:00Z.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

impl Timestamp {
    pub const NANOS_PER_MILLI: i64 = 1_000_000;
    pub const NANOS_PER_SECOND: i64 = 1_000_000_000;

    /// The wall clock. A clock before 1970 counts as 1970, and one after 2262 as the
    /// last instant.
    ///
    /// For the edges only: the pure crates get the time with the message.
    pub fn now() -> Self {
        let since_epoch = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Self(i64::try_from(since_epoch.as_nanos()).unwrap_or(i64::MAX))
    }

    /// `None` when the instant does not fit into int64 nanoseconds.
    pub const fn from_millis(millis: i64) -> Option<Self> {
        match millis.checked_mul(Self::NANOS_PER_MILLI) {
            Some(nanos) => Some(Self(nanos)),
            None => None,
        }
    }

    /// Milliseconds since the epoch, rounded towards the past.
    pub const fn millis(self) -> i64 {
        self.0.div_euclid(Self::NANOS_PER_MILLI)
    }

    /// Seconds since the epoch, rounded towards the past.
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(Self::NANOS_PER_SECOND)
    }

    /// RFC 3339 with nine decimals, as `/api/v1/query` prints times.
    pub fn to_rfc3339(self) -> String {
        self.date_time().to_rfc3339_opts(SecondsFormat::Nanos, true)
    }

    /// Reads an RFC 3339 date-time with any offset.
    pub fn parse_rfc3339(text: &str) -> Option<Self> {
        let instant = DateTime::parse_from_rfc3339(text).ok()?;
        instant.timestamp_nanos_opt().map(Self)
    }

    pub fn date_time(self) -> DateTime<Utc> {
        DateTime::from_timestamp_nanos(self.0)
    }

    pub const fn saturating_add_nanos(self, nanos: i64) -> Self {
        Self(self.0.saturating_add(nanos))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            &self
                .date_time()
                .to_rfc3339_opts(SecondsFormat::AutoSi, true),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn milliseconds_before_the_epoch_round_to_the_past() {
        assert_eq!(Timestamp(-1).millis(), -1);
        assert_eq!(Timestamp(-1_000_000).millis(), -1);
        assert_eq!(Timestamp(999_999).millis(), 0);
    }

    #[test]
    fn an_instant_beyond_the_range_is_refused() {
        assert_eq!(Timestamp::from_millis(i64::MAX), None);
        assert_eq!(
            Timestamp::from_millis(1_700_000_000_000),
            Some(Timestamp(1_700_000_000_000_000_000))
        );
    }

    #[test]
    fn rfc3339_round_trips_to_the_nanosecond() {
        for text in [
            "2026-01-02T03:04:05.000000006Z",
            "1970-01-01T00:00:00.000000000Z",
        ] {
            assert_eq!(Timestamp::parse_rfc3339(text).unwrap().to_rfc3339(), text);
        }
        assert_eq!(
            Timestamp::parse_rfc3339("2026-01-02T03:04:05+01:00")
                .unwrap()
                .to_rfc3339(),
            "2026-01-02T02:04:05.000000000Z"
        );
    }
}
