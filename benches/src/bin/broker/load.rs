//! A client that publishes with a window, and reads and acknowledges what it is sent.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};

use anyhow::{Result, bail};
use weir_mqtt_codec::*;

/// Where to connect.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target(pub(crate) SocketAddr);

impl Target {
    pub(crate) fn connect(&self, id: &str) -> Result<Client> {
        let stream = TcpStream::connect(self.0)?;
        stream.set_nodelay(true)?;
        let mut client = Client {
            stream,
            unread: Vec::new(),
            received: 0,
        };
        client.send(&Packet::Connect(Connect {
            version: Version::V311,
            is_bridge: false,
            clean_start: true,
            keep_alive: 0,
            properties: Properties::EMPTY,
            client_id: id,
            will: None,
            user_name: None,
            password: None,
        }))?;
        client.packets(1)?;
        Ok(client)
    }
}

#[derive(Debug)]
pub(crate) struct Client {
    stream: TcpStream,
    unread: Vec<u8>,
    /// Packets so far.
    received: usize,
}

impl Client {
    pub(crate) fn send(&mut self, packet: &Packet<'_>) -> Result<()> {
        let mut bytes = Vec::new();
        packet.encode(Version::V311, &mut bytes)?;
        self.stream.write_all(&bytes)?;
        Ok(())
    }

    pub(crate) fn subscribe(&mut self, filters: &[String], qos: u8) -> Result<()> {
        let mut buffer = Vec::new();
        let filters = filters
            .iter()
            .map(|filter| (&**filter, SubscriptionOptions::qos(qos)));
        let filters = SubscribeFilters::build(filters, Version::V311, &mut buffer)?;
        self.send(&Packet::Subscribe(Subscribe {
            packet_id: 1,
            properties: Properties::EMPTY,
            filters,
        }))?;
        self.packets(1)?;
        Ok(())
    }

    /// Reads until this client has received so many packets since it began.
    pub(crate) fn packets_in_all(&mut self, count: usize) -> Result<()> {
        self.packets(count.saturating_sub(self.received))?;
        Ok(())
    }

    /// Closes the connection in this direction, and reads until the broker has
    /// closed the other one.
    pub(crate) fn end(mut self, how: Shutdown) -> Result<()> {
        self.stream.shutdown(how)?;
        self.stream.read_to_end(&mut Vec::new())?;
        Ok(())
    }

    /// Reads at least so many packets; how many, and acknowledges messages.
    pub(crate) fn packets(&mut self, least: usize) -> Result<usize> {
        let mut count = 0;
        let mut buffer = vec![0; 256 * 1024];
        while count < least {
            let read = self.stream.read(&mut buffer)?;
            if read == 0 {
                bail!("the broker has closed");
            }
            self.unread.extend_from_slice(&buffer[..read]);
            let mut acks = Vec::new();
            let (before, mut done) = (count, 0);
            while let Split::Packet(frame, len) = split(&self.unread[done..], 1 << 28)? {
                done += len;
                count += 1;
                if frame.header & 0xf0 == 0x30 && frame.header & 0x06 != 0 {
                    let packet = Packet::decode(frame, Version::V311, Peer::Server)?;
                    if let Packet::Publish(publish) = packet {
                        let id = publish.packet_id;
                        put_ack(
                            AckKind::PubAck,
                            id,
                            ReasonCode::Success,
                            Version::V311,
                            &mut acks,
                        );
                    }
                }
            }
            self.unread.drain(..done);
            self.received += count - before;
            if !acks.is_empty() {
                self.stream.write_all(&acks)?;
            }
        }
        Ok(count)
    }

    /// Publishes until `end` says so, with a window; how many.
    pub(crate) fn publish(
        &mut self,
        topic: &str,
        window: usize,
        end: impl Fn(u64) -> bool,
    ) -> Result<u64> {
        let payload = reading();
        let (mut sent, mut acked, mut id) = (0_u64, 0_u64, 0_u16);
        let mut bytes = Vec::new();
        while !end(sent) || acked < sent {
            bytes.clear();
            while sent - acked < window as u64 && !end(sent) {
                id = if id == u16::MAX { 1 } else { id + 1 };
                let publish = Publish {
                    dup: false,
                    qos: 1,
                    retain: false,
                    topic,
                    packet_id: id,
                    properties: Properties::EMPTY,
                    payload: payload.as_bytes(),
                };
                Packet::Publish(publish).encode(Version::V311, &mut bytes)?;
                sent += 1;
            }
            self.stream.write_all(&bytes)?;
            acked += self.packets(1)? as u64;
        }
        Ok(sent)
    }
}

/// A reading of 230 bytes.
fn reading() -> String {
    let start = r#"{"data":[{"sensorId":"temperature","value":21.5,"location":""#;
    let end = r#""}]}"#;
    let location = "x".repeat(230 - start.len() - end.len());
    format!("{start}{location}{end}")
}
