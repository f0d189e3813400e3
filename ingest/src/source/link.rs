//! One MQTT 3.1.1 connection, over rumqttc's transport and codec.
//!
//! rumqttc's `poll` connects; after that packets are read from and written to its
//! public `network`, and its state machine is not used. That machine delivers
//! publishes of a dead connection after the next CONNACK, keeps a `collision` that
//! no reconnect clears, flushes once per acknowledgement, copies every incoming
//! packet, and stops answering pings when it is not polled. This module adds what
//! is missing without it: keep-alive, and that no packet outlives its connection.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use rumqttc::{ConnAck, ConnectionError, Event, EventLoop, Packet, StateError};
use thiserror::Error;
use tokio::time::{Instant, timeout};
use weir_config::Source;

use super::options::{self, Identity, SourceError};

/// TCP, TLS and CONNACK together.
const CONNECT_TIMEOUT_S: u64 = 10;
/// How long the broker may leave our bytes unread.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a DISCONNECT may take.
const DISCONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// Why there is no connection.
#[derive(Debug, Error)]
pub(crate) enum LinkError {
    #[error(transparent)]
    Setup(#[from] SourceError),
    #[error(transparent)]
    Connect(Box<ConnectionError>),
    #[error(transparent)]
    Protocol(#[from] StateError),
    #[error("the broker has been silent for longer than the keep-alive of {keep_alive:?}")]
    Silent { keep_alive: Duration },
    #[error("the broker has read nothing for {WRITE_TIMEOUT:?}")]
    WriteTimeout,
    #[error("the broker sent a packet that only clients send, or an unexpected answer")]
    Unexpected,
}

/// See the module.
pub(crate) struct Link {
    config: Arc<Source>,
    identity: Identity,
    events: EventLoop,
    keep_alive: Duration,
    last_heard: Instant,
}

impl Link {
    /// Reads the files that the configuration names, to find errors early. Does not
    /// connect.
    pub(crate) fn new(config: Arc<Source>, identity: Identity) -> Result<Self, SourceError> {
        let options = options::mqtt_options(&config, &identity)?;
        let mut events = EventLoop::new(options, 1);
        events.network_options.set_tcp_nodelay(true);
        events
            .network_options
            .set_connection_timeout(CONNECT_TIMEOUT_S);
        let keep_alive = options::keep_alive(&config);
        Ok(Self {
            config,
            identity,
            events,
            keep_alive,
            last_heard: Instant::now(),
        })
    }

    pub(crate) fn client_id(&self) -> &str {
        &self.identity.client_id
    }

    /// Half the keep-alive: a lost peer is detected within one and a half of them.
    pub(crate) fn ping_interval(&self) -> Duration {
        self.keep_alive / 2
    }

    /// Replaces the connection with a new one. Can be cancelled.
    pub(crate) async fn connect(&mut self) -> Result<ConnAck, LinkError> {
        self.hang_up();
        let (config, identity) = (self.config.clone(), self.identity.clone());
        self.events.mqtt_options =
            weir_blocking::blocking(move || options::mqtt_options(&config, &identity)).await?;
        loop {
            match self.events.poll().await {
                Ok(Event::Incoming(Packet::ConnAck(connack))) => {
                    self.last_heard = Instant::now();
                    return Ok(connack);
                }
                // Impossible without a network; ignored if it happens.
                Ok(_) => {}
                Err(error) => return Err(LinkError::Connect(Box::new(error))),
            }
        }
    }

    /// Drops the connection and everything received over it.
    pub(crate) fn hang_up(&mut self) {
        self.events.clean();
        self.events.pending.clear();
        self.events.state.events.clear();
        self.events.state.collision = None;
    }

    /// The next packet. Can be cancelled without losing one.
    pub(crate) async fn read(&mut self) -> Result<Packet, LinkError> {
        let network = self
            .events
            .network
            .as_mut()
            .ok_or(StateError::ConnectionAborted)?;
        Ok(network.read().await?)
    }

    /// The next packet if it has arrived already.
    pub(crate) async fn read_ready(&mut self) -> Option<Result<Packet, LinkError>> {
        let mut read = pin!(self.read());
        poll_fn(|context| match read.as_mut().poll(context) {
            Poll::Ready(packet) => Poll::Ready(Some(packet)),
            Poll::Pending => Poll::Ready(None),
        })
        .await
    }

    /// Notes that the broker has just sent something.
    pub(crate) fn heard(&mut self) {
        self.last_heard = Instant::now();
    }

    /// Writes packets and flushes once.
    pub(crate) async fn send(
        &mut self,
        packets: impl Iterator<Item = Packet>,
    ) -> Result<(), LinkError> {
        let network = self
            .events
            .network
            .as_mut()
            .ok_or(StateError::ConnectionAborted)?;
        let write = async {
            for packet in packets {
                network.write(packet).await?;
            }
            network.flush().await
        };
        // A broker may stop reading until this side reads: without a limit that is a
        // deadlock.
        Ok(timeout(WRITE_TIMEOUT, write)
            .await
            .map_err(|_| LinkError::WriteTimeout)??)
    }

    /// Call it every [`Link::ping_interval`]. `listening`: packets were read since the
    /// last call. Without that the broker is not silent, and the pings keep the
    /// connection open until there is room again.
    pub(crate) async fn keep_alive(&mut self, listening: bool) -> Result<(), LinkError> {
        if !listening {
            self.heard();
        } else if self.last_heard.elapsed() >= self.keep_alive {
            return Err(LinkError::Silent {
                keep_alive: self.keep_alive,
            });
        }
        self.send(std::iter::once(Packet::PingReq)).await
    }

    /// Sends DISCONNECT and drops the connection. Incoming packets are read and
    /// discarded: closing with unread bytes would reset the connection and drop
    /// acknowledgements that the broker has not read.
    pub(crate) async fn disconnect(&mut self) {
        let disconnect = async {
            if self.send(std::iter::once(Packet::Disconnect)).await.is_ok() {
                while self.read().await.is_ok() {}
            }
        };
        // In time or not, the connection ends here.
        let _ = timeout(DISCONNECT_TIMEOUT, disconnect).await;
        self.hang_up();
    }
}
