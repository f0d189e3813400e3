//! Whether any client subscribes to telemetry or shadow requests.
//!
//! Most brokers have no such subscriber, and then telemetry does not go through the
//! router.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::LiveTopics;

/// A noted subscription counts for so long before the router is asked for it.
const GRACE: Duration = Duration::from_secs(5);

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

/// The subscriptions to accepted topics.
#[derive(Debug)]
pub(super) struct TelemetrySubscribers {
    topics: LiveTopics,
    /// (client id, topic filter) and the time of the SUBSCRIBE.
    subscriptions: Mutex<HashMap<(String, String), Instant>>,
    exists: AtomicBool,
    /// More topics are accepted: subscriptions that did not count may count now.
    assumed: AtomicBool,
}

impl TelemetrySubscribers {
    pub(super) fn new(topics: &LiveTopics) -> Self {
        Self {
            topics: topics.clone(),
            subscriptions: Mutex::default(),
            exists: AtomicBool::new(false),
            assumed: AtomicBool::new(false),
        }
    }

    /// Whether there may be one.
    pub(super) fn any(&self) -> bool {
        self.exists.load(Ordering::Acquire) || self.assumed.load(Ordering::Acquire)
    }

    /// From now on a subscriber is assumed.
    pub(super) fn assume_any(&self) {
        self.assumed.store(true, Ordering::Release);
    }

    /// A client is about to subscribe to `filter`.
    pub(super) fn note(&self, client_id: &str, filter: &str) {
        let plain = match filter.strip_prefix("$share/") {
            Some(shared) => shared.split_once('/').map_or("", |(_, filter)| filter),
            None => filter,
        };
        let accepted = self.topics.subscriptions();
        if accepted.iter().any(|accepted| overlap(accepted, plain)) {
            let key = (client_id.to_owned(), filter.to_owned());
            let mut subscriptions = self.subscriptions.lock();
            subscriptions.insert(key, Instant::now());
            self.exists.store(true, Ordering::Release);
        }
    }

    /// The subscriptions that the router should know by now.
    pub(super) fn to_check(&self) -> Vec<(String, String)> {
        let subscriptions = self.subscriptions.lock();
        let old = subscriptions
            .iter()
            .filter(|(_, since)| since.elapsed() >= GRACE);
        old.map(|(key, _)| key.clone()).collect()
    }

    /// The router no longer knows this subscription.
    pub(super) fn forget(&self, key: &(String, String)) {
        let mut subscriptions = self.subscriptions.lock();
        if subscriptions
            .get(key)
            .is_some_and(|since| since.elapsed() >= GRACE)
        {
            subscriptions.remove(key);
        }
        self.exists
            .store(!subscriptions.is_empty(), Ordering::Release);
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
    fn a_subscriber_counts_until_the_router_forgets_it() {
        let subscribers = TelemetrySubscribers::new(&LiveTopics::new(&Config::default()));
        subscribers.note("c", "alerts/#");
        assert!(!subscribers.any());
        subscribers.note("c", "$share/g/devices/#");
        assert!(subscribers.any());
        assert!(
            subscribers.to_check().is_empty(),
            "a new subscription is not checked"
        );
        subscribers.forget(&("c".to_owned(), "$share/g/devices/#".to_owned()));
        assert!(subscribers.any());
    }
}
