//! A broker on loopback, and a client that sends exactly what a test asks for.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use weir_mqtt_broker::{
    Access, BoxFuture, Broker, BrokerStatus, Login, Origin, Permissions, Routes, Settings,
};
use weir_mqtt_codec::*;

use crate::memory_log::{Commit, Log, MemoryLog};

/// How long anything may take that must happen.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) const BOTH: [Version; 2] = [Version::V311, Version::V5];

/// Rules by prefix: what begins with one of these is refused.
#[derive(Debug, Default)]
pub(crate) struct Rules {
    pub(crate) refused_publish: Mutex<Vec<String>>,
    pub(crate) refused_subscribe: Mutex<Vec<String>>,
    pub(crate) refused_identity: Mutex<Vec<String>>,
}

fn refuses(rules: &Mutex<Vec<String>>, text: &str) -> bool {
    rules
        .lock()
        .iter()
        .any(|prefix| text.starts_with(&**prefix))
}

#[derive(Debug)]
struct Everyone(Arc<Rules>);

/// The user name is the identity.
#[derive(Debug)]
struct One(Arc<Rules>, String);

impl Access for Everyone {
    fn connect(&self, login: Login) -> BoxFuture<'_, Result<Arc<dyn Permissions>, ReasonCode>> {
        let name = login.user_name.unwrap_or_default();
        let answer: Result<Arc<dyn Permissions>, _> = match refuses(&self.0.refused_identity, &name)
        {
            true => Err(ReasonCode::BadUserNameOrPassword),
            false => Ok(Arc::new(One(self.0.clone(), name))),
        };
        Box::pin(async move {
            // As a password that takes its time to check.
            tokio::task::yield_now().await;
            answer
        })
    }
}

impl Permissions for One {
    fn identity(&self) -> &str {
        &self.1
    }

    fn is_valid(&self) -> bool {
        !refuses(&self.0.refused_identity, &self.1)
    }

    fn may_publish(&self, topic: &str) -> bool {
        !refuses(&self.0.refused_publish, topic)
    }

    fn may_subscribe(&self, filter: &str) -> bool {
        !refuses(&self.0.refused_subscribe, filter)
    }

    fn may_receive(&self, topic: &str) -> bool {
        !refuses(&self.0.refused_subscribe, topic)
    }
}

/// A route takes what begins with `devices/`.
#[derive(Debug)]
struct Devices;

impl Routes for Devices {
    fn accepts(&self, topic: &str) -> bool {
        topic.starts_with("devices/")
    }
}

pub(crate) struct Server {
    pub(crate) broker: Broker,
    pub(crate) log: Arc<MemoryLog>,
    pub(crate) rules: Arc<Rules>,
    address: SocketAddr,
    runtime: Option<Runtime>,
}

impl Server {
    pub(crate) fn start() -> Self {
        Self::with(Settings::default(), Commit::AtOnce)
    }

