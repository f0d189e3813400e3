//! The bare subscribers of `drain`: they receive, acknowledge and count.
//!
//! `auto` is what rumqttc does by itself: one flush per acknowledgement.
//! `batch` is the ideal: a hundred acknowledgements in one flush.
//!
//! Prints `subscribed`, then `done` when all messages are received.

use std::io::Write;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::{Parser, ValueEnum};
use rumqttc::{AsyncClient, Event, EventLoop, MqttOptions, Packet, PubAck, QoS};

#[derive(Debug, Parser)]
struct Args {
    mode: Mode,
    /// host:port
    broker: SocketAddr,
    /// How many to receive; 0 subscribes and ends, so that the session is kept.
    messages: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Mode {
    Auto,
    Batch,
}

/// Acknowledgements in one flush. The broker's window must be larger.
const BATCH: usize = 100;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let args = Args::parse();
    let mut options = MqttOptions::new("drain", args.broker.ip().to_string(), args.broker.port());
    // What Weir's source uses: a session that persists, and these limits.
    options
        .set_clean_session(false)
        .set_keep_alive(Duration::from_secs(30));
    options
        .set_inflight(10_000)
        .set_max_packet_size(2 << 20, 2 << 20);
    options.set_manual_acks(args.mode == Mode::Batch);
    let (client, mut events) = AsyncClient::new(options, 100);
    client
        .subscribe("devices/+/telemetry", QoS::AtLeastOnce)
        .await?;

    let (mut received, mut bytes) = (0, 0);
    let mut unacknowledged = Vec::with_capacity(BATCH);
    while received < args.messages.max(1) {
        match events.poll().await? {
            Event::Incoming(Packet::SubAck(_)) => {
                writeln!(std::io::stdout(), "subscribed")?;
                if args.messages == 0 {
                    break;
                }
            }
            Event::Incoming(Packet::Publish(publish)) => {
                received += 1;
                bytes += publish.payload.len();
                if args.mode == Mode::Batch {
                    unacknowledged.push(publish.pkid);
                    if unacknowledged.len() == BATCH {
                        acknowledge(&mut events, &mut unacknowledged).await?;
                    }
                }
            }
            _ => {}
        }
    }
    acknowledge(&mut events, &mut unacknowledged).await?;
    writeln!(std::io::stdout(), "done {received} messages, {bytes} bytes")?;
    // Stays, so that its CPU time can be read; the bench ends it.
    std::io::stdin().read_line(&mut String::new())?;
    Ok(())
}

async fn acknowledge(events: &mut EventLoop, ids: &mut Vec<u16>) -> Result<()> {
    if ids.is_empty() {
        return Ok(());
    }
    let network = events.network.as_mut().context("the connection is gone")?;
    for id in ids.drain(..) {
        network.write(Packet::PubAck(PubAck::new(id))).await?;
    }
    Ok(network.flush().await?)
}
