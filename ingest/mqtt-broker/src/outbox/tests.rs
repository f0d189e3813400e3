use super::*;
use crate::message::Published;
use crate::time::Time;

struct Case {
    outbox: Outbox,
    budget: Arc<Budget>,
    drops: Drops,
    queue: QueueLimits,
}

impl Case {
    fn new() -> Self {
        Self {
            outbox: Outbox::default(),
            budget: Budget::new(usize::MAX),
            drops: Drops::default(),
            queue: QueueLimits {
                messages: 1_000_000,
                bytes: usize::MAX,
            },
        }
    }

    fn attach(&mut self, window: u16) -> Arc<Link> {
        let link = Arc::new(Link::new(1, Time(0)));
        self.outbox.attach(Peer {
            link: link.clone(),
            version: Version::V311,
            window,
            max_packet: usize::MAX,
            topic_aliases: 0,
        });
        link
    }

    fn push(&mut self, payload: &[u8], qos: u8) -> bool {
        let published = Published {
            topic: "t",
            payload,
            properties: b"",
            qos,
            retain: false,
            expires: Time::NEVER,
            publisher: 0,
        };
        let outgoing = Outgoing {
            message: Message::new(&published, &self.budget),
            qos,
            retain: false,
            extra: None,
        };
        let bounds = Bounds {
            queue: self.queue,
            budget: &self.budget,
            drops: &self.drops,
        };
        self.outbox.push(outgoing, bounds).is_some()
    }

    /// Payload, packet identifier and DUP of what is sent, in order.
    fn sent(&mut self) -> Vec<(Vec<u8>, u16, bool)> {
        use weir_mqtt_codec::{Packet, Peer as From, Split, split};
        let (mut out, mut sent) = (Vec::new(), Vec::new());
        self.outbox.fill(Time(0), &mut out, usize::MAX, &self.drops);
        let mut rest = &out[..];
        while let Ok(Split::Packet(frame, len)) = split(rest, usize::MAX) {
            rest = &rest[len..];
            match Packet::decode(frame, Version::V311, From::Server).unwrap() {
                Packet::Publish(publish) => {
                    sent.push((publish.payload.to_vec(), publish.packet_id, publish.dup));
                }
                Packet::Ack(ack) => sent.push((b"PUBREL".to_vec(), ack.packet_id, false)),
                other => panic!("{other:?}"),
            }
        }
        sent
    }

    fn acknowledge(&mut self, kind: AckKind, id: u16) -> usize {
        let mut out = Vec::new();
        let success = ReasonCode::Success;
        self.outbox
            .acknowledge(kind, id, success, Version::V311, &mut out);
        out.len()
    }
}

#[test]
fn identifiers_follow_the_sequence_and_wait_for_the_one_in_flight() {
    let mut case = Case::new();
    case.attach(u16::MAX);
    case.push(b"slow", 1);
    assert_eq!(case.sent(), [(b"slow".to_vec(), 2, false)]);
    // All identifiers are used once more, but for the one that is in flight.
    for _ in 0..2 {
        for _ in 0..40_000 {
            case.push(b"x", 1);
        }
    }
    let mut seen = 0;
    let mut last = 2;
    loop {
        let sent = case.sent();
        if sent.is_empty() {
            break;
        }
        for (_, id, _) in sent {
            assert_eq!(id, last % 65_535 + 1);
            last = id;
            seen += 1;
            case.acknowledge(AckKind::PubAck, id);
        }
    }
    assert_eq!((seen, last), (65_534, 1));
    case.acknowledge(AckKind::PubAck, 2);
    assert_eq!(case.sent().len(), 80_000 - 65_534);
}

#[test]
fn acknowledgements_in_any_order_open_the_window() {
    let mut case = Case::new();
    case.attach(3);
    for _ in 0..6 {
        case.push(b"x", 1);
    }
    let ids: Vec<_> = case.sent().iter().map(|(_, id, _)| *id).collect();
    assert_eq!(ids, [2, 3, 4]);
    case.acknowledge(AckKind::PubAck, 3);
    case.acknowledge(AckKind::PubAck, 3);
    assert_eq!(case.sent().len(), 1);
    case.acknowledge(AckKind::PubAck, 4);
    case.acknowledge(AckKind::PubAck, 2);
    assert_eq!(case.sent().len(), 2);
    assert_eq!(case.acknowledge(AckKind::PubAck, 999), 0);
}

#[test]
fn a_smaller_window_after_a_reconnect_is_respected() {
    let mut case = Case::new();
    case.attach(10);
    for payload in [b"1", b"2", b"3"] {
        case.push(payload, 2);
    }
    case.sent();
    // PUBREL takes no place in the window.
    assert_eq!(case.acknowledge(AckKind::PubRec, 2), 4);
    case.outbox.detach(&case.drops);
    case.attach(1);
    assert_eq!(
        case.sent(),
        [(b"PUBREL".to_vec(), 2, false), (b"2".to_vec(), 3, true)]
    );
    case.acknowledge(AckKind::PubComp, 2);
    assert!(case.sent().is_empty());
    case.acknowledge(AckKind::PubRec, 3);
    case.acknowledge(AckKind::PubComp, 3);
    assert_eq!(case.sent(), [(b"3".to_vec(), 4, true)]);
}

#[test]
fn a_connection_is_woken_once() {
    let mut case = Case::new();
    assert!(!case.push(b"x", 1), "nobody is there");
    case.attach(10);
    assert!(case.push(b"x", 1));
    assert!(!case.push(b"x", 1));
    assert_eq!(case.sent().len(), 3);
    assert!(case.push(b"x", 1));
}

#[test]
fn bounds_drop_the_oldest() {
    let mut case = Case::new();
    case.queue.messages = 2;
    for payload in [b"1", b"2", b"3"] {
        case.push(payload, 1);
    }
    assert_eq!(case.drops.get(DropReason::QueueFull), 1);
    case.queue.messages = 100;
    case.queue.bytes = 1_000;
    case.push(&[b'x'; 850], 1);
    assert_eq!(case.drops.get(DropReason::QueueBytes), 2);
    case.push(&[b'y'; 5_000], 1);
    assert_eq!(case.drops.get(DropReason::QueueBytes), 3);
    assert_eq!(case.outbox.take_new_losses(), 4);
    assert_eq!(case.outbox.take_new_losses(), 0);
    case.attach(10);
    assert_eq!(case.sent()[0].0.len(), 5_000, "what fits nowhere is alone");
}

#[test]
fn beyond_the_budget_no_queue_grows() {
    let mut case = Case::new();
    case.budget = Budget::new(1_000);
    for number in 0..100_u8 {
        case.push(&[number; 100], 1);
    }
    let queued = case.outbox.queue.len() as u64;
    assert!(queued < 10, "{queued}");
    assert_eq!(case.drops.get(DropReason::MemoryFull) + queued, 100);
    assert!(case.budget.used() < 2_000);
    case.outbox.end(&case.drops);
    assert_eq!(case.budget.used(), 0);
}

#[test]
fn qos_0_is_not_queued_for_the_absent() {
    let mut case = Case::new();
    case.push(b"x", 0);
    case.attach(10);
    case.push(b"y", 0);
    case.push(b"z", 1);
    case.outbox.detach(&case.drops);
    case.attach(10);
    assert_eq!(case.sent(), [(b"z".to_vec(), 2, false)]);
    assert_eq!(case.drops.get(DropReason::Offline), 2);
    assert_eq!(case.outbox.take_new_losses(), 0);
}