    pub(crate) fn with(settings: Settings, commit: Commit) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let (log, rules) = (MemoryLog::new(commit), Arc::<Rules>::default());
        let settings = Settings {
            sys_interval_ms: 0,
            ..settings
        };
        let access = Arc::new(Everyone(rules.clone()));
        let broker = Broker::new(
            settings,
            Arc::new(Log(log.clone())),
            access,
            Arc::new(Devices),
        );
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let running = broker.clone();
        runtime.spawn(async move { running.run().await });
        let accepting = broker.clone();
        runtime.spawn(async move {
            while let Ok((stream, address)) = listener.accept().await {
                let broker = accepting.clone();
                let origin = Origin {
                    address,
                    certificate_name: None,
                };
                tokio::spawn(async move { broker.serve(stream, origin).await });
            }
        });
        Self {
            broker,
            log,
            rules,
            address,
            runtime: Some(runtime),
        }
    }

    /// A client that has not sent anything.
    pub(crate) fn socket(&self, version: Version) -> Client {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Client {
            stream,
            version,
            unread: Vec::new(),
            inbox: VecDeque::new(),
            last_id: 0,
        }
    }

    /// A client that is connected, with a clean start.
    pub(crate) fn client(&self, version: Version, id: &str) -> Client {
        Connector::new(version, id).open(self).0
    }

    pub(crate) fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        let runtime = self.runtime.as_ref().expect("it ends with the server");
        runtime.block_on(future)
    }

    pub(crate) fn status(&self) -> BrokerStatus {
        self.broker.status()
    }

    #[track_caller]
    pub(crate) fn wait(&self, what: &str, is_so: impl Fn(&BrokerStatus) -> bool) {
        let start = Instant::now();
        while !is_so(&self.status()) {
            assert!(start.elapsed() < PATIENCE, "{what}: {:?}", self.status());
            std::thread::yield_now();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.broker.close();
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// A CONNECT under construction.
#[derive(Clone)]
pub(crate) struct Connector {
    version: Version,
    id: String,
    clean_start: bool,
    keep_alive: u16,
    is_bridge: bool,
    user: Option<String>,
    properties: PropertyBuffer,
    will: Option<(String, Vec<u8>, u8, bool, PropertyBuffer)>,
}

/// A CONNACK.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) present: bool,
    pub(crate) reason: ReasonCode,
    properties: Vec<u8>,
}

impl Answer {
    pub(crate) fn properties(&self) -> impl Iterator<Item = Property<'_>> {
        Properties::from_validated(&self.properties).iter()
    }
}

impl Connector {
    pub(crate) fn new(version: Version, id: &str) -> Self {
        Self {
            version,
            id: id.to_owned(),
            clean_start: true,
            keep_alive: 0,
            is_bridge: false,
            user: None,
            properties: PropertyBuffer::new(),
            will: None,
        }
    }

    pub(crate) fn user(mut self, user: &str) -> Self {
        self.user = Some(user.to_owned());
        self
    }

    pub(crate) fn bridge(mut self) -> Self {
        self.is_bridge = true;
        self
    }

    pub(crate) fn keep_alive(mut self, seconds: u16) -> Self {
        self.keep_alive = seconds;
        self
    }

    /// Resume the session, and keep it. In MQTT 5 for so many seconds.
    pub(crate) fn keep(mut self, expiry: u32) -> Self {
        self.clean_start = false;
        self.property(Property::SessionExpiryInterval(expiry))
    }

    pub(crate) fn clean(mut self) -> Self {
        self.clean_start = true;
        self
    }

    pub(crate) fn property(mut self, property: Property<'_>) -> Self {
        self.properties.push(property).unwrap();
        self
    }

    pub(crate) fn will(mut self, topic: &str, payload: &str, qos: u8, retain: bool) -> Self {
        let payload = payload.as_bytes().to_vec();
        self.will = Some((
            topic.to_owned(),
            payload,
            qos,
            retain,
            PropertyBuffer::new(),
        ));
        self
    }

    pub(crate) fn will_property(mut self, property: Property<'_>) -> Self {
        let (.., properties) = self.will.as_mut().unwrap();
        properties.push(property).unwrap();
        self
    }

    pub(crate) fn packet(&self) -> Vec<u8> {
        let is_v5 = self.version.is_v5();
        let own = |properties| if is_v5 { properties } else { Properties::EMPTY };
        let will = self
            .will
            .as_ref()
            .map(|(topic, payload, qos, retain, properties)| Will {
                qos: *qos,
                retain: *retain,
                properties: own(properties.as_properties()),
                topic,
                payload,
            });
        let connect = Connect {
            version: self.version,
            is_bridge: self.is_bridge,
            clean_start: self.clean_start,
            keep_alive: self.keep_alive,
            properties: own(self.properties.as_properties()),
            client_id: &self.id,
            will,
            user_name: self.user.as_deref(),
            password: None,
        };
        let mut bytes = Vec::new();
        Packet::Connect(connect)
            .encode(self.version, &mut bytes)
            .unwrap();
        bytes
    }

