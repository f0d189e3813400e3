//! An MQTT client that sends the bytes it is told to.

use std::net::SocketAddr;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::DEADLINE;
use crate::broker::websocket::WebSocketBytes;

pub(super) const PINGREQ: [u8; 2] = [0xc0, 0];
pub(super) const PINGRESP: [u8; 2] = [0xd0, 0];

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

pub(super) struct Client {
    stream: Box<dyn Stream>,
    version: u8,
}

impl Client {
    /// A connection without CONNECT.
    pub(super) async fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        Self {
            stream: Box::new(stream),
            version: 4,
        }
    }

    pub(super) async fn open_websocket(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        let url = format!("ws://{address}/mqtt");
        let (stream, _) = tokio_tungstenite::client_async(url, stream).await.unwrap();
        Self {
            stream: Box::new(WebSocketBytes::new(stream)),
            version: 4,
        }
    }

    /// Connected with MQTT 3.1.1 (4) or 5.
    pub(super) async fn connect(address: SocketAddr, version: u8, id: &str) -> Self {
        Self::open(address).await.handshake(version, id).await
    }

    pub(super) async fn handshake(mut self, version: u8, id: &str) -> Self {
        self.version = version;
        self.send(&connect(version, id)).await;
        let connack = self.packet().await.expect("CONNACK");
        assert_eq!((connack[0], connack[3]), (0x20, 0), "{connack:?}");
        self
    }

    pub(super) async fn send(&mut self, bytes: &[u8]) {
        timeout(DEADLINE, async {
            self.stream.write_all(bytes).await.unwrap();
            self.stream.flush().await.unwrap();
        })
        .await
        .expect("the broker reads");
    }

    pub(super) async fn publish(&mut self, topic: &str, payload: &[u8], qos: u8, packet_id: u16) {
        let bytes = publish(self.version, topic, payload, qos, packet_id);
        self.send(&bytes).await;
    }

    pub(super) async fn subscribe(&mut self, filter: &str, qos: u8) {
        let mut body = vec![0, 9];
        if self.version == 5 {
            body.push(0);
        }
        body.extend(text(filter));
        body.push(qos);
        self.send(&packet(0x82, &body)).await;
        let suback = self.packet().await.expect("SUBACK");
        assert_eq!((suback[0], suback.last()), (0x90, Some(&qos)), "{suback:?}");
    }

    /// The version that what follows is encoded in.
    pub(super) fn speaking(mut self, version: u8) -> Self {
        self.version = version;
        self
    }

    /// The code of the SUBACK.
    pub(super) async fn try_subscribe(&mut self, filter: &str, qos: u8) -> u8 {
        let mut body = vec![0, 9];
        if self.version == 5 {
            body.push(0);
        }
        body.extend(text(filter));
        body.push(qos);
        self.send(&packet(0x82, &body)).await;
        let suback = self.packet().await.expect("SUBACK");
        assert_eq!(suback[0], 0x90, "{suback:?}");
        *suback.last().expect("it has a code")
    }

    /// The next packet; `None` when the broker has closed the connection.
    pub(super) async fn packet(&mut self) -> Option<Vec<u8>> {
        timeout(DEADLINE, self.read_packet())
            .await
            .expect("a packet or the end")
            .ok()
    }

    async fn read_packet(&mut self) -> std::io::Result<Vec<u8>> {
        let mut packet = vec![self.stream.read_u8().await?];
        let (mut length, mut shift) = (0, 0);
        loop {
            let byte = self.stream.read_u8().await?;
            packet.push(byte);
            length |= usize::from(byte & 0x7f) << shift;
            shift += 7;
            if byte & 0x80 == 0 {
                break;
            }
        }
        let start = packet.len();
        packet.resize(start + length, 0);
        self.stream.read_exact(&mut packet[start..]).await?;
        Ok(packet)
    }

    /// That nothing but PINGRESP comes: acknowledgements would come before it.
    pub(super) async fn expect_silence(&mut self) {
        self.send(&PINGREQ).await;
        assert_eq!(self.packet().await.as_deref(), Some(&PINGRESP[..]));
    }

    pub(super) async fn expect(&mut self, packet: &[u8]) {
        assert_eq!(self.packet().await.as_deref(), Some(packet));
    }

    /// A PUBLISH from the broker: its topic and payload.
    pub(super) async fn expect_publish(&mut self) -> (String, Vec<u8>) {
        let packet = self.packet().await.expect("PUBLISH");
        assert_eq!(packet[0] >> 4, 3, "{packet:?}");
        let header = 1
            + packet[1..]
                .iter()
                .take_while(|byte| **byte & 0x80 != 0)
                .count()
            + 1;
        let body = &packet[header..];
        let length = usize::from(u16::from_be_bytes([body[0], body[1]]));
        let topic = String::from_utf8(body[2..2 + length].to_vec()).unwrap();
        let mut rest = &body[2 + length..];
        if packet[0] & 6 != 0 {
            let packet_id = [rest[0], rest[1]];
            rest = &rest[2..];
            self.send(&[0x40, 2, packet_id[0], packet_id[1]]).await;
        }
        if self.version == 5 {
            rest = &rest[1 + usize::from(rest[0])..];
        }
        (topic, rest.to_vec())
    }

    pub(super) async fn expect_closed(&mut self) {
        assert_eq!(self.packet().await, None);
    }
}

pub(super) fn connect(version: u8, id: &str) -> Vec<u8> {
    let mut body = text("MQTT");
    body.extend([version, 2, 0, 60]);
    if version == 5 {
        body.push(0);
    }
    body.extend(text(id));
    packet(0x10, &body)
}

pub(super) fn publish(
    version: u8,
    topic: &str,
    payload: &[u8],
    qos: u8,
    packet_id: u16,
) -> Vec<u8> {
    let mut body = text(topic);
    if qos > 0 {
        body.extend(packet_id.to_be_bytes());
    }
    if version == 5 {
        body.push(0);
    }
    body.extend(payload);
    packet(0x30 | qos << 1, &body)
}

pub(super) fn puback(packet_id: u16) -> [u8; 4] {
    let [high, low] = packet_id.to_be_bytes();
    [0x40, 2, high, low]
}

fn text(text: &str) -> Vec<u8> {
    let mut bytes = u16::try_from(text.len()).unwrap().to_be_bytes().to_vec();
    bytes.extend(text.as_bytes());
    bytes
}

pub(super) fn packet(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut packet = vec![kind];
    let mut length = body.len();
    loop {
        let byte = (length % 128) as u8;
        length /= 128;
        packet.push(if length > 0 { byte | 0x80 } else { byte });
        if length == 0 {
            break;
        }
    }
    packet.extend(body);
    packet
}
