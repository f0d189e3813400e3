//! Loads a broker on loopback and prints what it costs per message.
//!
//! ```text
//! load PORT PID publish CONNECTIONS WINDOW SECONDS    QoS 1, 230 bytes
//! load PORT PID fan-out SUBSCRIBERS MESSAGES           QoS 1 to many
//! load PORT PID fan-in PUBLISHERS MESSAGES             many to one
//! load PORT PID retain MESSAGES                        of 100 bytes, then `#`
//! load PORT PID filters COUNT MESSAGES                 wildcard filters that do not match
//! load PORT PID idle CONNECTIONS                       memory of each
//! load PORT PID connect COUNT                          connect and disconnect
//! ```

#![allow(clippy::print_stdout)]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use weir_mqtt_codec::*;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

struct Target {
    port: u16,
    pid: u32,
}

impl Target {
    /// Processor time of the broker, in seconds.
    fn cpu(&self) -> Result<f64> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid))?;
        let fields: Vec<_> = stat
            .rsplit(')')
            .next()
            .unwrap_or("")
            .split_whitespace()
            .collect();
        let ticks: f64 = fields[11].parse::<f64>()? + fields[12].parse::<f64>()?;
        Ok(ticks / 100.0)
    }

    /// Resident memory of the broker, in KiB.
    fn memory(&self) -> Result<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid))?;
        let line = status
            .lines()
            .find(|line| line.starts_with("VmRSS:"))
            .unwrap_or("");
        Ok(line.split_whitespace().nth(1).unwrap_or("0").parse()?)
    }

    fn connect(&self, id: &str) -> Result<Client> {
        let stream = TcpStream::connect(("127.0.0.1", self.port))?;
        stream.set_nodelay(true)?;
        let mut client = Client {
            stream,
            unread: Vec::new(),
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

struct Client {
    stream: TcpStream,
    unread: Vec<u8>,
}

impl Client {
    fn send(&mut self, packet: &Packet<'_>) -> Result<()> {
        let mut bytes = Vec::new();
        packet.encode(Version::V311, &mut bytes)?;
        self.stream.write_all(&bytes)?;
        Ok(())
    }

    fn subscribe(&mut self, filters: &[String], qos: u8) -> Result<()> {
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

    /// Reads at least so many packets; how many, and acknowledges messages.
    fn packets(&mut self, least: usize) -> Result<usize> {
        let mut count = 0;
        let mut buffer = vec![0; 256 * 1024];
        while count < least {
            let read = self.stream.read(&mut buffer)?;
            if read == 0 {
                return Err("the broker has closed".into());
            }
            self.unread.extend_from_slice(&buffer[..read]);
            let mut acks = Vec::new();
            let mut done = 0;
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
            if !acks.is_empty() {
                self.stream.write_all(&acks)?;
            }
        }
        Ok(count)
    }

    /// Publishes until `end` says so, with a window; how many.
    fn publish(&mut self, topic: &str, window: usize, end: impl Fn(u64) -> bool) -> Result<u64> {
        let payload = [b'x'; 230];
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
                    payload: &payload,
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

fn report(what: &str, count: u64, cpu: f64, elapsed: Duration) {
    let rate = count as f64 / elapsed.as_secs_f64();
    let each = cpu * 1e6 / count as f64;
    println!(
        "{what}: {count} in {:.2} s, {rate:.0}/s, {each:.2} µs CPU each",
        elapsed.as_secs_f64()
    );
}

fn publish(target: &Target, connections: usize, window: usize, seconds: u64) -> Result<()> {
    let mut clients = Vec::new();
    for number in 0..connections {
        clients.push(target.connect(&format!("p{number}"))?);
    }
    let (cpu, start) = (target.cpu()?, Instant::now());
    let until = start + Duration::from_secs(seconds);
    let threads: Vec<_> = clients
        .into_iter()
        .enumerate()
        .map(|(number, mut client)| {
            let topic = format!("devices/d{number}/telemetry");
            std::thread::spawn(move || client.publish(&topic, window, |_| Instant::now() >= until))
        })
        .collect();
    let mut count = 0;
    for thread in threads {
        count += thread.join().map_err(|_| "a publisher panicked")??;
    }
    report("publish", count, target.cpu()? - cpu, start.elapsed());
    Ok(())
}

fn fan(target: &Target, publishers: usize, subscribers: usize, messages: u64) -> Result<()> {
    let mut readers = Vec::new();
    for number in 0..subscribers {
        let mut client = target.connect(&format!("s{number}"))?;
        client.subscribe(&["devices/#".to_owned()], 1)?;
        readers.push(client);
    }
    let per_publisher = messages / publishers as u64;
    let expected = (per_publisher * publishers as u64) as usize;
    let (cpu, start) = (target.cpu()?, Instant::now());
    let mut writers = Vec::new();
    for number in 0..publishers {
        let mut client = target.connect(&format!("p{number}"))?;
        writers.push(std::thread::spawn(move || {
            let topic = format!("devices/d{number}/telemetry");
            client.publish(&topic, 100, |sent| sent >= per_publisher)
        }));
    }
    let read = move |mut clients: Vec<Client>| -> Result<()> {
        for client in &mut clients {
            client.packets(expected)?;
        }
        Ok(())
    };
    let half = readers.split_off(readers.len() / 2);
    let others = std::thread::spawn(move || read(half));
    read(readers)?;
    others.join().map_err(|_| "a reader panicked")??;
    for writer in writers {
        writer.join().map_err(|_| "a publisher panicked")??;
    }
    let delivered = (expected * subscribers) as u64;
    report(
        "deliveries",
        delivered,
        target.cpu()? - cpu,
        start.elapsed(),
    );
    Ok(())
}

fn retain(target: &Target, messages: usize) -> Result<()> {
    let mut client = target.connect("p")?;
    let payload = [b'x'; 100];
    let (cpu, memory, start) = (target.cpu()?, target.memory()?, Instant::now());
    let mut bytes = Vec::new();
    for number in 0..messages {
        let publish = Publish {
            dup: false,
            qos: 0,
            retain: true,
            topic: &format!("kept/{number}/state"),
            packet_id: 0,
            properties: Properties::EMPTY,
            payload: &payload,
        };
        Packet::Publish(publish).encode(Version::V311, &mut bytes)?;
    }
    client.stream.write_all(&bytes)?;
    client.send(&Packet::PingReq)?;
    client.packets(1)?;
    std::thread::sleep(Duration::from_secs(1));
    report(
        "retained",
        messages as u64,
        target.cpu()? - cpu,
        start.elapsed(),
    );
    println!(
        "{:.0} bytes each",
        (target.memory()? - memory) * 1024.0 / messages as f64
    );
    for qos in 0..2 {
        let mut reader = target.connect("s")?;
        let start = Instant::now();
        reader.subscribe(&["#".to_owned()], qos)?;
        reader.packets(messages.saturating_sub(1_000))?;
        println!(
            "# with QoS {qos}: {:.0} ms",
            start.elapsed().as_secs_f64() * 1e3
        );
    }
    Ok(())
}

fn filters(target: &Target, count: usize, messages: u64) -> Result<()> {
    let mut subscribers = Vec::new();
    for number in 0..count.div_ceil(1_000) {
        let mut client = target.connect(&format!("s{number}"))?;
        let filters: Vec<_> = (0..1_000.min(count))
            .map(|filter| match number * 1_000 + filter {
                filter if filter % 2 == 0 => format!("aws/things/d{filter}/shadow/+/accepted"),
                filter => format!("+/things/+/s{filter}/#"),
            })
            .collect();
        client.subscribe(&filters, 1)?;
        subscribers.push(client);
    }
    let mut client = target.connect("p")?;
    let (cpu, start) = (target.cpu()?, Instant::now());
    client.publish("aws/things/d42/shadow/update/other", 1_000, |sent| {
        sent >= messages
    })?;
    report("publish", messages, target.cpu()? - cpu, start.elapsed());
    Ok(())
}

fn idle(target: &Target, connections: usize) -> Result<()> {
    let memory = target.memory()?;
    let mut clients = Vec::new();
    for number in 0..connections {
        clients.push(target.connect(&format!("idle{number}"))?);
    }
    std::thread::sleep(Duration::from_secs(1));
    let each = (target.memory()? - memory) / connections as f64;
    println!("{connections} idle connections: {each:.2} KiB each");
    Ok(())
}

fn connect(target: &Target, count: usize) -> Result<()> {
    let (cpu, start) = (target.cpu()?, Instant::now());
    for number in 0..count {
        let mut client = target.connect(&format!("c{number}"))?;
        client.send(&Packet::Disconnect(Disconnect::new(ReasonCode::Success)))?;
        let _ = client.stream.read(&mut [0])?;
    }
    report(
        "connect and disconnect",
        count as u64,
        target.cpu()? - cpu,
        start.elapsed(),
    );
    Ok(())
}

fn main() -> Result<()> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let text = |index: usize| arguments.get(index).map(String::as_str).unwrap_or_default();
    let number = |index: usize| text(index).parse::<usize>();
    let target = Target {
        port: text(0).parse()?,
        pid: text(1).parse()?,
    };
    match text(2) {
        "publish" => publish(&target, number(3)?, number(4)?, number(5)? as u64),
        "fan-out" => fan(&target, 1, number(3)?, number(4)? as u64),
        "fan-in" => fan(&target, number(3)?, 1, number(4)? as u64),
        "retain" => retain(&target, number(3)?),
        "filters" => filters(&target, number(3)?, number(4)? as u64),
        "idle" => idle(&target, number(3)?),
        "connect" => connect(&target, number(3)?),
        other => Err(format!("unknown scenario {other:?}").into()),
    }
}
