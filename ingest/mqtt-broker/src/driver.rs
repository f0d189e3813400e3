//! The task of one connection: moves bytes between a stream and a
//! [`Connection`].
//!
//! Reading goes through a buffer that all connections of a thread share, so an
//! idle connection holds no buffer: only an unfinished packet is kept. Everything
//! happens in one `poll`, which wakes for the socket, for the link (commits,
//! messages, closing), for a login and for room in the log.

mod ending;

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use weir_mqtt_codec::{DecodeError, ReasonCode};

use crate::access::{BoxFuture, Permissions};
use crate::connection::{Connection, Fault};

/// Bytes that are read at once.
const READ_BYTES: usize = 64 * 1024;
/// Bytes that wait for the peer to read, give or take one packet.
const WRITE_BYTES: usize = 64 * 1024;
/// Rounds before other tasks get their turn.
const ROUNDS: usize = 32;

thread_local! {
    static BUFFER: RefCell<Vec<u8>> = RefCell::new(vec![0; READ_BYTES]);
}

/// Why a connection ends.
#[derive(Debug)]
enum End {
    /// The client has said goodbye.
    Left,
    /// The client has closed the stream, or only its half of it.
    Eof,
    Io(io::Error),
    Fault(Fault),
    /// The broker ends it.
    Closed(ReasonCode),
}

type Login = BoxFuture<'static, Result<Arc<dyn Permissions>, ReasonCode>>;

struct Driver<S> {
    stream: S,
    connection: Connection,
    /// What was read and not handled yet.
    unread: Vec<u8>,
    /// What the gauge of all connections has of it.
    counted_unread: usize,
    out: Vec<u8>,
    written: usize,
    is_unflushed: bool,
    /// The peer does not read what it is sent.
    is_stalled: bool,
    login: Option<Login>,
    room: Option<BoxFuture<'static, ()>>,
}

