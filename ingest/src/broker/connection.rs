//! One connection as mqtt5 sees it: whether it may connect, publish and subscribe,
//! and what happens to a publish.
//!
//! mqtt5 calls one object per connection, so a publish always finds the gate that
//! holds its acknowledgement.

mod callbacks;

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, Waker, ready};

use bytes::{Bytes, BytesMut};
use mqtt5::QoS;
use mqtt5::broker::{ClientPublishEvent, PublishAction};
use mqtt5::packet::publish::PublishPacket;
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;
use tracing::error;
use weir_auth::Identity;
use weir_journal::{AppendError, CommitListener};
use weir_model::Timestamp;

use super::ack_gate::{AckGate, CommitWaker, PendingPublish};
use super::client_ids::ClientIdLease;
use super::session_registry::SessionGuard;
use super::shared::Shared;

/// Retained messages in all.
const MAX_RETAINED: usize = 10_000;
/// Bytes of one retained message; larger ones are routed, not retained.
const MAX_RETAINED_BYTES: usize = 64 * 1024;

type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

pub(super) struct Connection {
    pub(super) shared: Arc<Shared>,
    pub(super) peer: SocketAddr,
    pub(super) commits: Arc<CommitWaker>,
    /// Of the client certificate that TLS verified.
    common_name: Option<String>,
    /// From CONNECT on.
    identity: OnceLock<Identity>,
    client_id: OnceLock<ClientIdLease>,
    session: OnceLock<SessionGuard>,
    /// The rights of its identity have ended.
    revoked: CancellationToken,
    listener: Arc<dyn CommitListener>,
    state: Mutex<State>,
    is_mqtt5: AtomicBool,
    is_established: AtomicBool,
}

#[derive(Default)]
struct State {
    acks: AckGate,
    /// Resolves when an append that was refused is worth another try.
    room: Option<BoxFuture<'static, ()>>,
    /// Published when the connection ends without a DISCONNECT.
    will: Option<PendingPublish>,
    /// What the gauges count for this connection.
    counted_uncommitted: usize,
    counted_held_bytes: usize,
}

impl Connection {
    pub(super) fn new(
        shared: Arc<Shared>,
        peer: SocketAddr,
        common_name: Option<String>,
    ) -> Arc<Self> {
        let commits = Arc::<CommitWaker>::default();
        Arc::new(Self {
            shared,
            peer,
            listener: commits.clone(),
            commits,
            common_name,
            identity: OnceLock::new(),
            client_id: OnceLock::new(),
            session: OnceLock::new(),
            revoked: CancellationToken::new(),
            state: Mutex::default(),
            is_mqtt5: AtomicBool::new(false),
            is_established: AtomicBool::new(false),
        })
    }

    pub(super) fn common_name(&self) -> Option<&str> {
        self.common_name.as_deref()
    }

    pub(super) fn identity(&self) -> Option<&Identity> {
        self.identity.get()
    }

    /// Once: a connection has one CONNECT.
    pub(super) fn set_identity(&self, identity: Identity) {
        let _ = self.identity.set(identity);
    }

    pub(super) fn keep_lease(&self, lease: ClientIdLease) {
        let _ = self.client_id.set(lease);
    }

    /// Once: from now on the end of this identity's rights ends the connection.
    pub(super) fn register_session(&self, identity: &Identity) {
        let sessions = &self.shared.sessions;
        let guard = sessions.register(identity.clone(), self.revoked.clone());
        let _ = self.session.set(guard);
    }

    pub(super) fn revoked(&self) -> &CancellationToken {
        &self.revoked
    }

    pub(super) fn is_mqtt5(&self) -> bool {
        self.is_mqtt5.load(Ordering::Relaxed)
    }

    /// Whether CONNECT was accepted.
    pub(super) fn is_established(&self) -> bool {
        self.is_established.load(Ordering::Relaxed)
    }

    /// Appends the pending publishes. Pending while the journal has no room.
    pub(super) fn poll_append(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut state = self.state.lock();
        if !state.acks.has_pending() {
            return Poll::Ready(Ok(()));
        }
        loop {
            if self.commits.has_failed() {
                return Poll::Ready(Err(journal_failed()));
            }
            let was_waiting = state.room.is_some();
            if let Some(room) = &mut state.room {
                ready!(room.as_mut().poll(cx));
                state.room = None;
            }
            let client = self.identity().map_or("", Identity::name);
            match state
                .acks
                .append(&*self.shared.journal, client, &self.listener)
            {
                Ok(messages) => {
                    self.shared
                        .counters
                        .received
                        .fetch_add(messages as u64, Ordering::Relaxed);
                    self.update_gauges(&mut state);
                    return Poll::Ready(Ok(()));
                }
                Err(AppendError::Failed(error)) => {
                    if let Some(suppressed) = self.shared.failure_log.admit() {
                        error!(peer = %self.peer, %error, suppressed, "closing connections: nothing can be acknowledged");
                    }
                    self.commits.fail();
                }
                Err(AppendError::Full { .. } | AppendError::Busy { .. }) => {
                    let journal = self.shared.journal.clone();
                    state.room = Some(Box::pin(async move { journal.room().await }));
                    if was_waiting {
                        // The room is taken already: let other tasks run first.
                        cx.waker().wake_by_ref();
                        return Poll::Pending;
                    }
                }
            }
        }
    }

    /// The connection has ended and the journal has no room: drops what its sender
    /// sends again.
    pub(super) fn discard_resendable(&self) {
        self.state.lock().acks.discard_resendable();
    }

