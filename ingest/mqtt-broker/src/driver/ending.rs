//! How a connection ends: what was received is appended, the session is left, what
//! is due is written, the peer gets time to read why.

use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use weir_mqtt_codec::ReasonCode;

use super::{Driver, End};
use crate::connection::Fault;

/// How long the end of a connection may wait for commits, and for the peer.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the peer may take to read why it was disconnected.
const LINGER_TIMEOUT: Duration = Duration::from_millis(500);

impl<S: AsyncRead + AsyncWrite + Unpin> Driver<S> {
    /// Ends the connection. First the session: a will does not wait for a peer
    /// that may be slow to read.
    pub(super) async fn finish(mut self: Box<Self>, end: End) {
        self.note_stall(false);
        self.unread = Vec::new();
        self.release_memory();
        let gauge = &self.connection.shared.counters.unread_bytes;
        gauge.change(std::mem::take(&mut self.counted_unread), 0);
        self.count_end(&end);
        self.log_end(&end);
        let has_failed = matches!(end, End::Closed(ReasonCode::ImplementationSpecificError));
        if matches!(end, End::Left | End::Eof | End::Io(_) | End::Closed(_)) && !has_failed {
            self.append_rest().await;
        }
        let now = self.connection.shared.now();
        // Nothing may follow DISCONNECT: it waits for the acknowledgements.
        let mut goodbye = Vec::new();
        match &end {
            End::Closed(reason) => self.connection.say_goodbye(*reason, &mut goodbye),
            End::Fault(Fault::Packet(error)) => {
                self.connection.transmit_answers(&mut self.out);
                self.connection.say_goodbye(error.reason, &mut self.out);
            }
            End::Fault(Fault::Refused(_)) => self.connection.transmit_answers(&mut self.out),
            End::Fault(Fault::LogFailed) => {
                let reason = ReasonCode::ImplementationSpecificError;
                self.connection.say_goodbye(reason, &mut self.out);
            }
            End::Left | End::Eof | End::Io(_) => {}
        }
        let is_drained = matches!(end, End::Eof | End::Closed(_)) && !has_failed;
        self.connection.close(now);
        if let End::Io(_) = end {
            return;
        }
        let write = async {
            if is_drained {
                poll_fn(|cx| self.poll_drain(cx)).await?;
            }
            self.out.extend_from_slice(&goodbye);
            poll_fn(|cx| match self.poll_write(cx) {
                Ok(true) => Poll::Ready(Ok(())),
                Ok(false) => Poll::Pending,
                Err(error) => Poll::Ready(Err(error)),
            })
            .await?;
            self.stream.shutdown().await
        };
        if !matches!(tokio::time::timeout(DRAIN_TIMEOUT, write).await, Ok(Ok(()))) {
            return;
        }
        // Closing with unread bytes would reset the connection, and the peer
        // could lose what was just written.
        let _ = tokio::time::timeout(LINGER_TIMEOUT, async {
            let mut discarded = [0; 512];
            while self.stream.read(&mut discarded).await? > 0 {}
            io::Result::Ok(())
        })
        .await;
    }

    /// Writes the acknowledgements that are still to come.
    fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.connection.link.register(cx.waker());
        self.connection.transmit_answers(&mut self.out);
        let is_written = self.poll_write(cx)?;
        match self.connection.is_settled() && is_written {
            true => Poll::Ready(Ok(())),
            false => Poll::Pending,
        }
    }

    /// Appends what was received. Without room in the log, what has no other copy
    /// (QoS 0) is waited with for as long as the broker runs; the rest is left to
    /// its sender.
    async fn append_rest(&mut self) {
        while self.connection.is_stalled() && self.connection.forget_repeated() {
            let room = self.connection.shared.room();
            let closing = self.connection.shared.closing.clone();
            tokio::select! {
                () = room => {}
                () = closing.cancelled() => return,
            }
            if self.connection.retry().is_err() {
                return;
            }
        }
    }

    fn count_end(&self, end: &End) {
        let reason = match end {
            End::Left | End::Eof | End::Io(_) => return,
            End::Fault(Fault::Packet(error)) => error.reason,
            End::Fault(Fault::Refused(reason)) | End::Closed(reason) => *reason,
            End::Fault(Fault::LogFailed) => ReasonCode::ImplementationSpecificError,
        };
        self.connection.shared.counters.count_closed(reason);
    }

    fn log_end(&self, end: &End) {
        let faults = &self.connection.shared.fault_log;
        let peer = self.connection.origin().address;
        let client_id = self.connection.client_id();
        match end {
            End::Fault(Fault::Packet(error)) => {
                if let Some(suppressed) = faults.admit() {
                    tracing::info!(%peer, client_id, suppressed, "connection closed: {error}");
                }
            }
            End::Closed(reason) => {
                if let Some(suppressed) = faults.admit() {
                    tracing::info!(%peer, client_id, suppressed, "connection closed: {reason}");
                }
            }
            End::Fault(Fault::LogFailed) => {
                if let Some(suppressed) = faults.admit() {
                    tracing::error!(%peer, client_id, suppressed, "connection closed: the journal has failed");
                }
            }
            End::Io(error) => tracing::debug!(%peer, client_id, %error, "connection ended"),
            End::Left | End::Eof | End::Fault(Fault::Refused(_)) => {
                tracing::debug!(%peer, client_id, "connection ended");
            }
        }
    }
}
