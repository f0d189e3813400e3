use std::collections::BTreeMap;

use proptest::prelude::*;
use weir_mqtt_codec::{AckKind, Packet, Peer as From, Split, Version, split};

use super::*;
use crate::drops::DropReason;
use crate::message::Published;

#[derive(Debug)]
struct Anybody;

impl Permissions for Anybody {
    fn identity(&self) -> &str {
        ""
    }

    fn is_valid(&self) -> bool {
        true
    }

    fn may_publish(&self, _: &str) -> bool {
        true
    }

    fn may_subscribe(&self, _: &str) -> bool {
        true
    }

    fn may_receive(&self, _: &str) -> bool {
        true
    }
}

fn router() -> Router {
    let (budget, drops) = (Budget::new(usize::MAX), Arc::<Drops>::default());
    Router::new(Settings::default(), budget, drops)
}

fn open(router: &mut Router, client: usize, link: u64, expiry: u32, now: Time) -> Opened {
    let opening = Opening {
        client_id: format!("c{client}").into(),
        permissions: Arc::new(Anybody),
        clean_start: false,
        expiry,
        will: None,
        peer: Peer {
            link: Arc::new(Link::new(link, now)),
            version: Version::V311,
            window: 4,
            max_packet: usize::MAX,
            topic_aliases: 0,
        },
    };
    router.open(now, opening).unwrap()
}

/// Reads what there is, acknowledges it, and counts it by its payload.
fn read(router: &Router, session: &Session, counts: &mut BTreeMap<Vec<u8>, u32>) {
    let mut out = Vec::new();
    let mut outbox = session.outbox.lock();
    outbox.fill(Time(0), &mut out, usize::MAX, &router.drops);
    let mut rest = &out[..];
    while let Ok(Split::Packet(frame, len)) = split(rest, usize::MAX) {
        rest = &rest[len..];
        let packet = Packet::decode(frame, Version::V311, From::Server).unwrap();
        let Packet::Publish(publish) = packet else {
            panic!("{packet:?}")
        };
        *counts.entry(publish.payload.to_vec()).or_default() += 1;
        let (id, success) = (publish.packet_id, ReasonCode::Success);
        outbox.acknowledge(AckKind::PubAck, id, success, Version::V311, &mut Vec::new());
    }
}

#[derive(Clone, Debug)]
enum Op {
    Open(usize, bool),
    Close(usize),
    Subscribe(usize),
    Unsubscribe(usize),
    Publish,
    Read(usize),
    Wait,
}

fn op() -> impl Strategy<Value = Op> {
    let client = 0..4_usize;
    prop_oneof![
        1 => (client.clone(), any::<bool>()).prop_map(|(client, kept)| Op::Open(client, kept)),
        1 => client.clone().prop_map(Op::Close),
        1 => client.clone().prop_map(Op::Subscribe),
        1 => client.clone().prop_map(Op::Unsubscribe),
        3 => Just(Op::Publish),
        1 => client.prop_map(Op::Read),
        1 => Just(Op::Wait),
    ]
}

proptest! {
    /// Members of a group come, go and return; each message is read once, or is
    /// counted as dropped because no member was left.
    #[test]
    fn a_group_gets_each_message_once(ops in proptest::collection::vec(op(), 1..200)) {
        let mut router = router();
        let mut scratch = Scratch::default();
        let mut here: [Option<(SessionIx, Arc<Session>, u64)>; 4] = [const { None }; 4];
        let (mut now, mut links, mut published) = (Time(0), 0, 0_u32);
        let mut counts = BTreeMap::new();
        for op in ops {
            now = now.plus_ms(1);
            match op {
                Op::Open(client, kept) => {
                    links += 1;
                    let opened = open(&mut router, client, links, if kept { 5 } else { 0 }, now);
                    here[client] = Some((opened.ix, opened.session, links));
                }
                Op::Close(client) => {
                    if let Some((ix, _, link)) = here[client].take() {
                        let ending = Ending { discards_will: true, expiry: None };
                        router.close(now, ix, link, ending);
                    }
                }
                Op::Subscribe(client) => {
                    if let Some((ix, session, _)) = &here[client] {
                        let options = SubscriptionOptions::qos(1);
                        router.subscribe(*ix, session.number, "$share/g/t/#", options, 0);
                    }
                }
                Op::Unsubscribe(client) => {
                    if let Some((ix, session, _)) = &here[client] {
                        router.unsubscribe(*ix, session.number, "$share/g/t/#");
                    }
                }
                Op::Publish => {
                    let payload = links.to_le_bytes();
                    let payload = [&payload[..], &published.to_le_bytes()].concat();
                    let message = Published {
                        topic: "t/x",
                        payload: &payload,
                        properties: b"",
                        qos: 1,
                        retain: false,
                        expires: Time::NEVER,
                        publisher: 0,
                    };
                    let receivers = router.route(&message, None, &mut scratch);
                    prop_assert_eq!(receivers, usize::from(router.subscriptions() > 0));
                    published += receivers as u32;
                }
                Op::Read(client) => {
                    if let Some((_, session, _)) = &here[client] {
                        read(&router, session, &mut counts);
                    }
                }
                Op::Wait => {
                    now = now.plus_seconds(3);
                    router.advance(now);
                }
            }
        }
        // Everybody comes back and reads until nothing is left.
        for client in 0..4 {
            links += 1;
            let opened = open(&mut router, client, links, 100, now);
            for _ in 0..300 {
                read(&router, &opened.session, &mut counts);
            }
        }
        let lost = router.drops.get(DropReason::SessionEnded);
        prop_assert!(counts.values().all(|count| *count == 1), "{counts:?}");
        prop_assert_eq!(counts.len() as u64 + lost, u64::from(published));
    }
}

#[test]
fn clients_that_come_and_go_leave_no_deadlines_behind() {
    let mut router = router();
    for round in 0..10_000 {
        let now = Time(round);
        let opened = open(&mut router, 0, round + 1, 1_000, now);
        let ending = Ending {
            discards_will: true,
            expiry: None,
        };
        router.close(now, opened.ix, round + 1, ending);
    }
    assert!(router.deadlines.len() < 2_000);
    router.advance(Time(10_000_000));
    assert_eq!(router.sessions(), 0);
}