    /// Connects, whatever the answer is.
    #[track_caller]
    pub(crate) fn answer(&self, server: &Server) -> (Client, Answer) {
        let mut client = server.socket(self.version);
        client.send_raw(&self.packet());
        let frame = client
            .frame()
            .expect("the broker closes instead of CONNACK");
        let Packet::ConnAck(connack) = frame.packet() else {
            panic!("not a CONNACK: {:?}", frame.packet());
        };
        let answer = Answer {
            present: connack.session_present,
            reason: connack.reason,
            properties: connack.properties.as_bytes().to_vec(),
        };
        (client, answer)
    }

    #[track_caller]
    pub(crate) fn open(&self, server: &Server) -> (Client, Answer) {
        let (client, answer) = self.answer(server);
        assert_eq!(answer.reason, ReasonCode::Success);
        (client, answer)
    }
}

/// One packet of the broker.
pub(crate) struct Owned {
    bytes: Vec<u8>,
    version: Version,
}

impl Owned {
    pub(crate) fn packet(&self) -> Packet<'_> {
        match split(&self.bytes, usize::MAX) {
            Ok(Split::Packet(frame, _)) => Packet::decode(frame, self.version, Peer::Server)
                .unwrap_or_else(|error| panic!("the broker sends {:?}: {error}", self.bytes)),
            other => panic!("{other:?}"),
        }
    }
}

/// A message that was received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) topic: String,
    pub(crate) payload: Vec<u8>,
    pub(crate) qos: u8,
    pub(crate) retain: bool,
    pub(crate) dup: bool,
    pub(crate) packet_id: u16,
    properties: Vec<u8>,
}

impl Message {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.payload).unwrap()
    }

    pub(crate) fn properties(&self) -> impl Iterator<Item = Property<'_>> {
        Properties::from_validated(&self.properties).iter()
    }

    pub(crate) fn ids(&self) -> Vec<u32> {
        let ids = self.properties().filter_map(|property| match property {
            Property::SubscriptionIdentifier(id) => Some(id),
            _ => None,
        });
        ids.collect()
    }
}

pub(crate) struct Client {
    stream: TcpStream,
    pub(crate) version: Version,
    unread: Vec<u8>,
    inbox: VecDeque<Message>,
    last_id: u16,
}

impl Client {
    pub(crate) fn send_raw(&mut self, bytes: &[u8]) {
        // The broker may have closed: then the test reads that.
        let _ = self.stream.write_all(bytes);
    }

    pub(crate) fn send(&mut self, packet: &Packet<'_>) {
        let mut bytes = Vec::new();
        packet.encode(self.version, &mut bytes).unwrap();
        self.send_raw(&bytes);
    }

    pub(crate) fn next_id(&mut self) -> u16 {
        self.last_id += 1;
        self.last_id
    }

    /// The next packet; `None` when the broker has closed.
    #[track_caller]
    pub(crate) fn frame(&mut self) -> Option<Owned> {
        loop {
            if let Split::Packet(_, len) = split(&self.unread, usize::MAX).unwrap() {
                let bytes = self.unread.drain(..len).collect();
                let version = self.version;
                return Some(Owned { bytes, version });
            }
            let mut buffer = [0; 65_536];
            match self.stream.read(&mut buffer) {
                Ok(0) => return None,
                Ok(count) => self.unread.extend_from_slice(&buffer[..count]),
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return None,
                Err(error) => panic!("nothing comes from the broker: {error}"),
            }
        }
    }

    /// The next packet that is not a message; messages go to the inbox and are
    /// not acknowledged.
    #[track_caller]
    pub(crate) fn answer(&mut self) -> Owned {
        loop {
            let frame = self.frame().expect("the broker has closed");
            match frame.packet() {
                Packet::Publish(publish) => {
                    let message = message(&publish);
                    self.inbox.push_back(message);
                }
                _ => return frame,
            }
        }
    }

