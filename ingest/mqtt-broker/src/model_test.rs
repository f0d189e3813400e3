//! The broker against a model of it, without sockets: clients connect, subscribe,
//! publish, read, are cut and come back, in random order.
//! Time and commits are operations too. Whatever a client reads must be exactly
//! what the model says, in that order.

mod model;

use std::sync::Arc;

use parking_lot::Mutex;
use proptest::prelude::*;
use weir_mqtt_codec::*;

use self::model::{Expected, Model, Wish};
use crate::access::{Access, BoxFuture, Login, Origin, Permissions, Routes};
use crate::broker::Shared;
use crate::commit_log::{AppendError, CommitListener, CommitLog, Record};
use crate::connection::Connection;
use crate::drops::DropReason;
use crate::settings::{QueueLimits, Settings};
use crate::time::Time;

const CLIENTS: usize = 3;
const QUEUE: usize = 6;
const FILTERS: [&str; 7] = ["#", "a/#", "a/b", "+/b", "a/+", "b", "w/#"];
const TOPICS: [&str; 5] = ["a", "a/b", "b", "b/b", "a/b/c"];

/// Commits on demand.
#[derive(Debug, Default)]
struct ManualLog(Mutex<(u64, u64)>);

impl CommitLog for ManualLog {
    fn append(
        &self,
        records: &[Record<'_>],
        _: &Arc<dyn CommitListener>,
    ) -> Result<u64, AppendError> {
        let mut positions = self.0.lock();
        positions.0 += records.len() as u64;
        Ok(positions.0)
    }

    fn room(&self) -> BoxFuture<'static, ()> {
        Box::pin(std::future::ready(()))
    }

    fn committed(&self) -> u64 {
        self.0.lock().1
    }
}

#[derive(Debug)]
struct Anybody;

impl Access for Anybody {
    fn connect(&self, _: Login) -> BoxFuture<'_, Result<Arc<dyn Permissions>, ReasonCode>> {
        Box::pin(std::future::pending())
    }
}

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

impl Routes for Anybody {
    fn accepts(&self, topic: &str) -> bool {
        topic.starts_with('b')
    }
}

#[derive(Clone, Debug)]
enum Op {
    Connect {
        client: usize,
        clean: bool,
        /// Seconds.
        expiry: u32,
        /// Delay in seconds.
        will: Option<u32>,
    },
    Leave {
        client: usize,
        with_will: bool,
    },
    Cut(usize),
    Subscribe {
        client: usize,
        filter: usize,
        qos: u8,
        no_local: bool,
    },
    Unsubscribe {
        client: usize,
        filter: usize,
    },
    Publish {
        client: usize,
        topic: usize,
        qos: u8,
        retain: bool,
        is_empty: bool,
    },
    /// The client reads what is there, and acknowledges it or not.
    Read {
        client: usize,
        acknowledges: bool,
    },
    Commit,
    Wait(u64),
}

fn op() -> impl Strategy<Value = Op> {
    let client = 0..CLIENTS;
    let expiry = prop_oneof![Just(0_u32), Just(10)];
    let will = prop_oneof![2 => Just(None), 1 => Just(Some(0)), 1 => Just(Some(5))];
    prop_oneof![
        3 => (client.clone(), any::<bool>(), expiry, will)
            .prop_map(|(client, clean, expiry, will)| Op::Connect { client, clean, expiry, will }),
        1 => (client.clone(), any::<bool>())
            .prop_map(|(client, with_will)| Op::Leave { client, with_will }),
        1 => client.clone().prop_map(Op::Cut),
        3 => (client.clone(), 0..FILTERS.len(), 0..3_u8, any::<bool>()).prop_map(
            |(client, filter, qos, no_local)| Op::Subscribe { client, filter, qos, no_local }
        ),
        1 => (client.clone(), 0..FILTERS.len())
            .prop_map(|(client, filter)| Op::Unsubscribe { client, filter }),
        6 => (client.clone(), 0..TOPICS.len(), 0..3_u8, 0..4_u8).prop_map(
            |(client, topic, qos, kind)| Op::Publish {
                client,
                topic,
                qos,
                retain: kind > 1,
                is_empty: kind == 3,
            }
        ),
        4 => (client, any::<bool>())
            .prop_map(|(client, acknowledges)| Op::Read { client, acknowledges }),
        4 => Just(Op::Commit),
        1 => (1..9_000_u64).prop_map(Op::Wait),
    ]
}

