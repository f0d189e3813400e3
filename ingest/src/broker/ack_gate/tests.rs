use super::*;
use crate::tests::test_journal::TestJournal;

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

fn pending(number: u16) -> PendingPublish {
    let payload = Bytes::copy_from_slice(&number.to_be_bytes());
    PendingPublish {
        received: Timestamp(0),
        topic: "t".into(),
        payload,
        qos: 1,
        is_resent: true,
    }
}

/// Whatever the order of publishes, appends, refusals, commits and releases:
/// each acknowledgement leaves once, in order, and after its commit.
#[test]
fn acknowledgements_leave_in_order_and_after_their_commit() {
    for seed in 0..500 {
        let mut random = Seeded(seed);
        let journal = TestJournal::new();
        let commits = Arc::<CommitWaker>::default();
        let listener: Arc<dyn CommitListener> = commits.clone();
        let mut acks = AckGate::default();
        let mut out = BytesMut::new();
        let (mut published, mut committed) = (0_u16, 0);
        for _ in 0..200 {
            match random.below(6) {
                0 | 1 => {
                    acks.push(pending(published));
                    acks.hold(&published.to_be_bytes());
                    published += 1;
                }
                2 => {
                    acks.append(&*journal, "", &listener).unwrap();
                }
                3 => {
                    journal.refuse(AppendError::Busy { pending: 0 });
                    let before = journal.len();
                    let refused = acks.append(&*journal, "", &listener);
                    assert_eq!(refused.is_err(), acks.has_pending());
                    assert_eq!(journal.len(), before);
                    journal.make_room();
                }
                4 => {
                    let waiting = (journal.len() - committed) as u64;
                    committed += random.below(waiting + 1) as usize;
                    journal.commit(committed);
                    acks.settle(commits.committed());
                }
                _ => acks.release(&mut out),
            }
            assert!(out.len() / 2 <= committed, "seed {seed}");
        }
        acks.append(&*journal, "", &listener).unwrap();
        journal.commit_all();
        acks.settle(commits.committed());
        acks.release(&mut out);
        assert!(acks.is_settled(), "seed {seed}");
        assert_eq!((acks.uncommitted(), acks.held_bytes()), (0, 0));
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
fn pending_publishes_must_be_appended_at_each_limit() {
    let journal = TestJournal::new();
    let commits = Arc::<CommitWaker>::default();
    let listener: Arc<dyn CommitListener> = commits.clone();
    let mut acks = AckGate::default();
    acks.push(pending(0));
    assert!(!acks.must_append(2) && acks.must_append(1));
    acks.append(&*journal, "", &listener).unwrap();
    acks.push(pending(1));
    assert!(acks.must_append(2), "what waits for its commit counts");
    journal.commit_all();
    acks.settle(commits.committed());
    assert!(!acks.must_append(2));
    acks.push(PendingPublish {
        payload: vec![0; MAX_BATCH_BYTES].into(),
        ..pending(2)
    });
    assert!(acks.must_append(65_535));
}

#[test]
fn only_what_is_sent_again_is_discarded() {
    let journal = TestJournal::new();
    let commits = Arc::<CommitWaker>::default();
    let listener: Arc<dyn CommitListener> = commits.clone();
    let mut acks = AckGate::default();
    acks.push(pending(0));
    acks.hold(b"0");
    acks.append(&*journal, "", &listener).unwrap();
    acks.push(PendingPublish {
        qos: 0,
        is_resent: false,
        ..pending(1)
    });
    acks.push(pending(2));
    acks.hold(b"2");
    acks.discard_resendable();
    acks.append(&*journal, "", &listener).unwrap();
    journal.commit_all();
    acks.settle(commits.committed());
    let mut out = BytesMut::new();
    acks.release(&mut out);
    assert_eq!(&out[..], b"0");
    assert!(acks.is_settled());
    let payloads: Vec<_> = journal
        .taken()
        .into_iter()
        .map(|taken| taken.payload)
        .collect();
    assert_eq!(payloads, [[0, 0], [0, 1]]);
}