    /// Subscribes; the codes.
    #[track_caller]
    pub(crate) fn subscribe_with(
        &mut self,
        filters: &[(&str, SubscriptionOptions)],
        id: Option<u32>,
    ) -> Vec<u8> {
        let mut properties = PropertyBuffer::new();
        if let Some(id) = id {
            properties
                .push(Property::SubscriptionIdentifier(id))
                .unwrap();
        }
        let mut buffer = Vec::new();
        let filters =
            SubscribeFilters::build(filters.iter().copied(), self.version, &mut buffer).unwrap();
        let packet_id = self.next_id();
        self.send(&Packet::Subscribe(Subscribe {
            packet_id,
            properties: properties.as_properties(),
            filters,
        }));
        let frame = self.answer();
        match frame.packet() {
            Packet::SubAck(suback) if suback.packet_id == packet_id => suback.codes.to_vec(),
            other => panic!("not the SUBACK: {other:?}"),
        }
    }

    #[track_caller]
    pub(crate) fn subscribe(&mut self, filter: &str, qos: u8) {
        let codes = self.subscribe_with(&[(filter, SubscriptionOptions::qos(qos))], None);
        assert_eq!(codes, [qos], "{filter}");
    }

    #[track_caller]
    pub(crate) fn unsubscribe(&mut self, filter: &str) -> Vec<u8> {
        let packet_id = self.next_id();
        let mut buffer = Vec::new();
        let filters = Filters::build([filter], &mut buffer).unwrap();
        self.send(&Packet::Unsubscribe(Unsubscribe {
            packet_id,
            properties: Properties::EMPTY,
            filters,
        }));
        match self.answer().packet() {
            Packet::UnsubAck(unsuback) if unsuback.packet_id == packet_id => {
                unsuback.codes.to_vec()
            }
            other => panic!("not the UNSUBACK: {other:?}"),
        }
    }

    pub(crate) fn put(&mut self, topic: &str, payload: &[u8], qos: u8, retain: bool) -> u16 {
        self.put_with(topic, payload, qos, retain, Properties::EMPTY)
    }

    /// Sends a publish and waits for nothing.
    pub(crate) fn put_with(
        &mut self,
        topic: &str,
        payload: &[u8],
        qos: u8,
        retain: bool,
        properties: Properties<'_>,
    ) -> u16 {
        let packet_id = if qos == 0 { 0 } else { self.next_id() };
        self.send(&Packet::Publish(Publish {
            dup: false,
            qos,
            retain,
            topic,
            packet_id,
            properties,
            payload,
        }));
        packet_id
    }

    /// Publishes and waits until that is acknowledged; the reason code.
    #[track_caller]
    pub(crate) fn publish(&mut self, topic: &str, payload: &str, qos: u8) -> ReasonCode {
        let id = self.put(topic, payload.as_bytes(), qos, false);
        self.finish(id, qos)
    }

    #[track_caller]
    pub(crate) fn retain(&mut self, topic: &str, payload: &str, qos: u8) -> ReasonCode {
        let id = self.put(topic, payload.as_bytes(), qos, true);
        self.finish(id, qos)
    }

    /// Waits for the acknowledgements of a publish.
    #[track_caller]
    pub(crate) fn finish(&mut self, id: u16, qos: u8) -> ReasonCode {
        match qos {
            0 => ReasonCode::Success,
            1 => self.ack(AckKind::PubAck, id),
            _ => {
                let reason = self.ack(AckKind::PubRec, id);
                if reason.is_error() {
                    return reason;
                }
                self.put_ack(AckKind::PubRel, id);
                assert_eq!(self.ack(AckKind::PubComp, id), ReasonCode::Success);
                reason
            }
        }
    }

    /// The next answer is this acknowledgement; its reason code.
    #[track_caller]
    pub(crate) fn ack(&mut self, kind: AckKind, id: u16) -> ReasonCode {
        match self.answer().packet() {
            Packet::Ack(ack) if ack.kind == kind && ack.packet_id == id => ack.reason,
            other => panic!("not {kind:?} {id}: {other:?}"),
        }
    }

