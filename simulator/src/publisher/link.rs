//! One MQTT connection of the simulation: paces, publishes, counts
//! acknowledgements, and connects again when it is lost.

use std::future::pending;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::BytesMut;
use rumqttc::{Connect, ConnectReturnCode, Disconnect, Packet, PingReq, PubRel, QoS};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, sleep_until, timeout, timeout_at};
use tokio_util::sync::CancellationToken;
use tracing::debug;
use weir_retry::Backoff;

use super::outbox::Outbox;
use super::schedule::Schedule;
use super::{Counters, SimulateError};
use crate::noise::unit;
use crate::{Emit, Fleet};

/// How long to wait for acknowledgements after the last message.
const DRAIN: Duration = Duration::from_secs(5);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const KEEP_ALIVE: Duration = Duration::from_secs(30);
/// A broker that sends nothing for so long, although it was pinged, is lost.
const SILENCE: Duration = Duration::from_secs(45);
const FIRST_BACKOFF: Duration = Duration::from_millis(100);
const MAX_BACKOFF: Duration = Duration::from_secs(5);
/// In the flaky scenario a connection is dropped this often, plus or minus a third.
const DROP_EVERY: Duration = Duration::from_secs(15);
/// A message that is sent later than this after it was due carries the later time.
const BEHIND_S: f64 = 0.05;
/// Bytes that may wait to be written; at this size no further messages are made.
const MAX_OUTBOUND: usize = 256 * 1024;
/// No packet that a broker sends to a publisher is longer.
const MAX_INBOUND: usize = 1024;

/// A connection and the devices that it serves.
pub(crate) struct Link {
    pub(crate) address: (String, u16),
    pub(crate) client_id: String,
    pub(crate) fleet: Arc<Fleet>,
    /// Serves this device and every `device_step`-th after it.
    pub(crate) first_device: usize,
    pub(crate) device_step: usize,
    /// By device of this connection: the time of its last message.
    pub(crate) spoke_ms: Vec<i64>,
    /// Drops its connection from time to time.
    pub(crate) drops: bool,
    pub(crate) qos: QoS,
    pub(crate) schedule: Schedule,
    pub(crate) start: Instant,
    /// Milliseconds since the epoch at `start`.
    pub(crate) wall_start_ms: i64,
    pub(crate) counters: Arc<Counters>,
    pub(crate) stop: CancellationToken,
}

/// How the service of a connection ended.
enum Ending {
    /// Everything is sent, and acknowledged or given up.
    Done,
    Lost(io::Error),
    /// On purpose.
    Dropped,
}

impl Link {
    pub(crate) async fn run(mut self) -> Result<(), SimulateError> {
        let mut outbox = Outbox::new(self.qos);
        let mut deadline = None;
        let mut backoff = Backoff::new(FIRST_BACKOFF, MAX_BACKOFF);
        let mut connected = false;
        loop {
            match self.connect().await {
                Ok(stream) => {
                    if connected {
                        add(&self.counters.reconnects, 1);
                    }
                    connected = true;
                    backoff.reset();
                    match self.serve(stream, &mut outbox, &mut deadline).await {
                        Ending::Done => return Ok(()),
                        Ending::Lost(error) => {
                            debug!(client_id = self.client_id, %error, "connection lost");
                        }
                        Ending::Dropped => {}
                    }
                }
                Err(error @ SimulateError::Connect { .. }) if connected => {
                    debug!(client_id = self.client_id, %error, "no connection");
                }
                Err(error) => return Err(error),
            }
            if self.is_over(&mut deadline) && outbox.is_empty() {
                return Ok(());
            }
            tokio::select! {
                () = sleep(backoff.delay()) => {}
                () = until(deadline) => return Ok(()),
                () = self.stop.cancelled(), if deadline.is_none() => {}
            }
        }
    }