struct Client {
    connection: Connection,
    /// Publishes of this client that PUBREL ends.
    to_release: Vec<u16>,
    unacknowledged: Vec<(u8, u16)>,
}

struct World {
    shared: Arc<Shared>,
    log: Arc<ManualLog>,
    clients: [Option<Client>; CLIENTS],
    model: Model,
    now: Time,
    counter: u32,
    packet_id: u16,
}

impl World {
    fn new() -> Self {
        let settings = Settings {
            queue: QueueLimits {
                messages: QUEUE,
                bytes: usize::MAX,
            },
            sys_interval_ms: 0,
            server_keep_alive: 0,
            ..Settings::default()
        };
        let log = Arc::<ManualLog>::default();
        let anybody = Arc::new(Anybody);
        Self {
            shared: Arc::new(Shared::new(settings, log.clone(), anybody.clone(), anybody)),
            log,
            clients: [const { None }; CLIENTS],
            model: Model::new(QUEUE),
            now: Time(1_000_000),
            counter: 0,
            packet_id: 0,
        }
    }

    fn send(&mut self, client: usize, packet: &Packet<'_>) {
        let Some(one) = &mut self.clients[client] else {
            return;
        };
        let mut bytes = Vec::new();
        packet.encode(Version::V5, &mut bytes).unwrap();
        let received = one.connection.receive(self.now, &bytes).unwrap();
        assert_eq!(received.consumed, bytes.len());
    }

    fn id(&mut self) -> u16 {
        self.packet_id = self.packet_id % 60_000 + 1;
        self.packet_id
    }

    fn run(&mut self, op: &Op) {
        // Each moment is another one, and deadlines of two clients never meet.
        self.now = Time((self.now.0 / 10 + 1) * 10);
        match *op {
            Op::Connect {
                client,
                clean,
                expiry,
                will,
            } => self.connect(client, clean, expiry, will),
            Op::Leave { client, with_will } => self.leave(client, with_will),
            Op::Cut(client) => self.cut(client),
            Op::Subscribe {
                client,
                filter,
                qos,
                no_local,
            } => self.subscribe(client, FILTERS[filter], qos, no_local),
            Op::Unsubscribe { client, filter } => self.unsubscribe(client, FILTERS[filter]),
            Op::Publish {
                client,
                topic,
                qos,
                retain,
                is_empty,
            } => self.publish(client, TOPICS[topic], qos, retain, is_empty),
            Op::Read {
                client,
                acknowledges,
            } => self.read(client, acknowledges),
            Op::Commit => self.commit(),
            Op::Wait(ms) => self.wait(ms),
        }
        self.check();
    }

