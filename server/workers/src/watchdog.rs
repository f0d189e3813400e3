//! Reports a consumer of the journal that is stalled although records wait for
//! it. Nothing is lost meanwhile, but nothing arrives either, and the journal
//! fills up: people on call should know before it is full.
//!
//! It watches the pipeline (its position), its checkpoints (what the journal may
//! truncate) and the InfluxDB sink. A full or failed journal and a silent source
//! report themselves.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use weir_journal::{Journal, JournalStatus};
use weir_model::Position;

use crate::configuration::current::Current;
use crate::health::Health;
use crate::influx::influx_worker::INFLUX_CONSUMER;
use crate::store_worker::PIPELINE_CONSUMER;

/// How often it looks.
const LOOK: Duration = Duration::from_millis(500);

/// Watches, and remembers which consumers are stalled.
#[derive(Debug)]
pub struct Watchdog {
    config: Current,
    watched: Mutex<Vec<Watched>>,
}

/// A consumer, and since when it is at its position.
#[derive(Debug)]
struct Watched {
    name: &'static str,
    position: Position,
    /// When it was last seen to advance, or to have nothing to do.
    since: Instant,
    stalled: bool,
}

/// The position of a consumer.
#[derive(Clone, Copy, Debug)]
struct Consumer {
    name: &'static str,
    position: Position,
    patience: Duration,
}

impl Watchdog {
    pub(crate) fn new(config: Current) -> Self {
        Self {
            config,
            watched: Mutex::default(),
        }
    }

    /// Watches until `shutdown`. `processed` is the pipeline's position.
    pub(crate) async fn run(
        self: Arc<Self>,
        journal: Arc<dyn Journal>,
        processed: Arc<AtomicU64>,
        health: Arc<Health>,
        shutdown: CancellationToken,
    ) {
        while shutdown
            .run_until_cancelled(tokio::time::sleep(LOOK))
            .await
            .is_some()
        {
            let status = journal.status();
            let processed = Position(processed.load(Ordering::Acquire));
            let consumers = self.consumers(&status, processed);
            self.look(&consumers, status.written, Instant::now(), &health);
        }
    }

    fn consumers(&self, status: &JournalStatus, processed: Position) -> Vec<Consumer> {
        let config = self.config.get();
        // Zero turns it off.
        let stalled_after = match config.watchdog.stalled_after {
            Duration::ZERO => Duration::MAX,
            given => given,
        };
        // A checkpoint may keep the journal waiting so long on top.
        let flush_interval = config.embedded_store.flush_interval;
        let mut consumers = vec![Consumer {
            name: "pipeline",
            position: processed,
            patience: stalled_after,
        }];
        for (name, position) in &status.consumers {
            let (name, extra) = match name.as_str() {
                PIPELINE_CONSUMER => ("checkpoint", flush_interval),
                INFLUX_CONSUMER => (INFLUX_CONSUMER, Duration::ZERO),
                _ => continue,
            };
            consumers.push(Consumer {
                name,
                position: *position,
                patience: stalled_after.saturating_add(extra),
            });
        }
        consumers
    }

    /// Compares with what it saw before.
    fn look(&self, consumers: &[Consumer], written: Position, now: Instant, health: &Health) {
        let mut watched = self.watched.lock();
        for consumer in consumers {
            let Consumer { name, position, .. } = *consumer;
            let Some(known) = watched.iter_mut().find(|known| known.name == name) else {
                watched.push(Watched {
                    name,
                    position,
                    since: now,
                    stalled: false,
                });
                continue;
            };
            if position != known.position || position >= written {
                (known.position, known.since) = (position, now);
            }
            let component = format!("consumer {name}");
            let still = now.saturating_duration_since(known.since);
            let behind = written.0.saturating_sub(position.0);
            let stalled = still >= consumer.patience;
            if stalled {
                let seconds = still.as_secs();
                let reason = format!(
                    "it has stood at position {position} for {seconds} s with {behind} bytes of \
                     the journal before it"
                );
                health.set(&component, reason);
            }
            if stalled && !known.stalled {
                warn!(
                    consumer = name,
                    position = position.0,
                    behind,
                    "journal consumer stalled"
                );
            } else if known.stalled && !stalled {
                health.clear(&component);
                info!(
                    consumer = name,
                    position = position.0,
                    "journal consumer advances again"
                );
            }
            known.stalled = stalled;
        }
    }

    /// For how many seconds each consumer has been stalled; 0 if it is not.
    pub fn stalled_seconds(&self) -> Vec<(&'static str, f64)> {
        let watched = self.watched.lock();
        let seconds = |known: &Watched| {
            if known.stalled {
                known.since.elapsed().as_secs_f64()
            } else {
                0.0
            }
        };
        watched
            .iter()
            .map(|known| (known.name, seconds(known)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use weir_config::Config;

    use super::*;

    /// Looks at one consumer after another second each: (position, written), and
    /// whether it is then reported as stalled.
    #[track_caller]
    fn check(seen: &[((u64, u64), bool)]) {
        let watchdog = Watchdog::new(Current::new(Config::default(), Vec::new()));
        let health = Health::default();
        let begun = Instant::now();
        for (nth, ((position, written), reported)) in (0..).zip(seen) {
            let consumer = Consumer {
                name: "pipeline",
                position: Position(*position),
                patience: Duration::from_secs(2),
            };
            let now = begun + Duration::from_secs(nth);
            watchdog.look(&[consumer], Position(*written), now, &health);
            let reasons = health.reasons();
            assert_eq!(
                reasons.contains_key("consumer pipeline"),
                *reported,
                "at {nth}: {reasons:?}"
            );
            let stalled = watchdog.stalled_seconds();
            assert_eq!(watchdog.watched.lock()[0].stalled, *reported, "{stalled:?}");
        }
    }

    #[test]
    fn a_consumer_that_stalls_with_work_is_reported_until_it_advances() {
        // Counted from when it last had nothing to do, here the second look.
        check(&[
            ((5, 5), false),
            ((5, 5), false),
            ((5, 9), false),
            ((5, 10), true),
            ((5, 11), true),
            ((6, 11), false),
            ((6, 11), false),
            ((6, 11), true),
            ((11, 11), false),
        ]);
    }

    #[test]
    fn one_that_is_idle_or_slow_is_not() {
        check(&[((5, 5), false); 6]);
        check(&[
            ((1, 90), false),
            ((2, 91), false),
            ((2, 92), false),
            ((3, 93), false),
            ((3, 94), false),
            ((4, 95), false),
        ]);
    }

    #[test]
    fn checkpoints_have_their_interval_on_top() {
        let config = Config::default();
        let watchdog = Watchdog::new(Current::new(config.clone(), Vec::new()));
        let status = JournalStatus {
            consumers: vec![
                (PIPELINE_CONSUMER.to_owned(), Position(1)),
                (INFLUX_CONSUMER.to_owned(), Position(2)),
            ],
            ..JournalStatus::default()
        };
        let consumers = watchdog.consumers(&status, Position(3));
        let after = config.watchdog.stalled_after;
        let found: Vec<_> = consumers
            .iter()
            .map(|s| (s.name, s.position.0, s.patience))
            .collect();
        let checkpoint = after + config.embedded_store.flush_interval;
        assert_eq!(
            found,
            [
                ("pipeline", 3, after),
                ("checkpoint", 1, checkpoint),
                ("influxdb", 2, after)
            ]
        );
    }
}
