//! Measures the engine: nanoseconds per message and per byte for the reference
//! event of two readings, 230 bytes, from 1,000 devices.
//!
//! `cargo run --release -p weir-engine --example engine_rate [messages]`

use std::time::{Duration, Instant};

use weir_config::Config;
use weir_engine::{Batch, Engine};
use weir_model::{Ingress, Message, Position, Timestamp};

const DEVICES: u64 = 1_000;
/// As many messages as a chunk of the journal may bring.
const CHUNK: u64 = 500;

fn payload(i: u64) -> String {
    let device = i % DEVICES;
    format!(
        "{{\"deviceId\":\"dev-{device:04}\",\"timestamp\":{},\"data\":[\
         {{\"sensorId\":\"temperature\",\"value\":{:.2},\"location\":\"plant-1\",\"criticalThreshold\":90.0}},\
         {{\"sensorId\":\"vibration\",\"value\":{:.3},\"location\":\"plant-1\",\"criticalThreshold\":8.0}}]}}",
        1_700_000_000_000 + i,
        20.0 + (i % 600) as f64 / 10.0,
        (i % 70) as f64 / 10.0
    )
}

/// Messages as a journal's reader hands them on: one buffer, just written.
#[derive(Default)]
struct Chunk {
    bytes: String,
    /// Ends of each topic and payload.
    ends: Vec<(usize, usize)>,
}

impl Chunk {
    fn fill(&mut self, first: u64) {
        self.bytes.clear();
        self.ends.clear();
        for i in first..first + CHUNK {
            self.bytes
                .push_str(&format!("devices/dev-{:04}/telemetry", i % DEVICES));
            let topic = self.bytes.len();
            self.bytes.push_str(&payload(i));
            self.ends.push((topic, self.bytes.len()));
        }
    }

    fn send(&self, first: u64, engine: &mut Engine, batch: &mut Batch) {
        let mut start = 0;
        for (i, (topic, end)) in (first..).zip(&self.ends) {
            let message = Message {
                received: Timestamp(1_700_000_000_000_000_000),
                ingress: Ingress::Broker,
                client: "",
                topic: &self.bytes[start..*topic],
                payload: &self.bytes.as_bytes()[*topic..*end],
                qos: 1,
                retained: false,
                duplicate: false,
            };
            engine.on_message(Position(i), &message, batch);
            start = *end;
        }
    }
}

#[expect(clippy::print_stdout, reason = "a measurement is for a person to read")]
fn main() {
    let total = std::env::args()
        .nth(1)
        .and_then(|n| n.parse().ok())
        .unwrap_or(1_000_000u64);
    for run in 1..=5 {
        let mut engine = Engine::new(&Config::default());
        let (mut chunk, mut batch) = (Chunk::default(), Batch::default());
        let (mut readings, mut verdicts, mut bytes) = (0, 0, 0);
        let mut spent = Duration::ZERO;
        for first in (0..total).step_by(CHUNK as usize) {
            chunk.fill(first);
            bytes += chunk.bytes.len();
            let start = Instant::now();
            batch.clear();
            chunk.send(first, &mut engine, &mut batch);
            spent += start.elapsed();
            readings += batch.rows.readings();
            verdicts += batch.verdicts.len();
        }
        println!(
            "run {run}: {:.0} ns per message, {:.2} ns per byte; {readings} readings, {verdicts} verdicts",
            spent.as_nanos() as f64 / (readings / 2) as f64,
            spent.as_nanos() as f64 / bytes as f64
        );
    }
}
