//! Answers of shadows on their way out. They wait while a publisher is half full:
//! the answers of thousands of devices that change at once go out one after the
//! other, and alerts still find room. Nothing waits for a stuck publisher.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use weir_ingest::Publisher;
use weir_shadow_document::Answer;

use super::publish;

/// Publications for which a publisher keeps room, for alerts.
const FOR_ALERTS: usize = 5_000;
/// A publisher that has accepted nothing for this long is stuck.
const PATIENCE: Duration = Duration::from_secs(1);
const LOOKS_EVERY: Duration = Duration::from_millis(1);

pub(crate) struct Answers {
    publishers: Arc<[Arc<dyn Publisher>]>,
    /// By publisher; until it has room again.
    stuck: Vec<Cell<bool>>,
    patience: Duration,
    stop: Arc<AtomicBool>,
}

impl Answers {
    pub(crate) fn new(publishers: Arc<[Arc<dyn Publisher>]>, stop: Arc<AtomicBool>) -> Self {
        Self {
            stuck: vec![Cell::new(false); publishers.len()],
            publishers,
            patience: PATIENCE,
            stop,
        }
    }

    pub(super) fn publish(&self, answer: Answer) {
        for (publisher, stuck) in self.publishers.iter().zip(&self.stuck) {
            self.wait(&**publisher, stuck);
        }
        publish(&self.publishers, answer.topic, answer.payload);
    }

    fn wait(&self, publisher: &dyn Publisher, stuck: &Cell<bool>) {
        let mut room = publisher.room();
        if room > FOR_ALERTS {
            stuck.set(false);
            return;
        }
        let mut moved = Instant::now();
        while !stuck.get() && room <= FOR_ALERTS && !self.stop.load(Ordering::Acquire) {
            thread::sleep(LOOKS_EVERY);
            let before = std::mem::replace(&mut room, publisher.room());
            if room > before {
                moved = Instant::now();
            }
            stuck.set(moved.elapsed() >= self.patience);
        }
    }
}

#[cfg(test)]
mod tests;
