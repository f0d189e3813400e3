//! Messages with a number, listeners that remember, readers that drain.

use std::future::Future;
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use weir_config::JournalSection;
use weir_disk::Disk;
use weir_model::{Ingress, Message, Position, Timestamp};

use crate::local::LocalJournal;
use crate::{CommitListener, Log};

/// Long enough for a machine under load.
pub(super) const DEADLINE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(1);

/// From this number on, a message is larger than a segment of [`section`];
pub(super) const BIG: u64 = 1_000_000;
/// and from this one on, larger than what readers read at once.
pub(super) const HUGE: u64 = 2_000_000;

/// The message with this number. Its payload's length varies with it.
pub(super) fn message(number: u64) -> Message<'static> {
    Message {
        received: Timestamp(number as i64),
        ingress: Ingress::ALL[number as usize % 3],
        client: if number.is_multiple_of(2) {
            "client-ü"
        } else {
            ""
        },
        topic: "devices/p1/telemetry",
        payload: payload(number),
        qos: (number % 3) as u8,
        retained: number.is_multiple_of(5),
        duplicate: number.is_multiple_of(7),
    }
}

fn payload(number: u64) -> &'static [u8] {
    static BYTES: [u8; 3 << 20] = [b'x'; 3 << 20];
    let varied = (number as usize * 37) % 97;
    let most = match number {
        HUGE.. => BYTES.len(),
        BIG.. => 64 << 10,
        _ => 97,
    };
    &BYTES[..most - 97 + varied]
}

pub(super) fn section() -> JournalSection {
    JournalSection {
        max_size: 1 << 20,
        segment_size: 4 << 10,
        max_pending: 64 << 10,
    }
}

#[track_caller]
pub(super) fn open(
    disk: &Arc<dyn Disk>,
    dir: &Path,
    section: &JournalSection,
    consumers: &[&str],
) -> LocalJournal {
    LocalJournal::open_with(Arc::clone(disk), dir, section, consumers, PAUSE).unwrap()
}

/// What a reader found, up to what was written when it began.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Drained {
    pub(super) numbers: Vec<u64>,
    pub(super) positions: Vec<u64>,
    pub(super) corrupt: Vec<(u64, u64, usize)>,
    pub(super) end: u64,
}

#[track_caller]
pub(super) fn drain(journal: &LocalJournal, from: Position) -> Drained {
    let mut reader = journal.reader(from).unwrap();
    let mut drained = Drained {
        end: from.0,
        ..Drained::default()
    };
    while let Some(chunk) = reader.next(Duration::ZERO).unwrap() {
        assert!(
            chunk.start().0 >= drained.end,
            "a chunk starts before the last one's end"
        );
        drained.end = chunk.start().0;
        for record in chunk.records() {
            assert_eq!(record.position.0, drained.end);
            drained.end = record.end.0;
            match record.content {
                Ok(found) => {
                    let number = found.received.0 as u64;
                    assert_eq!(found, message(number));
                    drained.numbers.push(number);
                    drained.positions.push(record.position.0);
                }
                Err(corrupt) => {
                    drained
                        .corrupt
                        .push((record.position.0, record.end.0, corrupt.bytes.len()));
                }
            }
        }
        assert_eq!(chunk.end().0, drained.end);
    }
    drained
}

/// A listener and its notifications.
#[derive(Debug, Default)]
pub(super) struct Notified {
    state: Mutex<ToldState>,
    changed: Condvar,
}

#[derive(Clone, Debug, Default)]
pub(super) struct ToldState {
    pub(super) committed: Vec<Position>,
    pub(super) failed: usize,
}

impl Notified {
    pub(super) fn new() -> Arc<Self> {
        Arc::default()
    }

    pub(super) fn listener(self: &Arc<Self>) -> Arc<dyn CommitListener> {
        Arc::clone(self) as Arc<dyn CommitListener>
    }

    pub(super) fn state(&self) -> ToldState {
        self.state.lock().clone()
    }

    #[track_caller]
    pub(super) fn until(&self, position: Position) {
        self.wait(|state| state.committed.last().is_some_and(|last| *last >= position));
    }

    #[track_caller]
    pub(super) fn until_failed(&self) {
        self.wait(|state| state.failed > 0);
    }

    #[track_caller]
    fn wait(&self, done: impl Fn(&ToldState) -> bool) {
        let mut state = self.state.lock();
        let timed_out = self
            .changed
            .wait_while_for(&mut state, |state| !done(state), DEADLINE)
            .timed_out();
        assert!(!timed_out, "notified only {state:?}");
    }
}

impl CommitListener for Notified {
    fn committed(&self, position: Position) {
        self.state.lock().committed.push(position);
        self.changed.notify_all();
    }

    fn failed(&self) {
        self.state.lock().failed += 1;
        self.changed.notify_all();
    }
}

/// Waits for a future, but not for ever.
#[track_caller]
pub(super) fn block_on<F: Future>(future: F) -> F::Output {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut future = pin!(future);
    let deadline = Instant::now() + DEADLINE;
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return output;
        }
        let left = deadline.saturating_duration_since(Instant::now());
        assert!(!left.is_zero(), "the future did not resolve");
        std::thread::park_timeout(left);
    }
}