    async fn connect(&self) -> Result<TcpStream, SimulateError> {
        let address = || format!("{}:{}", self.address.0, self.address.1);
        let handshake = async {
            let mut stream = TcpStream::connect((&*self.address.0, self.address.1)).await?;
            stream.set_nodelay(true)?;
            let mut connect = Connect::new(&self.client_id);
            connect.keep_alive = KEEP_ALIVE.as_secs() as u16;
            let mut buffer = BytesMut::new();
            connect.write(&mut buffer).map_err(io::Error::other)?;
            stream.write_all(&buffer).await?;
            buffer.clear();
            loop {
                if stream.read_buf(&mut buffer).await? == 0 {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                match read_packet(&mut buffer)? {
                    Some(Packet::ConnAck(ack)) => return Ok((stream, ack.code)),
                    Some(_) => return Err(io::ErrorKind::InvalidData.into()),
                    None => {}
                }
            }
        };
        let result = timeout(CONNECT_TIMEOUT, handshake).await;
        match result.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())) {
            Ok((stream, ConnectReturnCode::Success)) => Ok(stream),
            Ok((_, code)) => Err(SimulateError::Refused {
                address: address(),
                code,
            }),
            Err(source) => Err(SimulateError::Connect {
                address: address(),
                source,
            }),
        }
    }

    async fn serve(
        &mut self,
        mut stream: TcpStream,
        outbox: &mut Outbox,
        deadline: &mut Option<Instant>,
    ) -> Ending {
        let (mut reader, mut writer) = stream.split();
        let (mut inbound, mut outbound) = (BytesMut::new(), BytesMut::new());
        let mut payload = String::new();
        add(
            &self.counters.resent,
            outbox.send_again(&mut outbound) as u64,
        );
        let mut heard = Instant::now();
        let mut ping = heard + KEEP_ALIVE / 2;
        let drop_at = self.drop_at(heard);
        loop {
            let over = self.is_over(deadline);
            if !over {
                self.publish_due(outbox, &mut payload, &mut outbound);
            } else if outbox.is_empty() && outbound.is_empty() {
                return disconnect(&mut writer).await;
            }
            let blocked = over || outbox.room() < 2 || outbound.len() >= MAX_OUTBOUND;
            let due = if blocked { None } else { self.due() };
            let give_up = self.instant(self.schedule.give_up_s()).filter(|_| !over);
            tokio::select! {
                read = reader.read_buf(&mut inbound) => match read {
                    Ok(0) => return Ending::Lost(io::ErrorKind::UnexpectedEof.into()),
                    Ok(_) => {
                        heard = Instant::now();
                        if let Err(error) = self.acknowledged(outbox, &mut inbound, &mut outbound) {
                            return Ending::Lost(error);
                        }
                    }
                    Err(error) => return Ending::Lost(error),
                },
                written = writer.write_buf(&mut outbound), if !outbound.is_empty() => {
                    if let Err(error) = written {
                        return Ending::Lost(error);
                    }
                }
                () = until(due) => {}
                () = until(give_up) => {}
                () = self.stop.cancelled(), if deadline.is_none() => {}
                () = until(*deadline) => return disconnect(&mut writer).await,
                () = until(drop_at) => return Ending::Dropped,
                () = sleep_until(heard + SILENCE) => {
                    return Ending::Lost(io::ErrorKind::TimedOut.into());
                }
                () = sleep_until(ping) => {
                    ping = Instant::now() + KEEP_ALIVE / 2;
                    PingReq.write(&mut outbound).expect("two bytes fit");
                }
            }
        }
    }

    /// Writes every message that is due, as far as there is room.
    fn publish_due(&mut self, outbox: &mut Outbox, payload: &mut String, out: &mut BytesMut) {
        let now_s = self.start.elapsed().as_secs_f64();
        // A device that repeats itself needs two places.
        while outbox.room() >= 2 && out.len() < MAX_OUTBOUND {
            let Some((n, due_s)) = self.schedule.take(now_s) else {
                return;
            };
            let turn = (n % self.spoke_ms.len() as u64) as usize;
            let device = self.first_device + turn * self.device_step;
            let elapsed_ms = self.stamp_ms(turn, due_s, now_s);
            let now_ms = self.wall_start_ms + elapsed_ms;
            let times = match self.fleet.event(device, now_ms, elapsed_ms, payload) {
                Emit::Silent => 0,
                Emit::Publish => 1,
                Emit::PublishTwice => 2,
            };
            for _ in 0..times {
                outbox.send(self.fleet.topic(device), payload, out);
            }
            add(&self.counters.sent, times);
            add(&self.counters.payload_bytes, times * payload.len() as u64);
        }
    }

    /// The time of a device's next message, in milliseconds since the start: when
    /// it was due, or now if the connection has fallen behind, and never that of
    /// the message before: two readings at one time would be one reading.
    fn stamp_ms(&mut self, turn: usize, due_s: f64, now_s: f64) -> i64 {
        let time_s = if now_s - due_s > BEHIND_S {
            now_s
        } else {
            due_s
        };
        let spoke_ms = &mut self.spoke_ms[turn];
        *spoke_ms = ((time_s * 1_000.0) as i64).max(*spoke_ms + 1);
        *spoke_ms
    }

    /// Takes what the broker said.
    fn acknowledged(
        &self,
        outbox: &mut Outbox,
        inbound: &mut BytesMut,
        outbound: &mut BytesMut,
    ) -> io::Result<()> {
        let mut acknowledged = 0;
        while let Some(packet) = read_packet(inbound)? {
            let packet_id = match packet {
                Packet::PubAck(ack) => ack.pkid,
                Packet::PubComp(complete) => complete.pkid,
                Packet::PubRec(received) => {
                    PubRel::new(received.pkid)
                        .write(outbound)
                        .map_err(io::Error::other)?;
                    continue;
                }
                _ => continue,
            };
            acknowledged += u64::from(outbox.acknowledge(packet_id));
        }
        add(&self.counters.acknowledged, acknowledged);
        Ok(())
    }

    /// Whether nothing new is to be sent; from then on the deadline stands.
    fn is_over(&self, deadline: &mut Option<Instant>) -> bool {
        let over = self.stop.is_cancelled()
            || self.schedule.due_s().is_none()
            || self.start.elapsed().as_secs_f64() >= self.schedule.give_up_s();
        if over {
            deadline.get_or_insert_with(|| Instant::now() + DRAIN);
        }
        over
    }

    fn due(&self) -> Option<Instant> {
        self.instant(self.schedule.due_s()?)
    }

    /// `None` for a century ahead (a tiny rate, no end): it is as good as never.
    fn instant(&self, since_start_s: f64) -> Option<Instant> {
        (since_start_s < 3e9).then(|| self.start + Duration::from_secs_f64(since_start_s))
    }

    fn drop_at(&self, now: Instant) -> Option<Instant> {
        let jitter = 1.0 + 0.3 * unit(self.first_device as u64 ^ self.start.elapsed().as_secs());
        self.drops.then(|| now + DROP_EVERY.mul_f64(jitter))
    }
}

async fn disconnect(writer: &mut (impl AsyncWriteExt + Unpin)) -> Ending {
    let mut bytes = BytesMut::new();
    Disconnect.write(&mut bytes).expect("two bytes fit");
    // Only a courtesy: everything that counts is acknowledged or given up.
    let _ = timeout_at(
        Instant::now() + Duration::from_secs(1),
        writer.write_all(&bytes),
    )
    .await;
    Ending::Done
}

/// The next whole packet, if there is one.
fn read_packet(buffer: &mut BytesMut) -> io::Result<Option<Packet>> {
    match Packet::read(buffer, MAX_INBOUND) {
        Ok(packet) => Ok(Some(packet)),
        Err(rumqttc::Error::InsufficientBytes(_)) => Ok(None),
        Err(error) => Err(io::Error::new(io::ErrorKind::InvalidData, error)),
    }
}

async fn until(instant: Option<Instant>) {
    match instant {
        Some(instant) => sleep_until(instant).await,
        None => pending().await,
    }
}

fn add(counter: &AtomicU64, n: u64) {
    counter.fetch_add(n, Ordering::Relaxed);
}
