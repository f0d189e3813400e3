//! Whether anybody reads along, and how often the log is told of what is refused.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::Intake;

/// A subscription is believed in for so long before the router is asked for it.
const INTEREST_GRACE: Duration = Duration::from_secs(5);

/// Whether any topic matches both filters (MQTT 3.1.1, section 4.7).
fn overlap(left: &str, right: &str) -> bool {
    let is_system = |filter: &str| filter.starts_with('$');
    let is_wild = |filter: &str| filter.starts_with(['+', '#']);
    if is_system(left) && is_wild(right) || is_system(right) && is_wild(left) {
        return false;
    }
    let (mut left, mut right) = (left.split('/'), right.split('/'));
    loop {
        match (left.next(), right.next()) {
            (Some("#"), _) | (_, Some("#")) | (None, None) => return true,
            (Some(a), Some(b)) if a == b || a == "+" || b == "+" => {}
            _ => return false,
        }
    }
}

/// Who subscribes to what goes into the journal. Mostly nobody does, and then
/// telemetry is spared its way through the router.
#[derive(Debug)]
pub(super) struct Interest {
    intake: Intake,
    /// (client id, topic filter) and when it was asked for.
    subscriptions: Mutex<HashMap<(String, String), Instant>>,
    exists: AtomicBool,
    /// The intake has grown: subscriptions that were of no interest may be now.
    assumed: AtomicBool,
}

impl Interest {
    pub(super) fn new(intake: &Intake) -> Self {
        Self {
            intake: intake.clone(),
            subscriptions: Mutex::default(),
            exists: AtomicBool::new(false),
            assumed: AtomicBool::new(false),
        }
    }

    pub(super) fn exists(&self) -> bool {
        self.exists.load(Ordering::Acquire) || self.assumed.load(Ordering::Acquire)
    }

    /// From now on somebody is taken to read along.
    pub(super) fn assume(&self) {
        self.assumed.store(true, Ordering::Release);
    }

    /// A client is about to subscribe to `filter`.
    pub(super) fn note(&self, client_id: &str, filter: &str) {
        let plain = match filter.strip_prefix("$share/") {
            Some(shared) => shared.split_once('/').map_or("", |(_, filter)| filter),
            None => filter,
        };
        let filters = self.intake.filters();
        if filters.iter().any(|intake| overlap(intake, plain)) {
            let key = (client_id.to_owned(), filter.to_owned());
            let mut subscriptions = self.subscriptions.lock();
            subscriptions.insert(key, Instant::now());
            self.exists.store(true, Ordering::Release);
        }
    }

    /// The subscriptions that are old enough to be asked after.
    pub(super) fn to_check(&self) -> Vec<(String, String)> {
        let subscriptions = self.subscriptions.lock();
        let old = subscriptions
            .iter()
            .filter(|(_, since)| since.elapsed() >= INTEREST_GRACE);
        old.map(|(key, _)| key.clone()).collect()
    }

    /// The router does not know this subscription any more.
    pub(super) fn forget(&self, key: &(String, String)) {
        let mut subscriptions = self.subscriptions.lock();
        if subscriptions
            .get(key)
            .is_some_and(|since| since.elapsed() >= INTEREST_GRACE)
        {
            subscriptions.remove(key);
        }
        self.exists
            .store(!subscriptions.is_empty(), Ordering::Release);
    }
}

/// Lets one line per second through, so that a misbehaving client cannot fill
/// the log.
#[derive(Debug)]
pub(super) struct LogLimit {
    start: Instant,
    /// Seconds since `start`, plus one, of the last line.
    last: AtomicU64,
    suppressed: AtomicU64,
}

impl LogLimit {
    pub(super) fn new() -> Self {
        Self {
            start: Instant::now(),
            last: AtomicU64::new(0),
            suppressed: AtomicU64::new(0),
        }
    }

    /// How many were kept back since the last line, when this one may be written.
    pub(super) fn admit(&self) -> Option<u64> {
        let now = self.start.elapsed().as_secs() + 1;
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
    use weir_config::Config;

    #[test]
    fn filters_overlap_when_a_topic_matches_both() {
        for (left, right, expect) in [
            ("devices/+/telemetry", "#", true),
            ("devices/+/telemetry", "devices/p1/telemetry", true),
            ("devices/+/telemetry", "+/p1/#", true),
            ("devices/+/telemetry", "devices/+/telemetry/#", true),
            ("devices/+/telemetry", "devices/+", false),
            ("devices/+/telemetry", "alerts/#", false),
            ("$aws/things/+/shadow/get", "#", false),
            ("$aws/things/+/shadow/get", "+/things/p1/shadow/get", false),
            ("$aws/things/+/shadow/get", "$aws/#", true),
        ] {
            assert_eq!(overlap(left, right), expect, "{left} and {right}");
            assert_eq!(overlap(right, left), expect, "{right} and {left}");
        }
    }

    #[test]
    fn interest_lasts_until_the_router_forgets() {
        let interest = Interest::new(&Intake::new(&Config::default()));
        interest.note("c", "alerts/#");
        assert!(!interest.exists());
        interest.note("c", "$share/g/devices/#");
        assert!(interest.exists());
        assert!(
            interest.to_check().is_empty(),
            "a young subscription is believed in"
        );
        interest.forget(&("c".to_owned(), "$share/g/devices/#".to_owned()));
        assert!(interest.exists());
    }

    #[test]
    fn the_log_is_spared() {
        let limit = LogLimit::new();
        let written = (0..1000).filter(|_| limit.admit().is_some()).count();
        assert!(written < 100, "{written}");
    }
}
