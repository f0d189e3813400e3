//! What the embedded broker costs per QoS 1 message, without a disk: the
//! journal commits at once and keeps nothing.
//!
//! `broker_rate [MESSAGES] [WINDOW] [CONNECTIONS]` starts the broker and, as a
//! process of its own, the loader: publishes of 230 bytes over raw sockets, as
//! many in flight per connection as the window says.

use std::fmt::Write as _;
use std::future::Future;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::pin::Pin;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use tokio_util::sync::CancellationToken;
use weir_auth::Access;
use weir_config::{Broker, Config};
use weir_ingest::{EmbeddedBroker, Guard, LiveTopics};
use weir_journal::{AppendError, Appended, Appender, CommitListener, JournalStatus, ReportStatus};
use weir_model::{Message, Position};

/// Kernel ticks per second in `/proc/self/stat`.
const TICKS: f64 = 100.0;

#[derive(Debug, Default)]
struct NullJournal {
    end: AtomicU64,
    appends: AtomicU64,
}

impl Appender for NullJournal {
    fn append(
        &self,
        messages: &[Message<'_>],
        listener: Option<&Arc<dyn CommitListener>>,
    ) -> Result<Appended, AppendError> {
        let count = messages.len() as u64;
        let first = self.end.fetch_add(count, Ordering::AcqRel);
        self.appends.fetch_add(1, Ordering::Relaxed);
        let end = Position(first + count);
        if let Some(listener) = listener {
            listener.committed(end);
        }
        Ok(Appended {
            first: Position(first),
            end,
        })
    }

    fn room(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(std::future::ready(()))
    }
}

impl ReportStatus for NullJournal {
    fn status(&self) -> JournalStatus {
        JournalStatus::default()
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |index: usize, default: usize| {
        arguments
            .get(index)
            .map_or(default, |text| text.parse().expect("a number"))
    };
    if arguments.first().is_some_and(|first| first == "load") {
        let address = arguments[1].parse().expect("an address");
        let (messages, window) = (number(2, 0), number(3, 1));
        let loaders: Vec<_> = (0..number(4, 1))
            .map(|index| std::thread::spawn(move || load(address, index, messages, window)))
            .collect();
        loaders
            .into_iter()
            .for_each(|loader| loader.join().expect("the loader ran to its end"));
        return;
    }
    let (messages, window, connections) = (number(0, 2_000_000), number(1, 1000), number(2, 1));
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let journal = Arc::<NullJournal>::default();
    let config = Broker {
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        ..Broker::default()
    };
    let live_topics = LiveTopics::new(&Config::default());
    let guard = Guard {
        access: Access::open(&Config::default()),
        tls: None,
    };
    let starting = EmbeddedBroker::start(
        &config,
        live_topics,
        guard,
        journal.clone(),
        CancellationToken::new(),
    );
    let broker = runtime.block_on(starting).expect("the broker starts");
    let (cpu, start) = (cpu_seconds(), Instant::now());
    let per_connection = messages / connections;
    let loader = Command::new(std::env::current_exe().expect("this program has a path"))
        .args([
            "load",
            &broker.local_addr().to_string(),
            &per_connection.to_string(),
        ])
        .args([window.to_string(), connections.to_string()])
        .status();
    assert!(loader.expect("the loader starts").success());
    let (cpu, elapsed) = (cpu_seconds() - cpu, start.elapsed().as_secs_f64());
    let received = broker.status().received;
    let appends = journal.appends.load(Ordering::Relaxed);
    runtime.block_on(broker.stop());
    eprintln!(
        "{received} messages, {:.0}/s, {:.2} µs of CPU each, {:.1} per append",
        received as f64 / elapsed,
        cpu * 1e6 / received as f64,
        received as f64 / appends as f64,
    );
}

/// User and system time of this process.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("Linux");
    let (_, fields) = stat.rsplit_once(')').expect("the name in parentheses");
    let ticks = fields.split_whitespace().skip(11).take(2);
    ticks
        .map(|field| field.parse::<f64>().expect("a number"))
        .sum::<f64>()
        / TICKS
}

/// Publishes on one connection, `window` of them unacknowledged at most.
fn load(address: SocketAddr, index: usize, messages: usize, window: usize) {
    let mut stream = TcpStream::connect(address).expect("the broker listens");
    stream.set_nodelay(true).expect("a TCP socket");
    let id = format!("load-{index}");
    let mut connect = vec![0x10, (12 + id.len()) as u8, 0, 4];
    connect.extend_from_slice(b"MQTT");
    connect.extend_from_slice(&[4, 2, 0, 0, 0, id.len() as u8]);
    connect.extend_from_slice(id.as_bytes());
    stream.write_all(&connect).expect("CONNECT");
    stream.read_exact(&mut [0; 4]).expect("CONNACK");
    let (mut out, mut payload, mut acks) = (Vec::new(), String::new(), vec![0; 64 * 1024]);
    let (mut sent, mut acked_bytes) = (0, 0);
    while acked_bytes < messages * 4 {
        out.clear();
        while sent < messages && sent - acked_bytes / 4 < window && out.len() < 32 * 1024 {
            sent += 1;
            payload.clear();
            publish(sent, &mut payload, &mut out);
        }
        stream.write_all(&out).expect("PUBLISH");
        if sent == messages || sent - acked_bytes / 4 >= window {
            let read = stream.read(&mut acks).expect("PUBACK");
            assert!(read > 0, "the broker closed after {sent} messages");
            acked_bytes += read;
        }
    }
}

fn publish(number: usize, payload: &mut String, out: &mut Vec<u8>) {
    let topic = format!("devices/dev-{:04}/telemetry", number % 1000);
    let _ = write!(
        payload,
        r#"{{"deviceId":"dev-{:04}","timestamp":{},"data":[{{"sensorId":"temperature","value":{:.2},"location":"plant-1","criticalThreshold":90.0}},{{"sensorId":"vibration","value":{:.3},"location":"plant-1","criticalThreshold":8.0}}]}}"#,
        number % 1000,
        1_700_000_000_000 + number,
        20.0 + (number % 600) as f64 / 10.0,
        (number % 70) as f64 / 10.0,
    );
    let remaining = 2 + topic.len() + 2 + payload.len();
    out.extend_from_slice(&[
        0x32,
        (remaining % 128) as u8 | 0x80,
        (remaining / 128) as u8,
    ]);
    out.extend_from_slice(&(topic.len() as u16).to_be_bytes());
    out.extend_from_slice(topic.as_bytes());
    out.extend_from_slice(&((number % 65_535) as u16 + 1).to_be_bytes());
    out.extend_from_slice(payload.as_bytes());
}