    pub(crate) fn put_ack(&mut self, kind: AckKind, id: u16) {
        self.send(&Packet::Ack(Ack::new(kind, id, ReasonCode::Success)));
    }

    /// The next message, not acknowledged.
    #[track_caller]
    pub(crate) fn raw_message(&mut self) -> Message {
        if let Some(message) = self.inbox.pop_front() {
            return message;
        }
        let frame = self.frame().expect("the broker has closed");
        match frame.packet() {
            Packet::Publish(publish) => message(&publish),
            other => panic!("not a message: {other:?}"),
        }
    }

    /// The next message, acknowledged.
    #[track_caller]
    pub(crate) fn message(&mut self) -> Message {
        let message = self.raw_message();
        match message.qos {
            0 => {}
            1 => self.put_ack(AckKind::PubAck, message.packet_id),
            _ => {
                self.put_ack(AckKind::PubRec, message.packet_id);
                assert_eq!(
                    self.ack(AckKind::PubRel, message.packet_id),
                    ReasonCode::Success
                );
                self.put_ack(AckKind::PubComp, message.packet_id);
            }
        }
        message
    }

    #[track_caller]
    pub(crate) fn expect(&mut self, topic: &str, payload: &str) -> Message {
        let message = self.message();
        assert_eq!((&*message.topic, message.text()), (topic, payload));
        message
    }

    /// Nothing has come before a message that is published now. Another client
    /// publishes it to a topic that this one subscribes to.
    #[track_caller]
    pub(crate) fn expect_nothing_before(&mut self, other: &mut Client, topic: &str) {
        other.publish(topic, "barrier", 1);
        self.expect(topic, "barrier");
    }

    /// PINGREQ and its answer: what was sent before is handled.
    #[track_caller]
    pub(crate) fn ping(&mut self) {
        self.send(&Packet::PingReq);
        match self.answer().packet() {
            Packet::PingResp => {}
            other => panic!("not PINGRESP: {other:?}"),
        }
    }

    /// The broker closes, in MQTT 5 with this reason.
    #[track_caller]
    pub(crate) fn expect_closed(&mut self, reason: ReasonCode) {
        while let Some(frame) = self.frame() {
            match frame.packet() {
                Packet::Disconnect(disconnect) => {
                    assert_eq!(disconnect.reason, reason);
                    assert!(self.frame().is_none(), "something follows DISCONNECT");
                    return;
                }
                Packet::Publish(_) | Packet::Ack(_) | Packet::SubAck(_) | Packet::PingResp => {}
                other => panic!("not DISCONNECT: {other:?}"),
            }
        }
        assert!(!self.version.is_v5(), "closed without {reason}");
    }

    pub(crate) fn disconnect(mut self, reason: ReasonCode) {
        self.send(&Packet::Disconnect(Disconnect::new(reason)));
        while self.frame().is_some() {}
    }

    /// Says goodbye as a client does that is content.
    pub(crate) fn leave(self) {
        self.disconnect(ReasonCode::Success);
    }

    /// Breaks the connection, and waits until the broker has noticed.
    pub(crate) fn cut(self, server: &Server) {
        let before = server.status().connections;
        drop(self);
        server.wait("a connection ends", |status| status.connections < before);
    }

    /// Everything that comes until the broker closes.
    pub(crate) fn raw_bytes(&mut self) -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        // A reset is an end like any other.
        let _ = self.stream.read_to_end(&mut bytes);
        (!bytes.is_empty()).then_some(bytes)
    }

    pub(crate) fn shutdown_write(&self) {
        self.stream.shutdown(Shutdown::Write).unwrap();
    }
}

fn message(publish: &Publish<'_>) -> Message {
    Message {
        topic: publish.topic.to_owned(),
        payload: publish.payload.to_vec(),
        qos: publish.qos,
        retain: publish.retain,
        dup: publish.dup,
        packet_id: publish.packet_id,
        properties: publish.properties.as_bytes().to_vec(),
    }
}
