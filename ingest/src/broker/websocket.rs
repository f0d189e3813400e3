//! MQTT over WebSocket: the opening handshake (MQTT 5, section 6; RFC 6455).
//!
//! A browser lets any page connect to a loopback port, so without
//! authentication an `Origin` must be a page that was itself served from
//! loopback; other clients send none. With authentication a page needs a secret
//! like every client.

use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use futures::{Sink, Stream};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::{HeaderValue, StatusCode, Uri};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{self, Message, http};
use tokio_tungstenite::{WebSocketStream, accept_hdr_async_with_config};

/// What a WebSocket frame adds to an MQTT packet, and further packets in it.
const FRAME_SLACK: usize = 64 * 1024;

/// Answers the handshake of a WebSocket client for `/mqtt`.
#[expect(clippy::result_large_err, reason = "the callback's type is given")]
pub(super) async fn accept<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    max_packet: usize,
    has_auth: bool,
) -> Result<WebSocketBytes<S>, tungstenite::Error> {
    let limit = Some(max_packet.saturating_add(FRAME_SLACK));
    let config = WebSocketConfig::default()
        .max_message_size(limit)
        .max_frame_size(limit);
    let stream = accept_hdr_async_with_config(
        stream,
        move |request: &Request, response| answer(request, response, has_auth),
        Some(config),
    )
    .await?;
    Ok(WebSocketBytes::new(stream))
}

/// A WebSocket as a stream of bytes: a packet may begin and end anywhere in the
/// binary messages (MQTT 5, section 6).
#[derive(Debug)]
pub(super) struct WebSocketBytes<S> {
    socket: WebSocketStream<S>,
    /// Of the last message.
    unread: Bytes,
}

impl<S> WebSocketBytes<S> {
    pub(super) const fn new(socket: WebSocketStream<S>) -> Self {
        Self {
            socket,
            unread: Bytes::new(),
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for WebSocketBytes<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        while self.unread.is_empty() {
            match ready!(Pin::new(&mut self.socket).poll_next(cx)) {
                Some(Ok(Message::Binary(bytes))) => self.unread = bytes,
                // The socket answers a ping itself.
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(Message::Text(_))) => {
                    let error = "a text message, where MQTT takes binary ones";
                    return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, error)));
                }
                Some(Ok(Message::Close(_) | Message::Frame(_))) | None => {
                    return Poll::Ready(Ok(()));
                }
                Some(Err(error)) => return Poll::Ready(end_of(error)),
            }
        }
        let count = self.unread.len().min(buf.remaining());
        buf.put_slice(&self.unread[..count]);
        self.unread.advance(count);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for WebSocketBytes<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let mut socket = Pin::new(&mut self.socket);
        ready!(socket.as_mut().poll_ready(cx)).map_err(failed)?;
        let message = Message::Binary(Bytes::copy_from_slice(bytes));
        socket.start_send(message).map_err(failed)?;
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx).map_err(failed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_close(cx).map_err(failed)
    }
}

/// How reading ends: a connection that is closed has no more bytes.
fn end_of(error: tungstenite::Error) -> io::Result<()> {
    match error {
        tungstenite::Error::ConnectionClosed | tungstenite::Error::AlreadyClosed => Ok(()),
        error => Err(failed(error)),
    }
}

fn failed(error: tungstenite::Error) -> io::Error {
    match error {
        tungstenite::Error::Io(error) => error,
        error => io::Error::other(error),
    }
}

#[expect(clippy::result_large_err, reason = "the callback's type is given")]
fn answer(
    request: &Request,
    mut response: Response,
    has_auth: bool,
) -> Result<Response, ErrorResponse> {
    if request.uri().path() != "/mqtt" {
        return Err(refusal(StatusCode::NOT_FOUND));
    }
    let origin = request.headers().get(http::header::ORIGIN);
    if !has_auth && origin.is_some_and(|origin| !is_local(origin)) {
        return Err(refusal(StatusCode::FORBIDDEN));
    }
    let protocol = http::header::SEC_WEBSOCKET_PROTOCOL;
    let offered = request
        .headers()
        .get(&protocol)
        .and_then(|value| value.to_str().ok());
    if offered.is_some_and(|offered| offered.split(',').any(|name| name.trim() == "mqtt")) {
        response
            .headers_mut()
            .insert(protocol, HeaderValue::from_static("mqtt"));
    }
    Ok(response)
}

fn refusal(status: StatusCode) -> ErrorResponse {
    let mut response = ErrorResponse::new(None);
    *response.status_mut() = status;
    response
}

fn is_local(origin: &HeaderValue) -> bool {
    let uri = origin
        .to_str()
        .ok()
        .and_then(|origin| origin.parse::<Uri>().ok());
    let Some(host) = uri.as_ref().and_then(Uri::host) else {
        return false;
    };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || host
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_local_pages_connect() {
        for (origin, expect) in [
            ("http://127.0.0.1:8080", true),
            ("http://localhost:3000", true),
            ("http://[::1]:8080", true),
            ("https://example.org", false),
            ("http://localhost.example.org", false),
            ("http://127.0.0.1.example.org", false),
            ("null", false),
            ("", false),
        ] {
            let value = HeaderValue::from_static(origin);
            assert_eq!(is_local(&value), expect, "{origin}");
        }
    }
}
