//! A broker that does what a test says, byte by byte if need be: MQTT 3.1.1
//! over a loopback socket.
//!
//! A test accepts each connection itself and drives it as a [`Peer`]. Pings are
//! answered while the peer waits for something, unless it is set to be deaf.

use std::time::Duration;

use bytes::BytesMut;
use rumqttc::mqttbytes::Error;
use rumqttc::{Connect, Packet, PubAck, PubRel, Publish, QoS, Subscribe};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use weir_config::Source;

/// Long enough for a machine under load.
const DEADLINE: Duration = Duration::from_secs(30);

pub(crate) struct ScriptedBroker {
    listener: TcpListener,
}

impl ScriptedBroker {
    pub(crate) async fn start() -> Self {
        Self {
            listener: TcpListener::bind("127.0.0.1:0").await.unwrap(),
        }
    }

    /// A source at this broker. Its keep-alive is too long to disturb a test.
    pub(crate) fn source(&self) -> Source {
        Source {
            port: self.listener.local_addr().unwrap().port(),
            keep_alive: Duration::from_secs(600),
            ..Source::default()
        }
    }

    /// The next connection, its CONNECT read and not answered.
    pub(crate) async fn accept(&self) -> Peer {
        let (stream, _) = within("a connection", self.listener.accept())
            .await
            .unwrap();
        stream.set_nodelay(true).unwrap();
        Peer::new(Box::new(stream)).await
    }

    /// As [`ScriptedBroker::accept`], over TLS; an error when the client does
    /// not like what it is shown.
    pub(crate) async fn accept_tls(&self, acceptor: &TlsAcceptor) -> std::io::Result<Peer> {
        let (stream, _) = within("a connection", self.listener.accept())
            .await
            .unwrap();
        let stream = within("the TLS handshake", acceptor.accept(stream)).await?;
        Ok(Peer::new(Box::new(stream)).await)
    }

    /// The next connection, accepted.
    pub(crate) async fn accept_with(&self, session_present: bool) -> Peer {
        let mut peer = self.accept().await;
        peer.connack(session_present, 0).await;
        peer
    }

    /// The next connection, accepted with a new session, and what it asks for
    /// granted at QoS 1.
    pub(crate) async fn accept_and_grant(&self) -> Peer {
        let mut peer = self.accept_with(false).await;
        peer.grant().await;
        peer
    }
}

/// The broker's end of one connection.
pub(crate) struct Peer {
    stream: Box<dyn Stream>,
    read: BytesMut,
    connect: Option<Connect>,
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

impl Peer {
    async fn new(stream: Box<dyn Stream>) -> Self {
        let mut peer = Self {
            stream,
            read: BytesMut::new(),
            connect: None,
        };
        match peer.next().await {
            Some(Packet::Connect(connect)) => peer.connect = Some(connect),
            other => panic!("the first packet is not CONNECT: {other:?}"),
        }
        peer
    }

    pub(crate) fn connect(&self) -> &Connect {
        self.connect.as_ref().expect("accept() has read it")
    }

    pub(crate) async fn connack(&mut self, session_present: bool, code: u8) {
        self.send(&[0x20, 2, u8::from(session_present), code]).await;
    }

    pub(crate) async fn suback(&mut self, pkid: u16, codes: &[u8]) {
        let [high, low] = pkid.to_be_bytes();
        let length = u8::try_from(2 + codes.len()).unwrap();
        self.send(&[&[0x90, length, high, low], codes].concat())
            .await;
    }

    /// Awaits the SUBSCRIBE and grants it at QoS 1.
    pub(crate) async fn grant(&mut self) -> Subscribe {
        let subscribe = self.subscribe().await;
        self.suback(subscribe.pkid, &vec![1; subscribe.filters.len()])
            .await;
        subscribe
    }