/// Serves one connection until it ends.
pub(crate) fn serve<S>(stream: S, connection: Connection) -> impl Future<Output = ()> + use<S>
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    // Outside of the future, which would hold it twice: as argument and as variable.
    let mut driver = Box::new(Driver {
        stream,
        connection,
        unread: Vec::new(),
        counted_unread: 0,
        out: Vec::new(),
        written: 0,
        is_unflushed: false,
        is_stalled: false,
        login: None,
        room: None,
    });
    async move {
        let end = poll_fn(|cx| driver.poll(cx)).await;
        // Boxed: the end is short, and an idle connection need not hold its memory.
        Box::pin(driver.finish(end)).await;
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Driver<S> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<End> {
        self.connection.link.register(cx.waker());
        for _ in 0..ROUNDS {
            match self.round(cx) {
                Ok(true) => {}
                Ok(false) => return Poll::Pending,
                Err(end) => return Poll::Ready(end),
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Does what can be done now; whether something was.
    fn round(&mut self, cx: &mut Context<'_>) -> Result<bool, End> {
        if let Some(reason) = self.connection.link.close_reason() {
            return Err(End::Closed(reason));
        }
        let mut has_moved = self.poll_login(cx)?;
        has_moved |= self.poll_room(cx)?;
        let now = self.connection.shared.now();
        if self.out.len() < WRITE_BYTES {
            self.connection.transmit(now, &mut self.out, WRITE_BYTES);
        }
        let had_output = !self.out.is_empty();
        let is_written = self.poll_write(cx).map_err(End::Io)?;
        // With the socket free again, more of the outbox may fit.
        has_moved |= had_output && is_written;
        self.note_stall(!is_written && self.out.len() >= WRITE_BYTES);
        if self.connection.has_left() {
            return Err(End::Left);
        }
        has_moved |= self.poll_read(cx)?;
        Ok(has_moved)
    }

    fn poll_login(&mut self, cx: &mut Context<'_>) -> Result<bool, End> {
        let Some(login) = &mut self.login else {
            return Ok(false);
        };
        let Poll::Ready(answer) = login.as_mut().poll(cx) else {
            return Ok(false);
        };
        self.login = None;
        let now = self.connection.shared.now();
        self.connection.link.set_paused(false, now);
        self.connection.admit(now, answer).map_err(End::Fault)?;
        self.handle_unread()?;
        Ok(true)
    }

    fn poll_room(&mut self, cx: &mut Context<'_>) -> Result<bool, End> {
        if !self.connection.is_stalled() {
            return Ok(false);
        }
        let shared = &self.connection.shared;
        let room = self.room.get_or_insert_with(|| shared.room());
        if room.as_mut().poll(cx).is_pending() {
            return Ok(false);
        }
        self.room = None;
        self.connection.retry().map_err(End::Fault)?;
        self.handle_unread()?;
        Ok(true)
    }

    /// Whether everything is written.
    fn poll_write(&mut self, cx: &mut Context<'_>) -> io::Result<bool> {
        while self.written < self.out.len() {
            let rest = &self.out[self.written..];
            match Pin::new(&mut self.stream).poll_write(cx, rest)? {
                Poll::Ready(0) => return Err(io::ErrorKind::WriteZero.into()),
                Poll::Ready(count) => {
                    self.written += count;
                    let sent = &self.connection.shared.counters.bytes_sent;
                    sent.fetch_add(count as u64, Ordering::Relaxed);
                }
                Poll::Pending => return Ok(false),
            }
            self.is_unflushed = true;
        }
        self.written = 0;
        self.out.clear();
        if self.is_unflushed {
            // A WebSocket stays silent without it.
            match Pin::new(&mut self.stream).poll_flush(cx)? {
                Poll::Ready(()) => self.is_unflushed = false,
                Poll::Pending => return Ok(false),
            }
        }
        Ok(true)
    }

    /// Reads and handles once; whether something was read.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Result<bool, End> {
        if !self.unread.is_empty() && self.connection.may_receive() && self.handle_unread()? {
            return Ok(true);
        }
        let may_read = self.connection.may_receive() && self.out.len() < WRITE_BYTES;
        let now = self.connection.shared.now();
        self.connection.link.set_paused(!may_read, now);
        if !may_read {
            self.release_memory();
            return Ok(false);
        }
        BUFFER.with_borrow_mut(|buffer| {
            let mut read = ReadBuf::new(buffer);
            match Pin::new(&mut self.stream).poll_read(cx, &mut read) {
                Poll::Pending => {
                    self.release_memory();
                    Ok(false)
                }
                Poll::Ready(Err(error)) => Err(End::Io(error)),
                Poll::Ready(Ok(())) if read.filled().is_empty() => Err(End::Eof),
                Poll::Ready(Ok(())) => {
                    self.take_in(read.filled())?;
                    Ok(true)
                }
            }
        })
    }

    fn take_in(&mut self, input: &[u8]) -> Result<(), End> {
        let shared = &self.connection.shared;
        shared
            .counters
            .bytes_received
            .fetch_add(input.len() as u64, Ordering::Relaxed);
        if !self.connection.awaits_connect() {
            let now = shared.now();
            self.connection.link.seen(now);
        }
        if self.unread.is_empty() {
            let consumed = self.handle(input)?;
            self.unread.extend_from_slice(&input[consumed..]);
        } else {
            self.unread.extend_from_slice(input);
            self.handle_unread()?;
        }
        self.note_unread()
    }

    /// Counts what waits for the rest of its packet. All connections share a limit,
    /// which closes only those that hold more than one read.
    fn note_unread(&mut self) -> Result<(), End> {
        const TOO_MUCH: DecodeError = DecodeError::new(
            ReasonCode::QuotaExceeded,
            "the unfinished packets of all connections exceed their limit",
        );
        let shared = &self.connection.shared;
        let gauge = &shared.counters.unread_bytes;
        let held = self.unread.capacity();
        gauge.change(std::mem::replace(&mut self.counted_unread, held), held);
        if held > READ_BYTES && gauge.get() > shared.settings.max_unread_bytes {
            return Err(End::Fault(Fault::Packet(TOO_MUCH)));
        }
        Ok(())
    }

    /// Whether anything of it could be handled.
    fn handle_unread(&mut self) -> Result<bool, End> {
        if self.unread.is_empty() {
            return Ok(false);
        }
        let unread = std::mem::take(&mut self.unread);
        let consumed = self.handle(&unread)?;
        self.unread = unread;
        self.unread.drain(..consumed);
        Ok(consumed > 0)
    }

    fn handle(&mut self, input: &[u8]) -> Result<usize, End> {
        let now = self.connection.shared.now();
        let received = self.connection.receive(now, input).map_err(End::Fault)?;
        if let Some(login) = received.login {
            let access = self.connection.shared.access.clone();
            self.connection.link.set_paused(true, now);
            self.login = Some(Box::pin(async move { access.connect(login).await }));
        }
        Ok(received.consumed)
    }

    /// An idle connection holds no buffers.
    fn release_memory(&mut self) {
        if self.out.is_empty() && self.out.capacity() > 0 {
            self.out = Vec::new();
        }
        if self.unread.is_empty() && self.unread.capacity() > 0 {
            self.unread = Vec::new();
            let gauge = &self.connection.shared.counters.unread_bytes;
            gauge.change(std::mem::take(&mut self.counted_unread), 0);
        }
    }

    fn note_stall(&mut self, is_stalled: bool) {
        if is_stalled == self.is_stalled {
            return;
        }
        let shared = &self.connection.shared;
        let gauge = &shared.counters.stalled_subscribers;
        gauge.change(usize::from(self.is_stalled), usize::from(is_stalled));
        self.is_stalled = is_stalled;
    }
}
