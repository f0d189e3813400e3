//! A flood gets through an outlet that takes its time; one that takes nothing is
//! waited for once.

use std::sync::atomic::AtomicUsize;

use weir_ingest::{Publication, PublishError};

use super::*;

const CAPACITY: usize = 10_000;

#[derive(Debug, Default)]
struct Slow {
    queued: AtomicUsize,
    refused: AtomicUsize,
    looks: AtomicUsize,
}

impl Publisher for Slow {
    fn publish(
        &self,
        _: Publication,
        _: Option<Box<dyn FnOnce() + Send>>,
    ) -> Result<(), PublishError> {
        if self.queued.load(Ordering::Acquire) == CAPACITY {
            self.refused.fetch_add(1, Ordering::AcqRel);
            return Err(PublishError::Full { capacity: CAPACITY });
        }
        self.queued.fetch_add(1, Ordering::AcqRel);
        Ok(())
    }

    fn room(&self) -> usize {
        self.looks.fetch_add(1, Ordering::AcqRel);
        CAPACITY - self.queued.load(Ordering::Acquire)
    }
}

fn answer() -> Answer {
    Answer {
        topic: "t".to_owned(),
        payload: Vec::new(),
    }
}

fn answers(outlet: &Arc<Slow>, patience: Duration) -> Answers {
    let outlet: Arc<dyn Publisher> = outlet.clone();
    let answers = Answers::new(Arc::from([outlet]), Arc::default());
    Answers {
        patience,
        ..answers
    }
}

#[test]
fn a_flood_waits_for_room_and_nothing_is_refused() {
    let outlet = Arc::new(Slow::default());
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Acquire) {
                if outlet.queued.load(Ordering::Acquire) > 0 {
                    outlet.queued.fetch_sub(1, Ordering::AcqRel);
                }
            }
        });
        let answers = answers(&outlet, Duration::from_secs(600));
        let queued = |_| {
            answers.publish(answer());
            outlet.queued.load(Ordering::Acquire)
        };
        let most = (0..3 * CAPACITY).map(queued).max();
        // Before anything is asserted: the other thread waits for it.
        done.store(true, Ordering::Release);
        assert!(most <= Some(CAPACITY - FOR_ALERTS), "{most:?}");
    });
    assert_eq!(outlet.refused.load(Ordering::Acquire), 0);
}

#[test]
fn an_outlet_that_takes_nothing_is_waited_for_once() {
    let outlet = Arc::new(Slow::default());
    outlet.queued.store(CAPACITY, Ordering::Release);
    let answers = answers(&outlet, Duration::ZERO);
    let looks = || outlet.looks.swap(0, Ordering::AcqRel);
    answers.publish(answer());
    assert_eq!(looks(), 2);
    answers.publish(answer());
    assert_eq!(looks(), 1, "it is known to be stuck");
    assert_eq!(outlet.refused.load(Ordering::Acquire), 2);
    // It takes again: it is waited for again.
    outlet.queued.store(0, Ordering::Release);
    answers.publish(answer());
    outlet.queued.store(CAPACITY, Ordering::Release);
    looks();
    answers.publish(answer());
    assert_eq!(looks(), 2);
}