    /// Accepts an acknowledgement from mqtt5: it goes to `out` when nothing before it
    /// waits for a commit.
    pub(super) fn acknowledge(&self, packet: &[u8], out: &mut BytesMut) {
        let mut state = self.state.lock();
        if state.acks.is_settled() {
            out.extend_from_slice(packet);
        } else {
            state.acks.hold(packet);
        }
    }

    /// Moves the acknowledgements that are due to `out`, and registers `waker` for
    /// the next commit if others wait. Never after a failure.
    pub(super) fn release(&self, waker: &Waker, out: &mut BytesMut) -> io::Result<Waiting> {
        let mut state = self.state.lock();
        let mut is_registered = false;
        loop {
            if self.commits.has_failed() {
                return Err(journal_failed());
            }
            state.acks.settle(self.commits.committed());
            if is_registered || state.acks.uncommitted() == 0 {
                break;
            }
            self.commits.register(waker);
            is_registered = true;
        }
        state.acks.release(out);
        self.update_gauges(&mut state);
        Ok(Waiting {
            publishes: state.acks.uncommitted(),
            held_bytes: state.acks.held_bytes(),
            is_settled: state.acks.is_settled(),
        })
    }

    fn update_gauges(&self, state: &mut State) {
        let counters = &self.shared.counters;
        let (uncommitted, held) = (state.acks.uncommitted(), state.acks.held_bytes());
        counters
            .uncommitted
            .change(state.counted_uncommitted, uncommitted);
        counters.held_bytes.change(state.counted_held_bytes, held);
        (state.counted_uncommitted, state.counted_held_bytes) = (uncommitted, held);
    }

    /// Adds a publish; true when the pending publishes must be appended now.
    fn add(&self, topic: Arc<str>, payload: Bytes, qos: QoS) -> bool {
        let mut state = self.state.lock();
        let received = state.acks.pending_since().unwrap_or_else(Timestamp::now);
        state.acks.push(PendingPublish {
            received,
            topic,
            payload,
            qos: qos as u8,
            is_resent: qos != QoS::AtMostOnce,
        });
        let max_inflight = self.shared.max_inflight;
        if state.acks.must_append(max_inflight) {
            state.acks.settle(self.commits.committed());
        }
        state.acks.must_append(max_inflight)
    }

    /// Appends the pending publishes and waits until fewer than `max_inflight`
    /// publishes wait for their commit. Gives up when the broker closes:
    /// [`finish`](super::transport::finish) appends the rest.
    async fn append_now(&self) {
        let appended = async {
            poll_fn(|cx| self.poll_append(cx)).await?;
            poll_fn(|cx| self.poll_window(cx)).await
        };
        tokio::select! {
            // After a failure the transport returns an error to mqtt5.
            _ = appended => {}
            () = self.shared.closing.cancelled() => {}
        }
    }

    fn poll_window(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.commits.register(cx.waker());
        if self.commits.has_failed() {
            return Poll::Ready(Err(journal_failed()));
        }
        let mut state = self.state.lock();
        state.acks.settle(self.commits.committed());
        self.update_gauges(&mut state);
        if state.acks.uncommitted() >= self.shared.max_inflight {
            return Poll::Pending;
        }
        Poll::Ready(Ok(()))
    }

    async fn may_retain(&self, topic: &str, payload_bytes: usize) -> bool {
        payload_bytes <= MAX_RETAINED_BYTES
            && (payload_bytes == 0
                || self.shared.router.retained_count().await < MAX_RETAINED
                || self.shared.router.has_retained_message(topic).await)
    }

    /// Routes without waiting for a slow subscriber: what does not fit into its lane
    /// goes to its queue, which drops the oldest.
    async fn route(&self, event: &ClientPublishEvent, retain: bool) {
        let mut publish =
            PublishPacket::new(event.topic.to_string(), event.payload.clone(), event.qos);
        publish.retain = retain;
        self.shared.route(&publish, Some(&event.client_id)).await;
    }

    async fn publish(&self, event: ClientPublishEvent) -> PublishAction {
        let is_accepted = self.shared.topics.accepts(&event.topic);
        let must_append =
            is_accepted && self.add(event.topic.clone(), event.payload.clone(), event.qos);
        let is_routed = !is_accepted || event.retain || self.shared.telemetry_subscribers.any();
        if !is_routed {
            if must_append {
                self.append_now().await;
            }
            return PublishAction::Handled;
        }
        let may_retain = !event.retain || self.may_retain(&event.topic, event.payload.len()).await;
        let by_mqtt5 = may_retain && (self.is_mqtt5() || event.qos == QoS::ExactlyOnce);
        if must_append || by_mqtt5 {
            self.append_now().await;
        }
        if by_mqtt5 {
            // mqtt5 keeps the properties of MQTT 5 and routes QoS 2 once, at PUBREL.
            return PublishAction::Continue;
        }
        self.route(&event, event.retain && may_retain).await;
        PublishAction::Handled
    }
}

/// What a connection waits for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Waiting {
    pub(super) publishes: usize,
    pub(super) held_bytes: usize,
    pub(super) is_settled: bool,
}

impl Drop for Connection {
    fn drop(&mut self) {
        let state = self.state.get_mut();
        let counters = &self.shared.counters;
        counters.uncommitted.change(state.counted_uncommitted, 0);
        counters.held_bytes.change(state.counted_held_bytes, 0);
    }
}

fn journal_failed() -> io::Error {
    io::Error::other("the journal has failed")
}