    fn connect(&mut self, client: usize, clean: bool, expiry: u32, will: Option<u32>) {
        self.now = Time(self.now.0 + client as u64);
        let id = format!("c{client}");
        let mut properties = PropertyBuffer::new();
        properties
            .push(Property::SessionExpiryInterval(expiry))
            .unwrap();
        let mut delay = PropertyBuffer::new();
        if let Some(seconds) = will {
            delay.push(Property::WillDelayInterval(seconds)).unwrap();
        }
        let topic = format!("w/{client}");
        let payload = self.payload();
        let packet = Packet::Connect(Connect {
            version: Version::V5,
            is_bridge: false,
            clean_start: clean,
            keep_alive: 0,
            properties: properties.as_properties(),
            client_id: &id,
            will: will.map(|_| Will {
                qos: 1,
                retain: false,
                properties: delay.as_properties(),
                topic: &topic,
                payload: payload.as_bytes(),
            }),
            user_name: None,
            password: None,
        });
        let origin = Origin {
            address: ([127, 0, 0, 1], 1).into(),
            certificate_name: None,
        };
        let old = self.clients[client].take();
        self.clients[client] = Some(Client {
            connection: Connection::new(self.shared.clone(), origin, self.now),
            to_release: Vec::new(),
            unacknowledged: Vec::new(),
        });
        self.send(client, &packet);
        let connection = &mut self.clients[client].as_mut().unwrap().connection;
        connection.admit(self.now, Ok(Arc::new(Anybody))).unwrap();
        if let Some(mut old) = old {
            let reason = old.connection.link.close_reason();
            assert_eq!(reason, Some(ReasonCode::SessionTakenOver));
            old.connection.close(self.now);
        }
        let will = will.map(|delay| (topic.clone(), payload.clone(), delay));
        let present = self.model.connect(client, clean, expiry, will, self.now.0);
        let mut out = Vec::new();
        connection.transmit_answers(&mut out);
        let Ok(Split::Packet(frame, _)) = split(&out, usize::MAX) else {
            panic!("no CONNACK");
        };
        match Packet::decode(frame, Version::V5, Peer::Server).unwrap() {
            Packet::ConnAck(connack) => assert_eq!(connack.session_present, present),
            other => panic!("{other:?}"),
        }
    }

    fn leave(&mut self, client: usize, with_will: bool) {
        self.now = Time(self.now.0 + client as u64);
        let reason = match with_will {
            true => ReasonCode::DisconnectWithWill,
            false => ReasonCode::Success,
        };
        self.send(client, &Packet::Disconnect(Disconnect::new(reason)));
        let Some(mut one) = self.clients[client].take() else {
            return;
        };
        one.connection.close(self.now);
        self.model.close(client, !with_will, self.now.0);
    }

    fn cut(&mut self, client: usize) {
        self.now = Time(self.now.0 + client as u64);
        let Some(mut one) = self.clients[client].take() else {
            return;
        };
        one.connection.close(self.now);
        self.model.close(client, false, self.now.0);
    }

    fn subscribe(&mut self, client: usize, filter: &str, qos: u8, no_local: bool) {
        if self.clients[client].is_none() {
            return;
        }
        let options = SubscriptionOptions {
            no_local,
            ..SubscriptionOptions::qos(qos)
        };
        let mut buffer = Vec::new();
        let filters =
            SubscribeFilters::build([(filter, options)], Version::V5, &mut buffer).unwrap();
        let packet_id = self.id();
        self.send(
            client,
            &Packet::Subscribe(Subscribe {
                packet_id,
                properties: Properties::EMPTY,
                filters,
            }),
        );
        self.model
            .wish(client, Wish::Subscribe(filter.to_owned(), qos, no_local));
    }

    fn unsubscribe(&mut self, client: usize, filter: &str) {
        if self.clients[client].is_none() {
            return;
        }
        let mut buffer = Vec::new();
        let filters = Filters::build([filter], &mut buffer).unwrap();
        let packet_id = self.id();
        self.send(
            client,
            &Packet::Unsubscribe(Unsubscribe {
                packet_id,
                properties: Properties::EMPTY,
                filters,
            }),
        );
        self.model
            .wish(client, Wish::Unsubscribe(filter.to_owned()));
    }

    fn payload(&mut self) -> String {
        self.counter += 1;
        self.counter.to_string()
    }

    fn publish(&mut self, client: usize, topic: &str, qos: u8, retain: bool, is_empty: bool) {
        if self.clients[client].is_none() {
            return;
        }
        let payload = if is_empty {
            String::new()
        } else {
            self.payload()
        };
        let packet_id = if qos == 0 { 0 } else { self.id() };
        self.send(
            client,
            &Packet::Publish(Publish {
                dup: false,
                qos,
                retain,
                topic,
                packet_id,
                properties: Properties::EMPTY,
                payload: payload.as_bytes(),
            }),
        );
        if qos == 2
            && let Some(one) = &mut self.clients[client]
        {
            one.to_release.push(packet_id);
        }
        let is_accepted = Anybody.accepts(topic);
        self.model
            .publish(client, topic, &payload, qos, retain, is_accepted);
    }

