//! One connection as mqtt5 sees it: who may connect, what may be published,
//! and what happens to a publish.
//!
//! Each connection has an object of its own that mqtt5 calls, so a publish
//! always knows the gate that holds back its acknowledgement.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, Waker, ready};

use bytes::{Bytes, BytesMut};
use mqtt5::QoS;
use mqtt5::broker::{
    AuthProvider, AuthResult, BrokerEventHandler, ClientConnectEvent, ClientDisconnectEvent,
    ClientPublishEvent, PublishAction,
};
use mqtt5::packet::connect::ConnectPacket;
use mqtt5::packet::publish::PublishPacket;
use mqtt5::types::ReasonCode;
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;
use tracing::error;
use weir_auth::Identity;
use weir_journal::{AppendError, CommitListener};

use super::claims::Claim;
use super::gate::{Gate, Ledger, Stashed};
use super::login::now;
use super::roster::Seat;
use super::shared::Shared;

/// Retained messages in all.
const MAX_RETAINED: usize = 10_000;
/// Bytes of one retained message; larger ones are routed, not retained.
const MAX_RETAINED_BYTES: usize = 64 * 1024;

type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

pub(super) struct Connection {
    pub(super) shared: Arc<Shared>,
    pub(super) peer: SocketAddr,
    pub(super) gate: Arc<Gate>,
    /// Of the client certificate that TLS has verified.
    common_name: Option<String>,
    /// From CONNECT on.
    identity: OnceLock<Identity>,
    claim: OnceLock<Claim>,
    seat: OnceLock<Seat>,
    /// Its identity's rights have ended.
    revoked: CancellationToken,
    listener: Arc<dyn CommitListener>,
    books: Mutex<Books>,
    is_mqtt5: AtomicBool,
    is_established: AtomicBool,
}

#[derive(Default)]
struct Books {
    ledger: Ledger,
    /// Resolves when an append that was refused is worth another try.
    room: Option<BoxFuture<'static, ()>>,
    /// Published when the connection ends without a DISCONNECT.
    will: Option<Stashed>,
    /// What the gauges were last told of this connection.
    told_uncommitted: usize,
    told_held_bytes: usize,
}

