use weir_model::{Ingress, MAX_QUARANTINED_PAYLOAD_BYTES, Message, Quarantined};

use super::*;
use crate::messages::{Newest, RejectedPage};
use crate::reasons::StoredReason;
use crate::tables::MAX_DETAIL_BYTES;

fn entry(position: u64, reading: Option<u32>, reason: QuarantineReason) -> QuarantineEntry {
    QuarantineEntry {
        position: Position(position),
        reading,
        reason,
        detail: format!("found at {position}"),
        topic: "devices/a/telemetry".to_owned(),
        client: "gateway".to_owned(),
        ingress: Ingress::Http,
        received: Timestamp(7),
        retained: position == 30,
        replayed: None,
        payload_bytes: 3,
        payload: vec![0xff, 0, b'x'],
    }
}

fn limits() -> weir_config::Quarantine {
    weir_config::Quarantine::default()
}

use QuarantineReason::{Empty, InvalidJson, MissingValue};

#[test]
fn entries_come_back_verbatim_the_newest_first_and_by_reason() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("quarantine.redb");
    let all = [
        entry(10, None, InvalidJson),
        entry(20, Some(0), MissingValue),
        entry(20, Some(1), MissingValue),
        entry(30, None, Empty),
    ];
    let quarantine = Quarantine::open(&path, &limits()).unwrap();
    quarantine.record(Position(20), &all[..3]).unwrap();
    quarantine.record(Position(40), &all[3..]).unwrap();
    drop(quarantine);
    let quarantine = Quarantine::open(&path, &limits()).unwrap();
    let newest_first: Vec<_> = all.iter().rev().cloned().collect();
    assert_eq!(quarantine.list(None, 100).unwrap(), newest_first);
    assert_eq!(quarantine.list(None, 2).unwrap(), newest_first[..2]);
    assert_eq!(
        quarantine.list(Some(MissingValue), 100).unwrap(),
        newest_first[1..3]
    );
    assert_eq!(
        quarantine.list(Some(MissingValue), 1).unwrap(),
        newest_first[1..2]
    );
    assert_eq!(quarantine.position().unwrap(), Position(40));
    assert_eq!(
        quarantine.counts().unwrap(),
        [(Empty, 1), (InvalidJson, 1), (MissingValue, 2)]
    );
}

#[test]
fn recording_again_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let quarantine = Quarantine::open(&dir.path().join("q"), &limits()).unwrap();
    let entries = [
        entry(10, None, InvalidJson),
        entry(20, Some(0), MissingValue),
    ];
    for _ in 0..3 {
        quarantine.record(Position(30), &entries).unwrap();
    }
    // A replay that begins further back.
    quarantine.record(Position(10), &entries[..1]).unwrap();
    assert_eq!(quarantine.list(None, 10).unwrap().len(), 2);
    assert_eq!(
        quarantine.counts().unwrap(),
        [(InvalidJson, 1), (MissingValue, 1)]
    );
    assert_eq!(quarantine.position().unwrap(), Position(30));
}

#[test]
fn the_oldest_go_when_there_are_too_many() {
    for caps in [
        weir_config::Quarantine {
            max_entries: 3,
            ..limits()
        },
        weir_config::Quarantine {
            max_size: 200,
            ..limits()
        },
    ] {
        let dir = tempfile::tempdir().unwrap();
        let quarantine = Quarantine::open(&dir.path().join("q"), &caps).unwrap();
        for position in 0..10 {
            quarantine
                .record(Position(position), &[entry(position, None, Empty)])
                .unwrap();
        }
        let kept = quarantine.list(None, 100).unwrap();
        let positions: Vec<_> = kept.iter().map(|entry| entry.position.0).collect();
        assert_eq!(positions, [9, 8, 7]);
        assert_eq!(quarantine.list(Some(Empty), 100).unwrap(), kept);
        let totals = quarantine.totals().unwrap();
        let expired = Expired {
            by_size: 7,
            by_age: 0,
        };
        assert_eq!((totals.entries, totals.expired), (3, expired));
        assert_eq!(quarantine.counts().unwrap(), [(Empty, 10)]);
    }
}

#[test]
fn the_old_go_in_their_order_and_what_has_no_time_with_them() {
    let dir = tempfile::tempdir().unwrap();
    let caps = weir_config::Quarantine {
        max_age: std::time::Duration::from_nanos(100),
        ..limits()
    };
    let quarantine = Quarantine::open(&dir.path().join("q"), &caps).unwrap();
    let received = [0, 10, 20, 0, 30, 0, 40];
    for (position, received) in (0..).zip(received) {
        let entry = QuarantineEntry {
            received: Timestamp(received),
            ..entry(position, None, Empty)
        };
        quarantine.record(Position(position), &[entry]).unwrap();
    }
    let kept = |quarantine: &Quarantine| -> Vec<u64> {
        let kept = quarantine.list(Some(Empty), 100).unwrap();
        kept.iter().map(|entry| entry.position.0).collect()
    };
    assert_eq!(quarantine.expire(Timestamp(110)).unwrap(), 0);
    assert_eq!(quarantine.expire(Timestamp(131)).unwrap(), 5);
    assert_eq!(kept(&quarantine), [6, 5]);
    assert_eq!(quarantine.expire(Timestamp(131)).unwrap(), 0);
    let totals = quarantine.totals().unwrap();
    let expired = Expired {
        by_size: 0,
        by_age: 5,
    };
    assert_eq!((totals.entries, totals.expired), (2, expired));
    assert_eq!(quarantine.expire(Timestamp(1_000)).unwrap(), 2);
    assert_eq!(quarantine.totals().unwrap().bytes, 0);
}

