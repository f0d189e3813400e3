use super::*;
use crate::test_journal::TestJournal;

/// A generator of numbers, so that a failure can be repeated (Knuth's MMIX).
struct Seeded(u64);

impl Seeded {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

fn stashed(number: u16) -> Stashed {
    let payload = Bytes::copy_from_slice(&number.to_be_bytes());
    Stashed {
        received: Timestamp(0),
        topic: "t".into(),
        payload,
        qos: 1,
        is_repeated: true,
    }
}

/// Whatever the order of publishes, appends, refusals, commits and releases:
/// each acknowledgement leaves once, in order, and after its commit.
#[test]
fn acknowledgements_leave_in_order_and_after_their_commit() {
    for seed in 0..500 {
        let mut random = Seeded(seed);
        let journal = TestJournal::new();
        let gate = Arc::<Gate>::default();
        let listener: Arc<dyn CommitListener> = gate.clone();
        let mut ledger = Ledger::default();
        let mut out = BytesMut::new();
        let (mut published, mut committed) = (0_u16, 0);
        for _ in 0..200 {
            match random.below(6) {
                0 | 1 => {
                    ledger.stash(stashed(published));
                    ledger.hold(&published.to_be_bytes());
                    published += 1;
                }
                2 => {
                    ledger.append(&*journal, "", &listener).unwrap();
                }
                3 => {
                    journal.refuse(AppendError::Busy { pending: 0 });
                    let before = journal.len();
                    let refused = ledger.append(&*journal, "", &listener);
                    assert_eq!(refused.is_err(), ledger.has_stash());
                    assert_eq!(journal.len(), before);
                    journal.make_room();
                }
                4 => {
                    let waiting = (journal.len() - committed) as u64;
                    committed += random.below(waiting + 1) as usize;
                    journal.commit(committed);
                    ledger.settle(gate.committed());
                }
                _ => ledger.release(&mut out),
            }
            assert!(out.len() / 2 <= committed, "seed {seed}");
        }
        ledger.append(&*journal, "", &listener).unwrap();
        journal.commit_all();
        ledger.settle(gate.committed());
        ledger.release(&mut out);
        assert!(ledger.is_settled(), "seed {seed}");
        assert_eq!((ledger.uncommitted(), ledger.held_bytes()), (0, 0));
        let expect: Vec<u8> = (0..published).flat_map(u16::to_be_bytes).collect();
        assert_eq!(&out[..], expect, "seed {seed}");
        let payloads: Vec<u8> = journal
            .taken()
            .into_iter()
            .flat_map(|t| t.payload)
            .collect();
        assert_eq!(payloads, expect, "seed {seed}");
    }
}

#[test]
fn the_stash_is_full_at_each_of_its_limits() {
    let journal = TestJournal::new();
    let gate = Arc::<Gate>::default();
    let listener: Arc<dyn CommitListener> = gate.clone();
    let mut ledger = Ledger::default();
    ledger.stash(stashed(0));
    assert!(!ledger.is_stash_full(2) && ledger.is_stash_full(1));
    ledger.append(&*journal, "", &listener).unwrap();
    ledger.stash(stashed(1));
    assert!(ledger.is_stash_full(2), "what waits for its commit counts");
    journal.commit_all();
    ledger.settle(gate.committed());
    assert!(!ledger.is_stash_full(2));
    ledger.stash(Stashed {
        payload: vec![0; MAX_BATCH_BYTES].into(),
        ..stashed(2)
    });
    assert!(ledger.is_stash_full(65_535));
}

#[test]
fn only_what_is_sent_again_is_forgotten() {
    let journal = TestJournal::new();
    let gate = Arc::<Gate>::default();
    let listener: Arc<dyn CommitListener> = gate.clone();
    let mut ledger = Ledger::default();
    ledger.stash(stashed(0));
    ledger.hold(b"0");
    ledger.append(&*journal, "", &listener).unwrap();
    ledger.stash(Stashed {
        qos: 0,
        is_repeated: false,
        ..stashed(1)
    });
    ledger.stash(stashed(2));
    ledger.hold(b"2");
    ledger.forget_repeated();
    ledger.append(&*journal, "", &listener).unwrap();
    journal.commit_all();
    ledger.settle(gate.committed());
    let mut out = BytesMut::new();
    ledger.release(&mut out);
    assert_eq!(&out[..], b"0");
    assert!(ledger.is_settled());
    let payloads: Vec<_> = journal
        .taken()
        .into_iter()
        .map(|taken| taken.payload)
        .collect();
    assert_eq!(payloads, [[0, 0], [0, 1]]);
}
