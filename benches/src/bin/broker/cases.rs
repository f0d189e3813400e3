//! What is measured.

use std::net::Shutdown;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use clap::ValueEnum;
use weir_mqtt_codec::{Disconnect, Packet, Properties, Publish, ReasonCode};

use crate::load::{Client, Target};
use crate::side::Meter;

/// Name and value.
pub(crate) type Figures = Vec<(&'static str, f64)>;

/// How much is sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size {
    pub(crate) smaller: usize,
}

impl Size {
    fn of(self, full: usize) -> usize {
        (full / self.smaller).max(1)
    }
}

/// One row of the table, or several.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Case {
    Publish1000,
    Publish50x20,
    Publish100,
    FanOut,
    FanIn,
    Retained,
    Filters,
    Idle,
    Connect,
}

const CPU: &str = "CPU µs each";
const RATE: &str = "per second";

impl Case {
    pub(crate) const ALL: [Self; 9] = [
        Self::Publish1000,
        Self::Publish50x20,
        Self::Publish100,
        Self::FanOut,
        Self::FanIn,
        Self::Retained,
        Self::Filters,
        Self::Idle,
        Self::Connect,
    ];

    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Publish1000 => "QoS 1, window 1,000",
            Self::Publish50x20 => "QoS 1, 50 × window 20",
            Self::Publish100 => "QoS 1, window 100",
            Self::FanOut => "1 to 500, QoS 1",
            Self::FanIn => "50 to 1, QoS 1",
            Self::Retained => "retained of 100 bytes",
            Self::Filters => "10,000 wildcard filters",
            Self::Idle => "idle connections",
            Self::Connect => "connect, disconnect",
        }
    }

    pub(crate) fn run(self, target: Target, meter: &mut Meter, size: Size) -> Result<Figures> {
        match self {
            Self::Publish1000 => publish(target, meter, 1, 1_000, size.of(200_000)),
            Self::Publish50x20 => publish(target, meter, 50, 20, size.of(200_000)),
            Self::Publish100 => publish(target, meter, 1, 100, size.of(50_000)),
            Self::FanOut => fan(target, meter, 1, size.of(500), size.of(200)),
            Self::FanIn => fan(target, meter, 50, 1, size.of(50_000)),
            Self::Retained => retain(target, meter, size.of(100_000)),
            Self::Filters => filters(target, meter, size.of(10_000), size.of(20_000)),
            Self::Idle => idle(target, meter, size.of(5_000)),
            Self::Connect => connect(target, meter, size.of(5_000)),
        }
    }
}

/// What `count` things have cost since `cpu` and `start`.
fn figures(meter: &mut Meter, count: usize, cpu: f64, start: Instant) -> Result<Figures> {
    let elapsed = start.elapsed().as_secs_f64();
    let cpu = meter.cpu()? - cpu;
    let count = count as f64;
    Ok(vec![(CPU, cpu * 1e6 / count), (RATE, count / elapsed)])
}

/// Readings of devices, which Weir also journals and stores.
fn publish(
    target: Target,
    meter: &mut Meter,
    connections: usize,
    window: usize,
    messages: usize,
) -> Result<Figures> {
    let each = (messages / connections) as u64;
    let clients: Result<Vec<_>> = (0..connections)
        .map(|number| target.connect(&format!("p{number}")))
        .collect();
    let (cpu, start) = (meter.cpu()?, Instant::now());
    let publishers: Vec<_> = clients?
        .into_iter()
        .enumerate()
        .map(|(number, mut client)| {
            let topic = format!("devices/d{number}/telemetry");
            thread::spawn(move || client.publish(&topic, window, |sent| sent >= each))
        })
        .collect();
    for publisher in publishers {
        joined(publisher.join())??;
    }
    figures(meter, each as usize * connections, cpu, start)
}