#[test]
fn a_large_payload_is_cut_and_its_length_kept() {
    let payload = vec![b'x'; MAX_QUARANTINED_PAYLOAD_BYTES + 1];
    let message = Message {
        received: Timestamp(1),
        ingress: Ingress::Source,
        client: "c",
        topic: "t",
        payload: &payload,
        qos: 1,
        retained: false,
        duplicate: false,
    };
    let rejected = Quarantined {
        position: Position(1),
        reading: None,
        reason: QuarantineReason::TooLarge,
        detail: "é".repeat(MAX_DETAIL_BYTES),
    };
    let dir = tempfile::tempdir().unwrap();
    let quarantine = Quarantine::open(&dir.path().join("q"), &limits()).unwrap();
    let entry = QuarantineEntry::new(&rejected, Some(&message), &payload);
    quarantine.record(Position(1), &[entry]).unwrap();
    let kept = quarantine.list(None, 1).unwrap().remove(0);
    assert_eq!(kept.payload.len(), MAX_QUARANTINED_PAYLOAD_BYTES);
    assert_eq!(kept.payload_bytes, payload.len() as u64);
    assert_eq!(kept.detail.len(), MAX_DETAIL_BYTES);
}

#[test]
fn messages_come_in_order_with_their_bytes_and_all_their_reasons() {
    let dir = tempfile::tempdir().unwrap();
    let quarantine = Quarantine::open(&dir.path().join("q"), &limits()).unwrap();
    let without_bytes = |position, reading, reason| QuarantineEntry {
        payload: Vec::new(),
        ..entry(position, reading, reason)
    };
    let line = QuarantineEntry {
        topic: String::new(),
        ..entry(20, Some(0), QuarantineReason::StoreRejected)
    };
    let all = [
        entry(10, None, InvalidJson),
        // Its bytes stand with the reading that was rejected first.
        without_bytes(20, Some(0), Empty),
        line,
        entry(20, Some(1), MissingValue),
        without_bytes(30, None, InvalidJson),
    ];
    quarantine.record(Position(30), &all).unwrap();

    let first = quarantine.messages(None, 2).unwrap();
    let found: Vec<_> = first
        .messages
        .iter()
        .map(|m| {
            (
                m.entry.position.0,
                m.rejections.iter().map(|r| r.reason).collect::<Vec<_>>(),
                m.is_whole(),
            )
        })
        .collect();
    let expected = [
        (10, vec![InvalidJson], true),
        (20, vec![Empty, MissingValue], true),
        (20, vec![QuarantineReason::StoreRejected], true),
    ];
    for one in &expected {
        assert!(found.contains(one), "{one:?} in {found:?}");
    }
    assert_eq!((found.len(), first.next), (3, Some(Position(20))));
    let second = quarantine.messages(first.next, 2).unwrap();
    assert_eq!((second.messages.len(), second.next), (1, None));
    assert!(!second.messages[0].is_whole());
    assert!(second.messages[0].entry.retained);
    let behind = quarantine.messages(Some(Position(u64::MAX)), 2).unwrap();
    assert_eq!(behind, RejectedPage::default());
}

#[test]
fn a_replay_is_remembered_for_all_entries_of_its_message_until_they_expire() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("q");
    let caps = weir_config::Quarantine {
        max_entries: 3,
        ..limits()
    };
    let quarantine = Quarantine::open(&path, &caps).unwrap();
    let all = [
        entry(10, Some(0), MissingValue),
        entry(10, Some(1), MissingValue),
        entry(20, None, InvalidJson),
    ];
    quarantine.record(Position(20), &all).unwrap();
    let marked = [Position(10), Position(15)];
    quarantine.mark_replayed(&marked, Timestamp(99)).unwrap();
    // What is recorded again after a crash stays replayed.
    quarantine.record(Position(20), &all).unwrap();
    drop(quarantine);
    let quarantine = Quarantine::open(&path, &caps).unwrap();
    let replayed = |quarantine: &Quarantine| -> Vec<_> {
        let listed = quarantine.list(None, 10).unwrap();
        listed.iter().map(|entry| entry.replayed).collect()
    };
    let at = Some(Timestamp(99));
    assert_eq!(replayed(&quarantine), [None, at, at]);
    let page = quarantine.messages(None, 10).unwrap();
    assert_eq!(page.messages[0].entry.replayed, at);

    let newer: Vec<_> = (30..33).map(|at| entry(at, None, Empty)).collect();
    quarantine.record(Position(33), &newer).unwrap();
    let marks = quarantine.database.begin_read().unwrap();
    let marks = marks.open_table(REPLAYED).unwrap();
    assert!(marks.iter().unwrap().next().is_none());
}

