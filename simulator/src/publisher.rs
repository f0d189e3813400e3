//! The load publisher behind `weir simulate`: a fleet over a few MQTT
//! connections, at a rate, counting what the broker acknowledges.
//!
//! Every connection serves its own share of the devices, so that a device's
//! messages keep their order. MQTT 3.1.1 with a clean session: what is not
//! acknowledged is ours to keep, and is sent again (flagged DUP) after a
//! reconnect. rumqttc gives the packets; its event loop is not used, as it
//! forgets queued publishes when a session is gone and does not back off.

mod link;
mod outbox;
mod schedule;

use std::fmt;
use std::io::{self, IsTerminal};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use indicatif::{ProgressBar, ProgressStyle};
use rumqttc::{ConnectReturnCode, QoS};
use thiserror::Error;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use weir_config::{BrokerUrl, InvalidUrl};

use crate::publisher::link::Link;
use crate::publisher::schedule::Schedule;
use crate::{Anomaly, Fleet, FleetSpec, Scenario};

/// What to publish, where and how fast.
#[derive(Clone, Debug)]
pub struct SimulateArgs {
    /// `mqtt://host[:port]`
    pub broker_url: String,
    /// At least 1.
    pub devices: usize,
    /// Messages per second, all devices together. Above 0. Silent devices count
    /// as if they had spoken. Beyond 1,000 per second and device, the times that
    /// messages carry run ahead of the clock, as each device counts milliseconds.
    pub rate: f64,
    pub scenario: Scenario,
    pub anomaly: Option<Anomaly>,
    pub seed: u64,
    /// Until it is stopped when absent.
    pub duration: Option<Duration>,
    /// 0, 1 or 2.
    pub qos: u8,
    /// 1 to 1,000, and no more than devices.
    pub connections: usize,
    /// Show a progress bar, if stderr is a terminal.
    pub progress: bool,
}

/// What became of it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Summary {
    /// Messages, each counted once.
    pub sent: u64,
    /// By PUBACK (QoS 1) or PUBCOMP (QoS 2); 0 for QoS 0.
    pub acknowledged: u64,
    /// Messages that were sent again after a reconnect.
    pub resent: u64,
    /// Connections made again after one was lost or dropped on purpose.
    pub reconnects: u64,
    /// Of payloads, each message counted once.
    pub payload_bytes: u64,
    pub elapsed: Duration,
    /// What was asked for.
    pub qos: u8,
}