impl Connection {
    pub(super) fn new(
        shared: Arc<Shared>,
        peer: SocketAddr,
        common_name: Option<String>,
    ) -> Arc<Self> {
        let gate = Arc::<Gate>::default();
        Arc::new(Self {
            shared,
            peer,
            listener: gate.clone(),
            gate,
            common_name,
            identity: OnceLock::new(),
            claim: OnceLock::new(),
            seat: OnceLock::new(),
            revoked: CancellationToken::new(),
            books: Mutex::default(),
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

    pub(super) fn hold_claim(&self, claim: Claim) {
        let _ = self.claim.set(claim);
    }

    /// Once: from now on the end of this identity's rights ends the connection.
    pub(super) fn take_seat(&self, identity: &Identity) {
        let roster = &self.shared.roster;
        let _ = self
            .seat
            .set(roster.sit(identity.clone(), self.revoked.clone()));
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

    /// Appends what was stashed. Pending while the journal has no room.
    pub(super) fn poll_append(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut books = self.books.lock();
        if !books.ledger.has_stash() {
            return Poll::Ready(Ok(()));
        }
        loop {
            if self.gate.has_failed() {
                return Poll::Ready(Err(journal_failed()));
            }
            let was_waiting = books.room.is_some();
            if let Some(room) = &mut books.room {
                ready!(room.as_mut().poll(cx));
                books.room = None;
            }
            let client = self.identity().map_or("", Identity::name);
            match books
                .ledger
                .append(&*self.shared.journal, client, &self.listener)
            {
                Ok(messages) => {
                    self.shared
                        .counters
                        .received
                        .fetch_add(messages as u64, Ordering::Relaxed);
                    self.tell_gauges(&mut books);
                    return Poll::Ready(Ok(()));
                }
                Err(AppendError::Failed(error)) => {
                    if let Some(suppressed) = self.shared.failure_log.admit() {
                        error!(peer = %self.peer, %error, suppressed, "closing connections: nothing can be acknowledged");
                    }
                    self.gate.fail();
                }
                Err(AppendError::Full { .. } | AppendError::Busy { .. }) => {
                    let journal = self.shared.journal.clone();
                    books.room = Some(Box::pin(async move { journal.room().await }));
                    if was_waiting {
                        // There was room and it is gone: let others run first.
                        cx.waker().wake_by_ref();
                        return Poll::Pending;
                    }
                }
            }
        }
    }

    /// The connection is over and the journal has no room: forgets what its
    /// sender will send again.
    pub(super) fn forget_repeated(&self) {
        self.books.lock().ledger.forget_repeated();
    }

    /// Takes an acknowledgement that mqtt5 has written: to `out` when nothing
    /// before it waits for its commit.
    pub(super) fn acknowledge(&self, packet: &[u8], out: &mut BytesMut) {
        let mut books = self.books.lock();
        if books.ledger.is_settled() {
            out.extend_from_slice(packet);
        } else {
            books.ledger.hold(packet);
        }
    }

    /// Moves the acknowledgements that are due to `out`, and has `waker` woken
    /// at the next commit if there is more to come. Never after a failure.
    pub(super) fn release(&self, waker: &Waker, out: &mut BytesMut) -> io::Result<Waiting> {
        let mut books = self.books.lock();
        let mut is_registered = false;
        loop {
            if self.gate.has_failed() {
                return Err(journal_failed());
            }
            books.ledger.settle(self.gate.committed());
            if is_registered || books.ledger.uncommitted() == 0 {
                break;
            }
            self.gate.register(waker);
            is_registered = true;
        }
        books.ledger.release(out);
        self.tell_gauges(&mut books);
        Ok(Waiting {
            publishes: books.ledger.uncommitted(),
            held_bytes: books.ledger.held_bytes(),
            is_settled: books.ledger.is_settled(),
        })
    }

    fn tell_gauges(&self, books: &mut Books) {
        let counters = &self.shared.counters;
        let (uncommitted, held) = (books.ledger.uncommitted(), books.ledger.held_bytes());
        counters
            .uncommitted
            .change(books.told_uncommitted, uncommitted);
        counters.held_bytes.change(books.told_held_bytes, held);
        (books.told_uncommitted, books.told_held_bytes) = (uncommitted, held);
    }

    /// Stashes a publish; true when the stash should be appended now.
    fn take(&self, topic: Arc<str>, payload: Bytes, qos: QoS) -> bool {
        let mut books = self.books.lock();
        let received = books.ledger.stash_time().unwrap_or_else(now);
        books.ledger.stash(Stashed {
            received,
            topic,
            payload,
            qos: qos as u8,
            is_repeated: qos != QoS::AtMostOnce,
        });
        let max_inflight = self.shared.max_inflight;
        if books.ledger.is_stash_full(max_inflight) {
            books.ledger.settle(self.gate.committed());
        }
        books.ledger.is_stash_full(max_inflight)
    }

    /// Appends the stash and waits until fewer than `max_inflight` publishes
    /// wait for their commit. Gives up when the broker closes: what is left
    /// then is appended by [`finish`](super::transport::finish).
    async fn append_now(&self) {
        let appended = async {
            poll_fn(|cx| self.poll_append(cx)).await?;
            poll_fn(|cx| self.poll_window(cx)).await
        };
        tokio::select! {
            // A failure has closed the gate: the transport will tell mqtt5.
            _ = appended => {}
            () = self.shared.closing.cancelled() => {}
        }
    }

    fn poll_window(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.gate.register(cx.waker());
        if self.gate.has_failed() {
            return Poll::Ready(Err(journal_failed()));
        }
        let mut books = self.books.lock();
        books.ledger.settle(self.gate.committed());
        self.tell_gauges(&mut books);
        match books.ledger.uncommitted() < self.shared.max_inflight {
            true => Poll::Ready(Ok(())),
            false => Poll::Pending,
        }
    }

    async fn may_retain(&self, topic: &str, payload_bytes: usize) -> bool {
        payload_bytes <= MAX_RETAINED_BYTES
            && (payload_bytes == 0
                || self.shared.router.retained_count().await < MAX_RETAINED
                || self.shared.router.has_retained_message(topic).await)
    }

    /// Routes without ever waiting for a slow subscriber: what does not fit in
    /// its lane goes to its queue, which drops its oldest.
    async fn route(&self, event: &ClientPublishEvent, retain: bool) {
        let mut publish =
            PublishPacket::new(event.topic.to_string(), event.payload.clone(), event.qos);
        publish.retain = retain;
        self.shared.route(&publish, Some(&event.client_id)).await;
    }

    async fn publish(&self, event: ClientPublishEvent) -> PublishAction {
        let is_taken = self.shared.intake.takes(&event.topic);
        let mut must_append = false;
        if is_taken {
            must_append = self.take(event.topic.clone(), event.payload.clone(), event.qos);
        }
        let is_routed = !is_taken || event.retain || self.shared.interest.exists();
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
            // It keeps the properties of MQTT 5 and routes QoS 2 once, at PUBREL.
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
        let books = self.books.get_mut();
        let counters = &self.shared.counters;
        counters.uncommitted.change(books.told_uncommitted, 0);
        counters.held_bytes.change(books.told_held_bytes, 0);
    }
}

impl AuthProvider for Connection {
    fn authenticate<'a>(
        &'a self,
        connect: &'a ConnectPacket,
        _peer: SocketAddr,
    ) -> BoxFuture<'a, mqtt5::Result<AuthResult>> {
        self.is_mqtt5
            .store(connect.protocol_version == 5, Ordering::Relaxed);
        Box::pin(async move {
            if let Some(will) = &connect.will
                && will.retain
                && !self.may_retain(&will.topic, will.payload.len()).await
            {
                return Ok(AuthResult::fail(ReasonCode::QuotaExceeded));
            }
            let outlives = match connect.protocol_version {
                5 => {
                    connect
                        .properties
                        .get_session_expiry_interval()
                        .unwrap_or(0)
                        > 0
                }
                _ => !connect.clean_start,
            };
            if outlives && !self.shared.has_room_for_session(&connect.client_id).await {
                return Ok(AuthResult::fail(ReasonCode::QuotaExceeded));
            }
            if let Err(refusal) = self.login(connect).await {
                return Ok(refusal);
            }
            Ok(match self.identity().map(Identity::name) {
                None | Some("") => AuthResult::success(),
                Some(name) => AuthResult::success_with_user(name),
            })
        })
    }

    fn authorize_publish<'a>(
        &'a self,
        client_id: &str,
        _user_id: Option<&'a str>,
        topic: &'a str,
    ) -> BoxFuture<'a, bool> {
        let allowed = self.may_publish(topic);
        if !allowed {
            self.refuse_publish(client_id, topic);
        }
        Box::pin(std::future::ready(allowed))
    }

