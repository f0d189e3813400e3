//! The stream that mqtt5 reads and writes: acknowledgements pass it only once
//! the journal has committed what they acknowledge.
//!
//! mqtt5 writes one packet per call. PUBACK, PUBREC, PUBCOMP and DISCONNECT go
//! through the connection's [`Ledger`](super::gate::Ledger); everything else
//! (CONNACK, SUBACK, deliveries, PINGRESP) passes at once, so that a slow disk
//! does not look like a dead broker. What is not exactly one packet of a known
//! kind is held as well.
//!
//! mqtt5 reads only when it has handled everything that it has read before.
//! That is the moment to append what it took, to write what has gathered in
//! one call, and to stop reading while too much waits.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, BytesMut};
use mqtt5::broker::transport::WebSocketTransport;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::sync::oneshot;
use tokio_util::sync::WaitForCancellationFutureOwned;
use tracing::warn;

use super::connection::{Connection, Waiting};

/// Bytes that wait for the peer to read, or for their commit, give or take one
/// packet; then mqtt5 has to wait.
const MAX_WAITING_BYTES: usize = 256 * 1024;
/// Bytes that are worth a write of their own.
const WRITE_BYTES: usize = 16 * 1024;
/// How long the end of a connection may wait for commits and for the peer.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the peer may take to notice that we have closed.
const LINGER_TIMEOUT: Duration = Duration::from_millis(500);

/// The packet type in MQTT's fixed header.
const DISCONNECT: u8 = 14;
/// DISCONNECT of MQTT 5: not authorised.
const NOT_AUTHORIZED: [u8; 3] = [DISCONNECT << 4, 1, 0x87];

/// The socket and what is on its way to it.
pub(super) struct Wire<S> {
    io: S,
    out: BytesMut,
    is_unflushed: bool,
    /// The peer does not read what it is sent.
    is_stalled: bool,
    connection: Arc<Connection>,
    revoked: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Wire<S> {
    /// Releases what is due and writes what can be written.
    fn drive(&mut self, cx: &mut Context<'_>) -> io::Result<(Poll<()>, Waiting)> {
        let waiting = self.connection.release(cx.waker(), &mut self.out)?;
        let written = self.poll_out(cx)?;
        self.note_stall(self.out.len() >= MAX_WAITING_BYTES);
        Ok((written, waiting))
    }

    fn poll_out(&mut self, cx: &mut Context<'_>) -> io::Result<Poll<()>> {
        while !self.out.is_empty() {
            match Pin::new(&mut self.io).poll_write(cx, &self.out)? {
                Poll::Ready(0) => return Err(io::ErrorKind::WriteZero.into()),
                Poll::Ready(written) => self.out.advance(written),
                Poll::Pending => return Ok(Poll::Pending),
            }
            self.is_unflushed = true;
        }
        if self.is_unflushed {
            // A WebSocket stays silent without it.
            match Pin::new(&mut self.io).poll_flush(cx)? {
                Poll::Ready(()) => self.is_unflushed = false,
                Poll::Pending => return Ok(Poll::Pending),
            }
        }
        Ok(Poll::Ready(()))
    }

    /// Writes a packet that must not overtake the acknowledgements before it.
    fn write_in_order(&mut self, packet: &[u8]) {
        match packet {
            // MQTT 3.1.1 knows no reasons in its acknowledgements, ...
            [kind, _, high, low, _, ..]
                if is_acknowledgement(packet) && !self.connection.is_mqtt5() =>
            {
                self.connection
                    .acknowledge(&[*kind, 2, *high, *low], &mut self.out);
            }
            // ... and no DISCONNECT from the server.
            [kind, ..] if kind >> 4 == DISCONNECT && !self.connection.is_mqtt5() => {}
            _ => self.connection.acknowledge(packet, &mut self.out),
        }
    }

    fn note_stall(&mut self, is_stalled: bool) {
        let gauge = &self.connection.shared.counters.stalled_subscribers;
        gauge.change(usize::from(self.is_stalled), usize::from(is_stalled));
        if is_stalled
            && !self.is_stalled
            && let Some(suppressed) = self.connection.shared.slow_log.admit()
        {
            let peer = self.connection.peer;
            warn!(%peer, suppressed, "a client does not read what it is sent: its oldest messages will be dropped");
        }
        self.is_stalled = is_stalled;
    }
}

impl<S> Drop for Wire<S> {
    fn drop(&mut self) {
        let gauge = &self.connection.shared.counters.stalled_subscribers;
        gauge.change(usize::from(self.is_stalled), 0);
    }
}

/// The wire as mqtt5 holds it; when mqtt5 drops it, the wire comes back.
pub(super) struct Gated<S> {
    wire: Option<Wire<S>>,
    back: Option<oneshot::Sender<Wire<S>>>,
}

impl<S> Gated<S> {
    pub(super) fn new(io: S, connection: Arc<Connection>) -> (Self, oneshot::Receiver<Wire<S>>) {
        let (back, returned) = oneshot::channel();
        let out = BytesMut::new();
        let wire = Wire {
            io,
            out,
            is_unflushed: false,
            is_stalled: false,
            revoked: Box::pin(connection.revoked().clone().cancelled_owned()),
            connection,
        };
        (
            Self {
                wire: Some(wire),
                back: Some(back),
            },
            returned,
        )
    }