/// Why there was nothing to sum up.
#[derive(Debug, Error)]
pub enum SimulateError {
    #[error("the broker's URL {0}")]
    Url(#[from] InvalidUrl),
    #[error("TLS (mqtts://) is not supported here: use mqtt://")]
    Tls,
    #[error("{argument} must be {expected}")]
    Argument {
        argument: &'static str,
        expected: &'static str,
    },
    /// The first connection could not be made. Later losses are mended.
    #[error("cannot connect to {address}: {source}")]
    Connect { address: String, source: io::Error },
    #[error("{address} refuses the connection: {code:?}")]
    Refused {
        address: String,
        code: ConnectReturnCode,
    },
}

/// Publishes until the duration is over or ctrl-c is pressed, then waits a
/// moment for what is still unacknowledged.
pub async fn simulate(args: SimulateArgs) -> Result<Summary, SimulateError> {
    let stop = CancellationToken::new();
    let run = simulate_until(args, stop.clone());
    tokio::pin!(run);
    tokio::select! {
        summary = &mut run => return summary,
        _ = tokio::signal::ctrl_c() => stop.cancel(),
    }
    run.await
}

/// As [`simulate`], stopped by a token instead of ctrl-c.
pub async fn simulate_until(
    args: SimulateArgs,
    stop: CancellationToken,
) -> Result<Summary, SimulateError> {
    let (url, qos) = check(&args)?;
    let fleet = Arc::new(Fleet::new(FleetSpec {
        devices: args.devices,
        seed: args.seed,
        scenario: args.scenario,
        anomaly: args.anomaly,
    }));
    let counters = Arc::new(Counters::default());
    let start = Instant::now();
    let wall = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let connections = args.connections.min(args.devices);
    // Client ids of two simulations at one broker must not meet.
    let run = crate::noise::mix(wall.as_nanos() as u64 ^ u64::from(std::process::id())) as u32;
    let mut links = JoinSet::new();
    for number in 0..connections {
        let link = Link {
            address: (url.host.clone(), url.port),
            client_id: format!("weir-sim-{run:08x}-{number}"),
            fleet: Arc::clone(&fleet),
            first_device: number,
            device_step: connections,
            spoke_ms: vec![-1; (args.devices - number).div_ceil(connections)],
            drops: args.scenario == Scenario::Flaky,
            qos,
            schedule: Schedule::new(
                args.rate / connections as f64,
                args.scenario == Scenario::Burst,
                args.duration,
            ),
            start,
            wall_start_ms: wall.as_millis() as i64,
            counters: Arc::clone(&counters),
            stop: stop.clone(),
        };
        links.spawn(link.run());
    }
    let summary = || counters.summary(start.elapsed(), args.qos);
    let bar = progress_bar(&args);
    let mut tick = interval(Duration::from_millis(100));
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut outcome = Ok(());
    loop {
        tokio::select! {
            joined = links.join_next() => match joined {
                None => break,
                Some(Ok(Ok(()))) => {}
                Some(Ok(Err(error))) => {
                    outcome = outcome.and(Err(error));
                    stop.cancel();
                }
                Some(Err(panic)) => std::panic::resume_unwind(panic.into_panic()),
            },
            _ = tick.tick(), if !bar.is_hidden() => show(&bar, &summary()),
        }
    }
    bar.finish_and_clear();
    outcome.map(|()| summary())
}

fn check(args: &SimulateArgs) -> Result<(BrokerUrl, QoS), SimulateError> {
    let refuse = |argument, expected| Err(SimulateError::Argument { argument, expected });
    let url = BrokerUrl::parse(&args.broker_url)?;
    if url.tls {
        return Err(SimulateError::Tls);
    }
    if args.devices == 0 {
        return refuse("devices", "at least 1");
    }
    if !args.rate.is_finite() || args.rate <= 0.0 {
        return refuse("rate", "above 0 messages per second");
    }
    if !(1..=1_000).contains(&args.connections) {
        return refuse("connections", "1 to 1000");
    }
    match args.qos {
        0 => Ok((url, QoS::AtMostOnce)),
        1 => Ok((url, QoS::AtLeastOnce)),
        2 => Ok((url, QoS::ExactlyOnce)),
        _ => refuse("qos", "0, 1 or 2"),
    }
}

/// What all connections count.
#[derive(Debug, Default)]
struct Counters {
    sent: AtomicU64,
    acknowledged: AtomicU64,
    resent: AtomicU64,
    reconnects: AtomicU64,
    payload_bytes: AtomicU64,
}

impl Counters {
    fn summary(&self, elapsed: Duration, qos: u8) -> Summary {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Summary {
            sent: get(&self.sent),
            acknowledged: get(&self.acknowledged),
            resent: get(&self.resent),
            reconnects: get(&self.reconnects),
            payload_bytes: get(&self.payload_bytes),
            elapsed,
            qos,
        }
    }
}

impl Summary {
    /// Sent, and not acknowledged when the simulation ended.
    pub fn unacknowledged(&self) -> u64 {
        if self.qos == 0 {
            0
        } else {
            self.sent.saturating_sub(self.acknowledged)
        }
    }

    /// Messages per second.
    pub fn rate(&self) -> f64 {
        self.sent as f64 / self.elapsed.as_secs_f64().max(1e-9)
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.elapsed.as_secs_f64();
        write!(
            f,
            "sent {} messages in {seconds:.1} s ({:.0} per second",
            self.sent,
            self.rate()
        )?;
        write!(f, ", {:.1} MB)", self.payload_bytes as f64 / 1e6)?;
        if self.qos > 0 {
            write!(f, "; acknowledged {}", self.acknowledged)?;
            write!(f, ", unacknowledged {}", self.unacknowledged())?;
        }
        if self.reconnects > 0 {
            write!(
                f,
                "; {} reconnects, {} sent again",
                self.reconnects, self.resent
            )?;
        }
        Ok(())
    }
}

fn progress_bar(args: &SimulateArgs) -> ProgressBar {
    if !args.progress || !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = match args.duration {
        Some(duration) => ProgressBar::new(duration.as_millis() as u64),
        None => ProgressBar::no_length(),
    };
    let template = match args.duration {
        Some(_) => "{bar:30} {elapsed_precise} {msg}",
        None => "{spinner} {elapsed_precise} {msg}",
    };
    let style = ProgressStyle::with_template(template).expect("the templates are well formed");
    bar.with_style(style)
}

fn show(bar: &ProgressBar, summary: &Summary) {
    bar.set_position(summary.elapsed.as_millis() as u64);
    let waiting = summary.unacknowledged();
    bar.set_message(format!(
        "{} sent, {:.0}/s, {waiting} waiting for their acknowledgement",
        summary.sent,
        summary.rate()
    ));
}

#[cfg(test)]
mod tests;
