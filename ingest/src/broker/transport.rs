//! The stream that mqtt5 reads and writes: acknowledgements pass it only after the
//! journal has committed what they acknowledge.
//!
//! mqtt5 writes one packet per call. PUBACK, PUBREC, PUBCOMP and DISCONNECT go
//! through the connection's [`AckGate`](super::ack_gate::AckGate); everything else
//! (CONNACK, SUBACK, deliveries, PINGRESP) passes at once, so that a slow disk does
//! not look like a dead broker. Bytes that are not exactly one packet of a known
//! type are held as well.
//!
//! mqtt5 reads only when it has handled everything that it has read before. Then
//! the pending publishes are appended, the gathered packets are written in one
//! call, and reading stops while too much waits.

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

/// Bytes that wait for the peer or for their commit, plus one packet at most; then
/// mqtt5 must wait.
const MAX_WAITING_BYTES: usize = 256 * 1024;
/// Bytes that are written without waiting for more.
const WRITE_BYTES: usize = 16 * 1024;
/// How long the end of a connection may wait for commits and for the peer.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the peer may take to close its side.
const LINGER_TIMEOUT: Duration = Duration::from_millis(500);

/// The packet type in MQTT's fixed header.
const DISCONNECT: u8 = 14;
/// DISCONNECT of MQTT 5: not authorised.
const NOT_AUTHORIZED: [u8; 3] = [DISCONNECT << 4, 1, 0x87];

/// The socket, and the bytes that wait to be written to it.
pub(super) struct ClientSocket<S> {
    io: S,
    out: BytesMut,
    is_unflushed: bool,
    /// The peer does not read.
    is_stalled: bool,
    connection: Arc<Connection>,
    revoked: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> ClientSocket<S> {
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
            // A WebSocket sends nothing without it.
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
            // MQTT 3.1.1 has no reasons in its acknowledgements, ...
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
            warn!(%peer, suppressed, "a client does not read: its oldest messages will be dropped");
        }
        self.is_stalled = is_stalled;
    }
}

impl<S> Drop for ClientSocket<S> {
    fn drop(&mut self) {
        let gauge = &self.connection.shared.counters.stalled_subscribers;
        gauge.change(usize::from(self.is_stalled), 0);
    }
}

/// The socket as mqtt5 holds it. When mqtt5 drops it, the socket is returned.
pub(super) struct GatedStream<S> {
    socket: Option<ClientSocket<S>>,
    back: Option<oneshot::Sender<ClientSocket<S>>>,
}

impl<S> GatedStream<S> {
    pub(super) fn new(
        io: S,
        connection: Arc<Connection>,
    ) -> (Self, oneshot::Receiver<ClientSocket<S>>) {
        let (back, returned) = oneshot::channel();
        let out = BytesMut::new();
        let socket = ClientSocket {
            io,
            out,
            is_unflushed: false,
            is_stalled: false,
            revoked: Box::pin(connection.revoked().clone().cancelled_owned()),
            connection,
        };
        (
            Self {
                socket: Some(socket),
                back: Some(back),
            },
            returned,
        )
    }

    fn socket(&mut self) -> &mut ClientSocket<S> {
        self.socket
            .as_mut()
            .expect("the socket is taken only when this is dropped")
    }
}

impl<S> Drop for GatedStream<S> {
    fn drop(&mut self) {
        if let (Some(socket), Some(back)) = (self.socket.take(), self.back.take()) {
            // Without a receiver the connection's task has ended.
            let _ = back.send(socket);
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for GatedStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let socket = self.socket();
        if socket.revoked.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Err(io::Error::other(
                "the rights of its identity have ended",
            )));
        }
        let appended = socket.connection.poll_append(cx)?;
        let (_, waiting) = socket.drive(cx)?;
        let is_window_full = waiting.publishes >= socket.connection.shared.max_inflight;
        let is_backlogged = socket.out.len() + waiting.held_bytes >= MAX_WAITING_BYTES;
        if appended.is_pending() || is_window_full || is_backlogged {
            return Poll::Pending;
        }
        Pin::new(&mut socket.io).poll_read(cx, buf)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for GatedStream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        packet: &[u8],
    ) -> Poll<io::Result<usize>> {
        let socket = self.socket();
        if socket.out.len() >= WRITE_BYTES {
            // The acknowledgements before it may wait for the pending publishes.
            let _ = socket.connection.poll_append(cx)?;
            let (_, waiting) = socket.drive(cx)?;
            if socket.out.len() + waiting.held_bytes >= MAX_WAITING_BYTES {
                return Poll::Pending;
            }
        }
        if passes(packet) {
            socket.out.extend_from_slice(packet);
        } else {
            socket.write_in_order(packet);
        }
        Poll::Ready(Ok(packet.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // mqtt5 flushes after every packet; the next read writes them together.
        let socket = self.socket();
        if socket.out.len() >= WRITE_BYTES {
            // The next read writes what the peer does not accept now.
            let _ = socket.drive(cx)?;
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // `finish` does, after everything that is due is written.
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + Sync> WebSocketTransport for GatedStream<S> {
    fn peer_addr(&self) -> mqtt5::Result<SocketAddr> {
        self.socket
            .as_ref()
            .map(|socket| socket.connection.peer)
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

/// Ends a connection that mqtt5 has finished: appends the pending publishes, writes
/// the acknowledgements that become due, and closes. Without room in the journal it
/// keeps what has no other copy (QoS 0, a will) for as long as the broker runs, and
/// leaves the rest to the sender. All other waits are bounded.
pub(super) async fn finish<S: AsyncRead + AsyncWrite + Unpin>(mut socket: ClientSocket<S>) {
    let connection = socket.connection.clone();
    let overdue = async {
        connection.shared.closing.cancelled().await;
        tokio::time::sleep(DRAIN_TIMEOUT).await;
    };
    let appended = poll_fn(|cx| {
        let appended = connection.poll_append(cx);
        if appended.is_pending() {
            connection.discard_resendable();
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
        socket.write_in_order(&NOT_AUTHORIZED);
    }
    let drained = poll_fn(|cx| {
        let (written, waiting) = socket.drive(cx)?;
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
            socket.io.shutdown().await?;
            let mut discarded = [0; 1024];
            while socket.io.read(&mut discarded).await? > 0 {}
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
