//! Between a client and pgwire: it answers the request for encryption, which comes
//! before the protocol (no: this endpoint listens on loopback), limits the size
//! of messages, and drops the connection's work once the client has gone. pgwire
//! itself does not look at the connection while a query runs, and takes messages
//! of up to a gigabyte.

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::future::{Either, select};
use pgwire::tokio::process_socket_unix;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::engine::{Engine, Handlers};

/// Requests for encryption, by TLS and by GSSAPI, in the place of a version.
const SSL_REQUEST: i32 = 80_877_103;
const GSS_REQUEST: i32 = 80_877_104;
/// A client asks for each once.
const MAX_REQUESTS: usize = 4;
/// For the first message, and again until the client is admitted.
const STARTUP_TIMEOUT: Duration = Duration::from_secs(10);
/// Bytes of one message: a statement is at most 64 KiB, its parameters are few.
const MAX_MESSAGE: usize = 1 << 20;

/// Serves one connection to its end.
pub(super) async fn serve(client: TcpStream, engine: Arc<Engine>) -> io::Result<()> {
    client.set_nodelay(true)?;
    let peer = client.peer_addr()?.ip();
    let (mut from_client, mut to_client) = client.into_split();
    let mut first = [0_u8; 8];
    let startup = async {
        for _ in 0..MAX_REQUESTS {
            from_client.read_exact(&mut first).await?;
            let code = i32::from_be_bytes([first[4], first[5], first[6], first[7]]);
            if code != SSL_REQUEST && code != GSS_REQUEST {
                return Ok(());
            }
            to_client.write_all(b"N").await?;
        }
        Err(too_much("requests for encryption"))
    };
    timeout(STARTUP_TIMEOUT, startup).await??;

    let (ours, theirs) = UnixStream::pair()?;
    let (mut from_engine, mut to_engine) = ours.into_split();
    let admitted = CancellationToken::new();
    let overdue = async {
        if timeout(STARTUP_TIMEOUT, admitted.cancelled()).await.is_ok() {
            std::future::pending::<()>().await;
        }
    };
    let up = async {
        let mut messages = Messages::default();
        let mut buffer = vec![0; 16 << 10];
        buffer[..first.len()].copy_from_slice(&first);
        let mut filled = first.len();
        while filled > 0 {
            messages.check(&buffer[..filled])?;
            to_engine.write_all(&buffer[..filled]).await?;
            filled = from_client.read(&mut buffer).await?;
        }
        io::Result::Ok(())
    };
    let down = async {
        let handlers = Handlers::new(engine, peer, admitted.clone());
        let work = pin!(process_socket_unix(theirs, handlers));
        let copy = pin!(tokio::io::copy(&mut from_engine, &mut to_client));
        match select(work, copy).await {
            // What it said last is still on its way.
            Either::Left((worked, copy)) => copy.await.and(worked),
            // It has closed the connection, as after a request to cancel, and the
            // client waits for that.
            Either::Right((copied, _)) => copied.map(drop),
        }
    };
    // Either ends the other: a client that has gone wants no answer.
    tokio::select! {
        ended = up => ended,
        ended = down => ended,
        () = overdue => Err(io::ErrorKind::TimedOut.into()),
    }
}

fn too_much(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("too many {what}"))
}

/// Follows the messages of a stream: the first is a length and a body, all others
/// have a byte for their kind before it.
#[derive(Debug, Default)]
struct Messages {
    /// Bytes of the body that are still to come.
    body: usize,
    /// The bytes so far of an incomplete header.
    header: [u8; 5],
    filled: usize,
    started: bool,
}

impl Messages {
    fn check(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            if self.body > 0 {
                let skipped = self.body.min(bytes.len());
                self.body -= skipped;
                bytes = &bytes[skipped..];
                continue;
            }
            let size = if self.started { 5 } else { 4 };
            self.header[self.filled] = bytes[0];
            self.filled += 1;
            bytes = &bytes[1..];
            if self.filled < size {
                continue;
            }
            let length = [1, 2, 3, 4].map(|at| self.header[at + size - 5]);
            // The length counts itself.
            let body = u32::from_be_bytes(length).saturating_sub(4) as usize;
            if body > MAX_MESSAGE {
                return Err(too_much("bytes in one message"));
            }
            (self.body, self.filled, self.started) = (body, 0, true);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(kind: &[u8], body: usize) -> Vec<u8> {
        let length = u32::try_from(body + 4).unwrap();
        [kind, &length.to_be_bytes(), &vec![7; body]].concat()
    }

    #[test]
    fn messages_are_followed_however_they_are_cut() {
        let stream = [
            message(b"", 20),
            message(b"Q", 9),
            message(b"S", 0),
            message(b"P", MAX_MESSAGE),
            message(b"Q", 3),
        ]
        .concat();
        for piece in [1, 3, 5, 4_096, stream.len()] {
            let mut messages = Messages::default();
            for bytes in stream.chunks(piece) {
                messages.check(bytes).unwrap();
            }
            assert_eq!((messages.body, messages.filled), (0, 0), "{piece}");
            let long = message(b"Q", MAX_MESSAGE + 1);
            assert!(messages.check(&long).is_err());
        }
    }
}