    /// The next SUBSCRIBE, unanswered.
    pub(crate) async fn subscribe(&mut self) -> Subscribe {
        loop {
            match self.expect().await {
                Packet::Subscribe(subscribe) => return subscribe,
                Packet::Unsubscribe(unsubscribe) => self.unsuback(unsubscribe.pkid).await,
                other => panic!("expected SUBSCRIBE: {other:?}"),
            }
        }
    }

    pub(crate) async fn unsuback(&mut self, pkid: u16) {
        let [high, low] = pkid.to_be_bytes();
        self.send(&[0xb0, 2, high, low]).await;
    }

    /// A publish at QoS 1.
    pub(crate) async fn publish(&mut self, pkid: u16, topic: &str, payload: &[u8]) {
        self.publish_at(QoS::AtLeastOnce, pkid, topic, payload)
            .await;
    }

    pub(crate) async fn publish_at(&mut self, qos: QoS, pkid: u16, topic: &str, payload: &[u8]) {
        let mut publish = Publish::new(topic, qos, payload);
        publish.pkid = pkid;
        self.packet(Packet::Publish(publish)).await;
    }

    pub(crate) async fn packet(&mut self, packet: Packet) {
        let mut bytes = BytesMut::new();
        packet.write(&mut bytes, usize::MAX).unwrap();
        self.send(&bytes).await;
    }

    pub(crate) async fn puback(&mut self, pkid: u16) {
        self.packet(Packet::PubAck(PubAck::new(pkid))).await;
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        let write = async {
            self.stream.write_all(bytes).await?;
            self.stream.flush().await
        };
        within("the client to read", write).await.unwrap();
    }

    /// The next packet, pings included; `None` once the client has hung up.
    pub(crate) async fn next(&mut self) -> Option<Packet> {
        loop {
            match Packet::read(&mut self.read, usize::MAX) {
                Ok(packet) => return Some(packet),
                Err(Error::InsufficientBytes(_)) => {}
                Err(error) => panic!("the client sent nonsense: {error}"),
            }
            let read = self.stream.read_buf(&mut self.read);
            if within("a packet", read).await.unwrap_or(0) == 0 {
                return None;
            }
        }
    }

    /// The next packet that is no ping; pings are answered.
    pub(crate) async fn expect(&mut self) -> Packet {
        loop {
            match self.next().await {
                Some(Packet::PingReq) => self.send(&[0xd0, 0]).await,
                Some(packet) => return packet,
                None => panic!("the client has hung up"),
            }
        }
    }

    /// The packet ids of the next `count` PUBACKs; nothing else may come.
    pub(crate) async fn pubacks(&mut self, count: usize) -> Vec<u16> {
        let mut pkids = Vec::new();
        while pkids.len() < count {
            match self.expect().await {
                Packet::PubAck(PubAck { pkid }) => pkids.push(pkid),
                other => panic!("expected PUBACK: {other:?}"),
            }
        }
        pkids
    }

    /// The next publish, unanswered.
    pub(crate) async fn published(&mut self) -> Publish {
        match self.expect().await {
            Packet::Publish(publish) => publish,
            other => panic!("expected PUBLISH: {other:?}"),
        }
    }

    /// A round trip through the receiving connection: what it answered before
    /// this returns, in order. It answers a PUBREL at once, whatever is open.
    pub(crate) async fn until_now(&mut self) -> Vec<Packet> {
        const PROBE: u16 = 60_000;
        self.packet(Packet::PubRel(PubRel::new(PROBE))).await;
        let mut before = Vec::new();
        loop {
            match self.expect().await {
                Packet::PubComp(pubcomp) if pubcomp.pkid == PROBE => return before,
                packet => before.push(packet),
            }
        }
    }

    /// Waits until the client hangs up; answers the packets until then.
    pub(crate) async fn until_closed(&mut self) -> Vec<Packet> {
        let mut packets = Vec::new();
        while let Some(packet) = self.next().await {
            packets.push(packet);
        }
        packets
    }
}

async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    timeout(DEADLINE, future)
        .await
        .unwrap_or_else(|_| panic!("waited in vain for {what}"))
}
