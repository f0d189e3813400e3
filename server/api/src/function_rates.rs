//! How often functions run now: the increase of their counts over the last minute.
//!
//! A count is looked at every few seconds, also while nobody asks, so that the first
//! answer is as good as any other.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::api::Api;

const EVERY: Duration = Duration::from_secs(5);
/// Looks that are kept: a minute of them.
const KEPT: usize = 12;

/// The counts of the last minute.
#[derive(Debug, Default)]
pub struct FunctionRates(Mutex<VecDeque<Look>>);

#[derive(Debug)]
struct Look {
    at: Instant,
    invocations: HashMap<Arc<str>, u64>,
}

impl FunctionRates {
    fn record(&self, at: Instant, invocations: HashMap<Arc<str>, u64>) {
        let mut looks = self.0.lock();
        if looks.len() == KEPT {
            looks.pop_front();
        }
        looks.push_back(Look { at, invocations });
    }

    /// Since the oldest look that knows the function; `None` before there is one.
    pub(crate) fn per_second(&self, function: &str, invocations: u64) -> Option<f64> {
        self.at(Instant::now(), function, invocations)
    }

    fn at(&self, now: Instant, function: &str, invocations: u64) -> Option<f64> {
        let looks = self.0.lock();
        let known = |look: &Look| Some((look.at, *look.invocations.get(function)?));
        let (at, before) = looks.iter().find_map(known)?;
        let seconds = now.saturating_duration_since(at).as_secs_f64();
        // The counts start again when a function is changed to another kind.
        let increase = invocations.saturating_sub(before) as f64;
        (seconds > 0.0).then(|| (increase / seconds * 100.0).round() / 100.0)
    }
}

/// Looks at the counts until Weir stops.
pub async fn watch_function_rates(api: Arc<Api>) {
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = api.shutdown.cancelled() => return,
        }
        let usage = api.pipeline.lock().usage();
        let functions = usage.functions.into_iter();
        let invocations = functions.map(|function| (function.name, function.tally.invocations));
        api.rates.record(Instant::now(), invocations.collect());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_the_increase_over_the_last_minute() {
        let rates = FunctionRates::default();
        let start = Instant::now();
        let after = |seconds: u64| start + Duration::from_secs(seconds);
        assert_eq!(rates.at(start, "hot", 7), None);
        for look in 0..20 {
            let counts = HashMap::from([("hot".into(), look * 50)]);
            rates.record(after(look * 5), counts);
        }
        // The oldest of the twelve looks is that at 40 s, with a count of 400.
        assert_eq!(rates.at(after(100), "hot", 1_000), Some(10.0));
        assert_eq!(rates.at(after(40), "hot", 400), None);
        assert_eq!(rates.at(after(100), "hot", 3), Some(0.0));
        assert_eq!(rates.at(after(100), "new", 3), None);
    }
}