/// Plain broker traffic from many to many.
fn fan(
    target: Target,
    meter: &mut Meter,
    publishers: usize,
    subscribers: usize,
    messages: usize,
) -> Result<Figures> {
    let mut readers = Vec::new();
    for number in 0..subscribers {
        let mut client = target.connect(&format!("s{number}"))?;
        client.subscribe(&["plant/#".to_owned()], 1)?;
        readers.push(client);
    }
    let each = (messages / publishers).max(1);
    let expected = each * publishers;
    let mut writers = Vec::new();
    for number in 0..publishers {
        writers.push(target.connect(&format!("p{number}"))?);
    }
    let (cpu, start) = (meter.cpu()?, Instant::now());
    let writers: Vec<_> = writers
        .into_iter()
        .enumerate()
        .map(|(number, mut client)| {
            let topic = format!("plant/d{number}/state");
            thread::spawn(move || client.publish(&topic, 100, |sent| sent >= each as u64))
        })
        .collect();
    let others = readers.split_off(readers.len() / 2);
    let others = thread::spawn(move || read_all(others, expected));
    read_all(readers, expected)?;
    joined(others.join())??;
    for writer in writers {
        joined(writer.join())??;
    }
    figures(meter, expected * subscribers, cpu, start)
}

fn read_all(mut clients: Vec<Client>, messages: usize) -> Result<()> {
    for client in &mut clients {
        client.packets(messages)?;
    }
    Ok(())
}

fn retain(target: Target, meter: &mut Meter, messages: usize) -> Result<Figures> {
    let mut client = target.connect("p")?;
    let payload = [b'x'; 100];
    let (cpu, memory, start) = (meter.cpu()?, meter.memory()?, Instant::now());
    for number in 0..messages {
        client.send(&Packet::Publish(Publish {
            dup: false,
            qos: 0,
            retain: true,
            topic: &format!("kept/{number}/state"),
            packet_id: 0,
            properties: Properties::EMPTY,
            payload: &payload,
        }))?;
    }
    // Acknowledged after all of them.
    client.publish("kept/last", 1, |sent| sent >= 1)?;
    let mut figures = figures(meter, messages, cpu, start)?;
    figures.push(("bytes each", (meter.memory()? - memory) / messages as f64));
    let mut reader = target.connect("s")?;
    let start = Instant::now();
    reader.subscribe(&["kept/#".to_owned()], 1)?;
    // CONNACK, SUBACK, and the messages, which may have come with it.
    reader.packets_in_all(messages + 2)?;
    figures.push(("ms until # has all", start.elapsed().as_secs_f64() * 1e3));
    Ok(figures)
}

/// Filters with a wildcard, which do not match what is published.
fn filters(target: Target, meter: &mut Meter, count: usize, messages: usize) -> Result<Figures> {
    let mut subscribers = Vec::new();
    let numbers: Vec<usize> = (0..count).collect();
    for (client, numbers) in numbers.chunks(1_000).enumerate() {
        let filters: Vec<_> = numbers
            .iter()
            .map(|number| match number % 2 {
                0 => format!("aws/things/d{number}/shadow/+/accepted"),
                _ => format!("+/things/+/s{number}/#"),
            })
            .collect();
        let mut client = target.connect(&format!("s{client}"))?;
        client.subscribe(&filters, 1)?;
        subscribers.push(client);
    }
    let mut client = target.connect("p")?;
    let (cpu, start) = (meter.cpu()?, Instant::now());
    let topic = "aws/things/d42/shadow/update/other";
    client.publish(topic, 1_000, |sent| sent >= messages as u64)?;
    figures(meter, messages, cpu, start)
}

fn idle(target: Target, meter: &mut Meter, connections: usize) -> Result<Figures> {
    let memory = meter.memory()?;
    let clients: Result<Vec<_>> = (0..connections)
        .map(|number| target.connect(&format!("idle{number}")))
        .collect();
    let clients = clients?;
    // Buffers are given back once a connection is idle.
    thread::sleep(Duration::from_secs(1));
    let each = (meter.memory()? - memory) / clients.len() as f64;
    Ok(vec![("bytes each", each)])
}

fn connect(target: Target, meter: &mut Meter, count: usize) -> Result<Figures> {
    let (cpu, start) = (meter.cpu()?, Instant::now());
    for number in 0..count {
        let mut client = target.connect(&format!("c{number}"))?;
        client.send(&Packet::Disconnect(Disconnect::new(ReasonCode::Success)))?;
        client.end(Shutdown::Write)?;
    }
    figures(meter, count, cpu, start)
}

fn joined<T>(result: thread::Result<T>) -> Result<T> {
    result.map_err(|_| anyhow!("a client panicked"))
}
