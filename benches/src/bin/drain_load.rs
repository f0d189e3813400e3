//! The load of `drain`: publishes precomputed packets at QoS 1 as fast as its
//! window of unacknowledged ones lets it.
//!
//! Prints `ready` when everything is precomputed and connected, begins at a
//! line on stdin, and ends when the broker has acknowledged all.

use std::collections::VecDeque;
use std::io::{BufRead, Write};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::Parser;
use weir_benches::publish_packets;
use weir_tests::mqtt::{Connection, PUBACK};

#[derive(Debug, Parser)]
struct Args {
    /// host:port
    broker: std::net::SocketAddr,
    messages: usize,
    /// Unacknowledged messages at once.
    window: usize,
}

/// Bytes that are written at once.
const CHUNK: usize = 32 * 1024;

fn main() -> Result<()> {
    let args = Args::parse();
    let packets = publish_packets(args.messages);
    let mut connection = Connection::connect(args.broker, "drain-load")?;
    writeln!(std::io::stdout(), "ready")?;
    std::io::stdin().lock().read_line(&mut String::new())?;

    let mut in_flight = VecDeque::with_capacity(args.window);
    let mut out = Vec::with_capacity(2 * CHUNK);
    for (message, packet) in packets.iter().enumerate() {
        out.extend_from_slice(packet);
        in_flight.push_back(u16::try_from(message % 65_535 + 1).context("it is at most 65,535")?);
        let full = in_flight.len() >= args.window;
        if full || out.len() >= CHUNK {
            connection.send(&out)?;
            out.clear();
        }
        // Half a window at a time: single acknowledgements cost a read each.
        while full && in_flight.len() > args.window / 2 {
            take_acknowledgement(&mut connection, &mut in_flight)?;
        }
    }
    connection.send(&out)?;
    while !in_flight.is_empty() {
        take_acknowledgement(&mut connection, &mut in_flight)?;
    }
    Ok(())
}

fn take_acknowledgement(connection: &mut Connection, in_flight: &mut VecDeque<u16>) -> Result<()> {
    let packet = connection
        .receive(Duration::from_secs(60))?
        .context("no PUBACK for 60 s")?;
    ensure!(packet.kind() == PUBACK, "expected PUBACK, got {packet:?}");
    let oldest = in_flight.pop_front();
    ensure!(
        packet.id() == oldest,
        "PUBACK of {:?}, the oldest is {oldest:?}",
        packet.id()
    );
    Ok(())
}