    fn authorize_subscribe<'a>(
        &'a self,
        client_id: &str,
        _user_id: Option<&'a str>,
        filter: &'a str,
    ) -> BoxFuture<'a, bool> {
        let allowed = self.may_subscribe(filter);
        if allowed {
            self.shared.interest.note(client_id, filter);
        } else {
            self.refuse_subscribe(client_id, filter);
        }
        Box::pin(std::future::ready(allowed))
    }
}

impl BrokerEventHandler for Connection {
    fn on_client_connect<'a>(&'a self, event: ClientConnectEvent) -> BoxFuture<'a, ()> {
        self.is_established.store(true, Ordering::Relaxed);
        let intake = &self.shared.intake;
        if let (Some(topic), Some(payload)) = (event.will_topic, event.will_payload)
            && intake.takes(&topic)
            && self.may_publish(&topic)
        {
            let qos = event.will_qos.unwrap_or(QoS::AtMostOnce) as u8;
            self.books.lock().will = Some(Stashed {
                received: now(),
                topic,
                payload,
                qos,
                is_repeated: false,
            });
        }
        Box::pin(std::future::ready(()))
    }

    fn on_client_publish<'a>(&'a self, event: ClientPublishEvent) -> BoxFuture<'a, PublishAction> {
        Box::pin(self.publish(event))
    }

    fn on_client_disconnect<'a>(&'a self, event: ClientDisconnectEvent) -> BoxFuture<'a, ()> {
        let will = self.books.lock().will.take();
        // A broker that goes away says nothing about its devices.
        if let Some(will) = will
            && event.unexpected
            && !self.shared.closing.is_cancelled()
            && self.may_publish(&will.topic)
        {
            self.books.lock().ledger.stash(Stashed {
                received: now(),
                ..will
            });
        }
        Box::pin(std::future::ready(()))
    }
}

fn journal_failed() -> io::Error {
    io::Error::other("the journal has failed")
}
