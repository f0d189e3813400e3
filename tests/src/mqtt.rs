//! MQTT 3.1.1 on the wire (OASIS standard, sections 2 and 3), as far as tests
//! publish: a client that knows exactly which packet was acknowledged, and
//! that can also send what no library would.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// One packet: the first byte (type and flags), and what follows the length.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    pub head: u8,
    pub body: Vec<u8>,
}

pub const CONNACK: u8 = 2;
pub const PUBACK: u8 = 4;
pub const PUBREC: u8 = 5;
pub const PUBCOMP: u8 = 7;
pub const PINGRESP: u8 = 13;

impl Packet {
    /// The packet's type, 1 to 15.
    pub fn kind(&self) -> u8 {
        self.head >> 4
    }

    /// The packet identifier of an acknowledgement.
    pub fn id(&self) -> Option<u16> {
        self.body.first_chunk().map(|id| u16::from_be_bytes(*id))
    }
}

/// Appends a packet with its length.
pub fn encode(out: &mut Vec<u8>, head: u8, body: &[&[u8]]) {
    out.push(head);
    let mut length: usize = body.iter().map(|part| part.len()).sum();
    loop {
        let digit = u8::try_from(length % 128).expect("a remainder of 128 fits");
        length /= 128;
        out.push(if length > 0 { digit | 0x80 } else { digit });
        if length == 0 {
            break;
        }
    }
    body.iter().for_each(|part| out.extend_from_slice(part));
}

/// CONNECT with a clean session and no keep-alive.
pub fn connect_packet(client_id: &str) -> Vec<u8> {
    let mut out = Vec::new();
    encode(
        &mut out,
        0x10,
        &[b"\x00\x04MQTT\x04\x02\x00\x00", &text(client_id.as_bytes())],
    );
    out
}

/// CONNECT with a user name and a password, in MQTT 3.1.1 (4) or 5.
pub fn login_packet(version: u8, client_id: &str, name: &str, password: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let head = [b"\x00\x04MQTT", &[version, 0xc2, 0, 0][..]].concat();
    let properties: &[u8] = if version == 5 { &[0] } else { &[] };
    let texts = [client_id, name, password].map(|part| text(part.as_bytes()));
    let [id, name, password] = &texts;
    encode(&mut out, 0x10, &[&head, properties, id, name, password]);
    out
}

/// PUBLISH. `id` is left out at QoS 0.
pub fn publish_packet(topic: &[u8], payload: &[u8], qos: u8, id: u16, duplicate: bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(topic.len() + payload.len() + 9);
    let head = 0x30 | (qos << 1) | (u8::from(duplicate) << 3);
    let id = id.to_be_bytes();
    encode(
        &mut out,
        head,
        &[&text(topic), if qos > 0 { &id } else { &[] }, payload],
    );
    out
}

fn text(bytes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(bytes.len()).expect("MQTT texts have at most 65,535 bytes");
    [&length.to_be_bytes(), bytes].concat()
}

/// Takes the first whole packet off `buffer`. `None`: more bytes are needed.
pub fn take_packet(buffer: &mut Vec<u8>) -> Option<Packet> {
    let mut length = 0usize;
    for (index, byte) in buffer.iter().skip(1).take(4).enumerate() {
        length |= usize::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            let start = index + 2;
            let body = buffer.get(start..start + length)?.to_vec();
            let head = buffer[0];
            buffer.drain(..start + length);
            return Some(Packet { head, body });
        }
    }
    None
}

/// A connection on which packets are sent and received as they are.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    received: Vec<u8>,
}

impl Connection {
    /// Connects the socket; sends nothing.
    pub fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_write_timeout(Some(Duration::from_secs(30)))?;
        Ok(Self {
            stream,
            received: Vec::new(),
        })
    }

    /// Connects and waits for a CONNACK that accepts.
    pub fn connect(address: SocketAddr, client_id: &str) -> io::Result<Self> {
        let mut connection = Self::open(address)?;
        connection.send(&connect_packet(client_id))?;
        match connection.receive(Duration::from_secs(30))? {
            Some(packet) if packet.kind() == CONNACK && packet.body.get(1) == Some(&0) => {
                Ok(connection)
            }
            other => Err(io::Error::other(format!(
                "no CONNACK that accepts: {other:?}"
            ))),
        }
    }

    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)
    }

    /// The next packet; `None` when none came within `timeout`. The end of the
    /// connection is an error.
    pub fn receive(&mut self, timeout: Duration) -> io::Result<Option<Packet>> {
        if let Some(packet) = take_packet(&mut self.received) {
            return Ok(Some(packet));
        }
        self.stream.set_read_timeout(Some(timeout))?;
        let mut chunk = [0; 4096];
        loop {
            match self.stream.read(&mut chunk) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(count) => self.received.extend_from_slice(&chunk[..count]),
                Err(error) if is_timeout(&error) => return Ok(None),
                Err(error) => return Err(error),
            }
            if let Some(packet) = take_packet(&mut self.received) {
                return Ok(Some(packet));
            }
        }
    }

    /// Publishes and waits until the server has taken it, as its QoS says.
    pub fn publish(&mut self, topic: &[u8], payload: &[u8], qos: u8) -> io::Result<()> {
        const ID: u16 = 1;
        self.send(&publish_packet(topic, payload, qos, ID, false))?;
        match qos {
            0 => Ok(()),
            1 => self.expect(PUBACK),
            _ => {
                self.expect(PUBREC)?;
                self.send(&[0x62, 2, 0, 1])?;
                self.expect(PUBCOMP)
            }
        }
    }

    /// PINGREQ and its answer: everything sent before has been read.
    pub fn ping(&mut self) -> io::Result<()> {
        self.send(&[0xc0, 0])?;
        self.expect(PINGRESP)
    }

    fn expect(&mut self, kind: u8) -> io::Result<()> {
        match self.receive(Duration::from_secs(60))? {
            Some(packet) if packet.kind() == kind => Ok(()),
            other => Err(io::Error::other(format!(
                "expected packet type {kind}, got {other:?}"
            ))),
        }
    }
}

pub(crate) fn is_timeout(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_of_any_length_round_trip_in_pieces() {
        for length in [0, 1, 127, 128, 16_383, 16_384, 70_000] {
            let body = vec![7; length];
            let mut bytes = Vec::new();
            encode(&mut bytes, 0x30, &[&body]);
            let mut buffer = bytes[..bytes.len() - 1].to_vec();
            assert_eq!(take_packet(&mut buffer), None);
            buffer.push(bytes[bytes.len() - 1]);
            buffer.push(0xff);
            assert_eq!(take_packet(&mut buffer), Some(Packet { head: 0x30, body }));
            assert_eq!(buffer, [0xff]);
        }
    }

    #[test]
    fn a_publish_is_laid_out_as_the_standard_says() {
        let packet = publish_packet(b"a/b", b"x", 1, 10, true);
        assert_eq!(packet, b"\x3a\x08\x00\x03a/b\x00\x0ax");
        assert_eq!(
            publish_packet(b"a", b"", 0, 10, false),
            b"\x30\x03\x00\x01a"
        );
    }
}
