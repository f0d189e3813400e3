//! A publisher that knows exactly which messages were acknowledged to it.
//!
//! What it sends, [`LoadSpec`] says. When the connection ends, whatever the reason, the
//! loader connects again and sends everything that was not acknowledged once
//! more with the DUP flag (MQTT 3.1.1, section 4.4).

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::mqtt::{Connection, PUBACK, publish_packet};
use crate::{Address, LoadSpec, wait_until};

/// A load in progress.
#[derive(Debug)]
pub struct Loader {
    messages: usize,
    thread: Option<JoinHandle<LoadReport>>,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    /// Stopped.
    stop: AtomicBool,
    /// Nothing new is sent.
    enough: AtomicBool,
    acknowledged: AtomicUsize,
}

/// What became of a load.
#[derive(Clone, Debug)]
pub struct LoadReport {
    pub spec: LoadSpec,
    /// Messages `0..sent` were sent at least once.
    pub sent: usize,
    /// For each message that was sent, whether its PUBACK came.
    pub acknowledged: Vec<bool>,
    pub reconnects: usize,
}

impl LoadReport {
    pub fn acknowledged_count(&self) -> usize {
        self.acknowledged
            .iter()
            .filter(|acknowledged| **acknowledged)
            .count()
    }
}

impl Loader {
    /// Starts to publish at QoS 1.
    pub fn start(address: &Address, spec: LoadSpec) -> Self {
        let shared = Arc::new(Shared::default());
        let messages = spec.messages;
        let (address, for_thread) = (address.clone(), shared.clone());
        let thread = thread::spawn(move || Run::new(spec, for_thread).run(&address));
        Self {
            messages,
            thread: Some(thread),
            shared,
        }
    }

    /// How many messages there are to send.
    pub fn messages(&self) -> usize {
        self.messages
    }

    /// Messages acknowledged so far.
    pub fn acknowledged(&self) -> usize {
        self.shared.acknowledged.load(Ordering::Acquire)
    }

    #[track_caller]
    pub fn wait_acknowledged(&self, count: usize) {
        wait_until(
            &format!("{count} messages are acknowledged"),
            Duration::from_secs(120),
            || self.acknowledged() >= count,
        );
    }

    /// Waits until every message is acknowledged.
    #[track_caller]
    pub fn finish(mut self) -> LoadReport {
        let thread = self.thread.take().expect("a loader ends once");
        wait_until(
            "the whole load is acknowledged",
            Duration::from_secs(240),
            || thread.is_finished(),
        );
        thread.join().expect("the loader does not panic")
    }

    /// Sends nothing new, and waits until what was sent is acknowledged.
    #[track_caller]
    pub fn drain(self) -> LoadReport {
        self.shared.enough.store(true, Ordering::Release);
        self.finish()
    }

    /// Stops now, whatever is acknowledged or not.
    pub fn stop(mut self) -> LoadReport {
        self.shared.stop.store(true, Ordering::Release);
        let thread = self.thread.take().expect("a loader ends once");
        thread.join().expect("the loader does not panic")
    }
}

impl Drop for Loader {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Release);
    }
}

struct Run {
    shared: Arc<Shared>,
    report: LoadReport,
    /// Sent and not acknowledged, in the order of sending.
    in_flight: VecDeque<usize>,
    connections: usize,
}

impl Run {
    fn new(spec: LoadSpec, shared: Arc<Shared>) -> Self {
        assert!(
            spec.window < usize::from(u16::MAX),
            "packet ids must not repeat in a window"
        );
        let report = LoadReport {
            spec,
            sent: 0,
            acknowledged: Vec::new(),
            reconnects: 0,
        };
        Self {
            shared,
            report,
            in_flight: VecDeque::new(),
            connections: 0,
        }
    }

    fn run(mut self, address: &Address) -> LoadReport {
        while !self.is_done() {
            if self.connection(address).is_err() && !self.is_done() {
                // The server may be down for a while: that is what is tested.
                thread::sleep(Duration::from_millis(20));
            }
        }
        self.report.reconnects = self.connections.saturating_sub(1);
        self.report
    }

    fn is_done(&self) -> bool {
        (!self.has_more() && self.in_flight.is_empty()) || self.shared.stop.load(Ordering::Acquire)
    }

    fn has_more(&self) -> bool {
        self.report.sent < self.report.spec.messages && !self.shared.enough.load(Ordering::Acquire)
    }

    fn connection(&mut self, address: &Address) -> io::Result<()> {
        let mut connection = Connection::connect(address.get(), &self.report.spec.name)?;
        self.connections += 1;
        let mut out = Vec::new();
        for &message in &self.in_flight {
            out.extend(self.packet(message, true));
        }
        while !self.is_done() {
            while self.in_flight.len() < self.report.spec.window && self.has_more() {
                let message = self.report.sent;
                out.extend(self.packet(message, false));
                self.report.sent += 1;
                self.report.acknowledged.push(false);
                self.in_flight.push_back(message);
            }
            connection.send(&out)?;
            out.clear();
            self.take_acknowledgements(&mut connection)?;
        }
        connection.send(&[0xe0, 0])
    }

    /// Takes all that have come, after waiting a little for a first one.
    fn take_acknowledgements(&mut self, connection: &mut Connection) -> io::Result<()> {
        let mut timeout = Duration::from_millis(50);
        while let Some(packet) = connection.receive(timeout)? {
            if packet.kind() == PUBACK {
                let id = packet.id().ok_or(io::ErrorKind::InvalidData)?;
                let found = self
                    .in_flight
                    .iter()
                    .position(|message| packet_id(*message) == id);
                let index = found.ok_or_else(|| io::Error::other("PUBACK of an unknown packet"))?;
                let message = self.in_flight.remove(index).expect("it was just found");
                self.report.acknowledged[message] = true;
                self.shared.acknowledged.fetch_add(1, Ordering::Release);
            }
            if self.in_flight.len() < self.report.spec.window / 2 {
                break;
            }
            timeout = Duration::from_millis(1);
        }
        Ok(())
    }

    fn packet(&self, message: usize, duplicate: bool) -> Vec<u8> {
        let spec = &self.report.spec;
        let (topic, payload) = (spec.topic(message), spec.payload(message));
        publish_packet(
            topic.as_bytes(),
            payload.as_bytes(),
            1,
            packet_id(message),
            duplicate,
        )
    }
}

/// 1 to 65,535, repeating.
fn packet_id(message: usize) -> u16 {
    u16::try_from(message % usize::from(u16::MAX) + 1).expect("it is at most 65,535")
}