    fn commit(&mut self) {
        {
            let mut positions = self.log.0.lock();
            positions.1 = positions.0;
        }
        while self.shared.advance() {}
        self.model.commit();
    }

    fn wait(&mut self, ms: u64) {
        self.now = Time(self.now.0 + ms);
        self.shared.tick(self.now);
        self.model.advance(self.now.0);
    }

    /// Everything that the broker has for the client is what the model has.
    fn read(&mut self, client: usize, acknowledges: bool) {
        let Some(one) = &mut self.clients[client] else {
            return;
        };
        let mut messages = Vec::new();
        let mut answers = Vec::new();
        loop {
            let mut out = Vec::new();
            one.connection.transmit(self.now, &mut out, 10_000);
            if out.is_empty() {
                break;
            }
            let mut rest = &out[..];
            while let Ok(Split::Packet(frame, len)) = split(rest, usize::MAX) {
                rest = &rest[len..];
                let packet = Packet::decode(frame, Version::V5, Peer::Server).unwrap();
                match packet {
                    Packet::Publish(publish) => {
                        messages.push(Expected::read(&publish));
                        if publish.qos > 0 {
                            one.unacknowledged.push((publish.qos, publish.packet_id));
                        }
                    }
                    Packet::Ack(ack) if ack.kind == AckKind::PubRec => {
                        assert!(one.to_release.contains(&ack.packet_id));
                        answers.push((AckKind::PubRel, ack.packet_id));
                    }
                    _ => {}
                }
            }
        }
        let expected = self.model.read(client);
        assert_eq!(messages, expected, "client {client}");
        for (kind, id) in answers {
            self.send(
                client,
                &Packet::Ack(Ack::new(kind, id, ReasonCode::Success)),
            );
        }
        if acknowledges {
            self.acknowledge(client);
        }
    }

    fn acknowledge(&mut self, client: usize) {
        let Some(one) = &mut self.clients[client] else {
            return;
        };
        let unacknowledged = std::mem::take(&mut one.unacknowledged);
        for (qos, id) in unacknowledged {
            let kinds = match qos {
                1 => &[AckKind::PubAck][..],
                _ => &[AckKind::PubRec, AckKind::PubComp],
            };
            for kind in kinds {
                self.send(
                    client,
                    &Packet::Ack(Ack::new(*kind, id, ReasonCode::Success)),
                );
            }
        }
        self.model.acknowledge(client);
    }

    /// The sums of both sides.
    fn check(&self) {
        let router = self.shared.router.read();
        assert_eq!(router.sessions(), self.model.sessions());
        assert_eq!(router.subscriptions(), self.model.subscriptions());
        assert_eq!(router.retained.len(), self.model.retained());
        let full = self.shared.drops.get(DropReason::QueueFull);
        let offline = self.shared.drops.get(DropReason::Offline);
        let ended = self.shared.drops.get(DropReason::SessionEnded);
        assert_eq!((full, offline, ended), self.model.dropped());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn the_broker_does_what_the_model_does(ops in proptest::collection::vec(op(), 1..120)) {
        let mut world = World::new();
        for op in &ops {
            world.run(op);
        }
        world.commit();
        for client in 0..CLIENTS {
            world.read(client, true);
        }
        world.check();
        drop(world.clients);
        // Nothing is held by nobody.
        let shared = world.shared;
        shared.tick(Time(u64::MAX / 2));
        let router = shared.router.read();
        prop_assert_eq!(router.subscriptions(), 0);
        prop_assert_eq!(shared.budget.used(), router.retained.bytes());
    }
}