    fn wire(&mut self) -> &mut Wire<S> {
        self.wire
            .as_mut()
            .expect("the wire leaves only when this is dropped")
    }
}

impl<S> Drop for Gated<S> {
    fn drop(&mut self) {
        if let (Some(wire), Some(back)) = (self.wire.take(), self.back.take()) {
            // Without a receiver the connection's task is gone: so is the wire.
            let _ = back.send(wire);
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Gated<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let wire = self.wire();
        if wire.revoked.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Err(io::Error::other("its identity's rights have ended")));
        }
        let appended = wire.connection.poll_append(cx)?;
        let (_, waiting) = wire.drive(cx)?;
        let is_window_full = waiting.publishes >= wire.connection.shared.max_inflight;
        let is_backlogged = wire.out.len() + waiting.held_bytes >= MAX_WAITING_BYTES;
        if appended.is_pending() || is_window_full || is_backlogged {
            return Poll::Pending;
        }
        Pin::new(&mut wire.io).poll_read(cx, buf)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Gated<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        packet: &[u8],
    ) -> Poll<io::Result<usize>> {
        let wire = self.wire();
        if wire.out.len() >= WRITE_BYTES {
            // The acknowledgements that are in the way may wait for the stash.
            let _ = wire.connection.poll_append(cx)?;
            let (_, waiting) = wire.drive(cx)?;
            if wire.out.len() + waiting.held_bytes >= MAX_WAITING_BYTES {
                return Poll::Pending;
            }
        }
        if passes(packet) {
            wire.out.extend_from_slice(packet);
        } else {
            wire.write_in_order(packet);
        }
        Poll::Ready(Ok(packet.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // mqtt5 flushes after every packet; the next read writes them together.
        let wire = self.wire();
        if wire.out.len() >= WRITE_BYTES {
            // What the peer does not take now, the next read offers again.
            let _ = wire.drive(cx)?;
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // `finish` does, when everything that is due is written.
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + Sync> WebSocketTransport for Gated<S> {
    fn peer_addr(&self) -> mqtt5::Result<SocketAddr> {
        self.wire
            .as_ref()
            .map(|wire| wire.connection.peer)
            .ok_or(mqtt5::MqttError::NotConnected)
    }
}

/// PUBACK, PUBREC or PUBCOMP.
fn is_acknowledgement(packet: &[u8]) -> bool {
    matches!(packet.first().map(|byte| byte >> 4), Some(4 | 5 | 7))
}

/// Whether this is exactly one packet, of a kind that acknowledges no publish.
fn passes(packet: &[u8]) -> bool {
    let Some((kind, rest)) = packet.split_first() else {
        return true;
    };
    if is_acknowledgement(packet) || kind >> 4 == DISCONNECT {
        return false;
    }
    let mut remaining_length = 0_usize;
    for (index, byte) in rest.iter().enumerate().take(4) {
        remaining_length |= usize::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return rest.len() == index + 1 + remaining_length;
        }
    }
    false
}

/// Ends a connection that mqtt5 is done with: appends what it took, writes the
/// acknowledgements that become due, and closes. Without room in the journal,
/// what has no other copy (QoS 0, a will) is waited with for as long as the
/// broker runs; the rest is left to its sender. All else is bounded in time.
pub(super) async fn finish<S: AsyncRead + AsyncWrite + Unpin>(mut wire: Wire<S>) {
    let connection = wire.connection.clone();
    let overdue = async {
        connection.shared.closing.cancelled().await;
        tokio::time::sleep(DRAIN_TIMEOUT).await;
    };
    let appended = poll_fn(|cx| {
        let appended = connection.poll_append(cx);
        if appended.is_pending() {
            connection.forget_repeated();
            return connection.poll_append(cx);
        }
        appended
    });
    tokio::select! {
        biased;
        appended = appended => if appended.is_err() { return },
        () = overdue => return,
    }
    if connection.revoked().is_cancelled() {
        wire.write_in_order(&NOT_AUTHORIZED);
    }
    let drained = poll_fn(|cx| {
        let (written, waiting) = wire.drive(cx)?;
        ready!(written);
        if waiting.is_settled {
            Poll::Ready(io::Result::Ok(()))
        } else {
            Poll::Pending
        }
    });
    if let Ok(Ok(())) = tokio::time::timeout(DRAIN_TIMEOUT, drained).await {
        // Closing with unread bytes would reset the connection, and the peer
        // could lose the acknowledgements that were just written.
        let _ = tokio::time::timeout(LINGER_TIMEOUT, async {
            wire.io.shutdown().await?;
            let mut discarded = [0; 1024];
            while wire.io.read(&mut discarded).await? > 0 {}
            io::Result::Ok(())
        })
        .await;
    }
}

#[cfg(test)]
mod tests {
    use super::passes;

    #[test]
    fn only_whole_packets_that_acknowledge_nothing_pass() {
        let cases: [(&str, &[u8], bool); 12] = [
            ("CONNACK", &[0x20, 2, 0, 0], true),
            ("PINGRESP", &[0xd0, 0], true),
            ("PUBLISH", &[0x30, 3, 0, 1, b't'], true),
            ("PUBREL", &[0x62, 2, 0, 1], true),
            ("PUBACK", &[0x40, 2, 0, 1], false),
            ("PUBREC", &[0x50, 2, 0, 1], false),
            ("PUBCOMP", &[0x70, 2, 0, 1], false),
            ("DISCONNECT", &[0xe0, 0], false),
            (
                "PUBLISH with a PUBACK behind it",
                &[0x30, 3, 0, 1, b't', 0x40, 2, 0, 1],
                false,
            ),
            ("half a PUBLISH", &[0x30, 3, 0, 1], false),
            (
                "an endless length",
                &[0x30, 0xff, 0xff, 0xff, 0xff, 0x7f],
                false,
            ),
            ("a lone byte", &[0x30], false),
        ];
        for (what, packet, expect) in cases {
            assert_eq!(passes(packet), expect, "{what}");
        }
        let large = [&[0x30, 0x80, 0x01][..], &[b'x'; 128]].concat();
        assert!(passes(&large));
    }
}
