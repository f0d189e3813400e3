//! How long the InfluxDB sink waits before it tries again: shortly after faults
//! that pass without help, long after those that somebody has to fix, and as long
//! as the server asks for. It also knows which fault has been reported.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use weir_influxdb::SinkError;

const FIRST: Duration = Duration::from_millis(250);
const LAST: Duration = Duration::from_secs(30);
/// For a token or a configuration that is not accepted.
const SLOW_FIRST: Duration = Duration::from_secs(5);
const SLOW_LAST: Duration = Duration::from_secs(60);

/// The waits of one round, which end with its success.
#[derive(Debug, Default)]
pub(crate) struct Waits {
    last: Option<Duration>,
    reported: Option<SinkError>,
}

impl Waits {
    /// The wait after this failure.
    pub(crate) fn next(&mut self, error: &SinkError) -> Duration {
        let (first, last) = match error {
            SinkError::Auth { .. } | SinkError::Refused { .. } => (SLOW_FIRST, SLOW_LAST),
            _ => (FIRST, LAST),
        };
        let wait = self
            .last
            .map_or(first, |before| (before * 2).clamp(first, last));
        self.last = Some(wait);
        match error {
            SinkError::Retry {
                after: Some(after), ..
            } => (*after).max(FIRST),
            _ => wait + jitter(wait),
        }
    }

    /// Whether this failure was not reported yet; it is now.
    pub(crate) fn is_news(&mut self, error: &SinkError) -> bool {
        let news = self.reported.as_ref() != Some(error);
        self.reported = Some(error.clone());
        news
    }

    /// A failure was reported in this round.
    pub(crate) fn has_failed(&self) -> bool {
        self.reported.is_some()
    }
}

/// Up to a fifth: many Weirs in front of one InfluxDB must not come as one.
fn jitter(wait: Duration) -> Duration {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let nanos = now.unwrap_or_default().subsec_nanos();
    wait / 5 * (nanos % 1_000) / 1_000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_follow_the_server() {
        let retry = |after| SinkError::Retry {
            after,
            message: String::new(),
        };
        let auth = SinkError::Auth {
            message: String::new(),
        };
        let mut waits = Waits::default();
        let near = |wait: Duration, expect: Duration| {
            assert!(wait >= expect && wait <= expect + expect / 5, "{wait:?}");
        };
        near(waits.next(&retry(None)), FIRST);
        near(waits.next(&retry(None)), FIRST * 2);
        let seven = Duration::from_secs(7);
        assert_eq!(waits.next(&retry(Some(seven))), seven);
        assert_eq!(waits.next(&retry(Some(Duration::ZERO))), FIRST);
        for _ in 0..20 {
            waits.next(&retry(None));
        }
        near(waits.next(&retry(None)), LAST);
        let mut waits = Waits::default();
        near(waits.next(&auth), SLOW_FIRST);
        near(waits.next(&auth), SLOW_FIRST * 2);
    }

    #[test]
    fn what_repeats_is_told_once() {
        let refused = |message: &str| SinkError::Refused {
            message: message.to_owned(),
        };
        let mut waits = Waits::default();
        assert!(!waits.has_failed());
        assert!(waits.is_news(&refused("a")));
        assert!(!waits.is_news(&refused("a")));
        assert!(waits.is_news(&refused("b")));
        assert!(waits.has_failed());
    }
}