#[test]
fn an_entry_of_an_earlier_version_is_read() {
    let written = entry(30, None, Empty);
    let mut bytes = encode(&written).unwrap();
    assert_eq!(decode(key_of(&written), &bytes), Some(written.clone()));
    bytes.pop();
    let read = decode(key_of(&written), &bytes).unwrap();
    assert!(!read.retained);
    assert_eq!(read.payload, written.payload);
}

fn newest(quarantine: &Quarantine, wanted: Newest<'_>) -> (Vec<u64>, Option<u64>) {
    let page = quarantine.newest(wanted).unwrap();
    let positions = page.messages.iter().map(|m| m.entry.position.0).collect();
    (positions, page.next.map(|next| next.0))
}

#[test]
fn the_newest_messages_come_in_pages_by_reason_and_by_topic() {
    let dir = tempfile::tempdir().unwrap();
    let quarantine = Quarantine::open(&dir.path().join("q.redb"), &limits()).unwrap();
    let mut other = entry(30, None, Empty);
    other.topic = "devices/b/telemetry".to_owned();
    let entries = [
        entry(10, None, InvalidJson),
        entry(20, Some(0), MissingValue),
        entry(20, Some(1), Empty),
        other,
        entry(40, None, Empty),
    ];
    quarantine.record(Position(40), &entries).unwrap();
    let all = Newest {
        reason: None,
        topic: &|_| true,
        before: None,
        limit: 10,
    };
    assert_eq!(newest(&quarantine, all), (vec![40, 30, 20, 10], None));
    let two = Newest { limit: 2, ..all };
    assert_eq!(newest(&quarantine, two), (vec![40, 30], Some(30)));
    let before = Some(Position(30));
    let next = Newest { before, ..two };
    assert_eq!(newest(&quarantine, next), (vec![20, 10], None));
    let reason = Some(Empty);
    let empty = Newest { reason, ..all };
    assert_eq!(newest(&quarantine, empty), (vec![40, 30, 20], None));
    let of_b = Newest {
        topic: &|topic| topic.contains("/b/"),
        ..empty
    };
    assert_eq!(newest(&quarantine, of_b), (vec![30], None));
    let page = quarantine.newest(empty).unwrap();
    let reasons: Vec<_> = page.messages[2]
        .rejections
        .iter()
        .map(|r| r.reason)
        .collect();
    assert_eq!(reasons, [MissingValue, Empty]);
    let named = quarantine
        .messages_at(&[Position(10), Position(15)])
        .unwrap();
    assert_eq!(named.messages.len(), 1);
}

#[test]
fn the_counts_of_reasons_follow_records_replays_and_expiry() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("q.redb");
    let caps = weir_config::Quarantine {
        max_entries: 3,
        ..limits()
    };
    let quarantine = Quarantine::open(&path, &caps).unwrap();
    let first = [
        entry(10, Some(0), MissingValue),
        entry(10, Some(1), Empty),
        entry(20, None, Empty),
    ];
    quarantine.record(Position(20), &first).unwrap();
    quarantine.record(Position(20), &first).unwrap();
    let stored = |reason, entries, replayed| StoredReason {
        reason,
        entries,
        replayed,
        newest: Timestamp(7),
    };
    let expect = [stored(Empty, 2, 0), stored(MissingValue, 1, 0)];
    assert_eq!(quarantine.stored_reasons().unwrap(), expect);
    for _ in 0..2 {
        quarantine
            .mark_replayed(&[Position(10)], Timestamp(9))
            .unwrap();
    }
    let expect = [stored(Empty, 2, 1), stored(MissingValue, 1, 1)];
    assert_eq!(quarantine.stored_reasons().unwrap(), expect);
    // The oldest goes, with its mark.
    quarantine
        .record(Position(30), &[entry(30, None, Empty)])
        .unwrap();
    assert_eq!(quarantine.stored_reasons().unwrap(), [stored(Empty, 3, 1)]);
    drop(quarantine);
    // A file of an earlier version has no counts: they are made when it is opened.
    let database = weir_kv::open(&path, 1 << 20).unwrap();
    let transaction = database.begin_write().unwrap();
    transaction.delete_table(crate::tables::STORED).unwrap();
    transaction.commit().unwrap();
    drop(database);
    let quarantine = Quarantine::open(&path, &caps).unwrap();
    assert_eq!(quarantine.stored_reasons().unwrap(), [stored(Empty, 3, 1)]);
}
