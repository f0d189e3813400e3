//! How long the InfluxDB sink waits before it tries again: shortly after faults
//! that pass without help, long after those that somebody has to fix, and as long
//! as the server asks for. It also knows which fault has been reported.

use std::time::Duration;

use weir_influxdb::SinkError;
use weir_retry::Backoff;

const FIRST: Duration = Duration::from_millis(250);
const LAST: Duration = Duration::from_secs(30);
/// For a token or a configuration that is not accepted.
const SLOW_FIRST: Duration = Duration::from_secs(5);
const SLOW_LAST: Duration = Duration::from_secs(60);

/// The waits of one round, which end with its success.
#[derive(Debug)]
pub(crate) struct Waits {
    backoff: Backoff,
    reported: Option<SinkError>,
}

impl Default for Waits {
    fn default() -> Self {
        Self {
            backoff: Backoff::new(FIRST, LAST),
            reported: None,
        }
    }
}

impl Waits {
    /// The wait after this failure.
    pub(crate) fn next(&mut self, error: &SinkError) -> Duration {
        let (first, last) = match error {
            SinkError::Auth { .. } | SinkError::Refused { .. } => (SLOW_FIRST, SLOW_LAST),
            _ => (FIRST, LAST),
        };
        self.backoff.set_bounds(first, last);
        let delay = self.backoff.delay();
        match error {
            SinkError::Retry {
                after: Some(after), ..
            } => (*after).max(FIRST),
            _ => delay,
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
            assert!(wait >= expect / 2 && wait <= expect, "{wait:?}");
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
    fn what_repeats_is_reported_once() {
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
