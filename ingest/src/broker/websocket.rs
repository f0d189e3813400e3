//! MQTT over WebSocket: the opening handshake (MQTT 5, section 6; RFC 6455).
//!
//! A browser lets any page connect to a loopback port, so without
//! authentication an `Origin` must be a page that was itself served from
//! loopback; other clients send none. With authentication a page needs a secret
//! like every client.

use std::net::IpAddr;

use mqtt5::broker::websocket_server::WebSocketStreamWrapper;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_tungstenite::accept_hdr_async_with_config;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::{HeaderValue, StatusCode, Uri};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{self, http};

/// What a WebSocket frame adds to an MQTT packet, and further packets in it.
const FRAME_SLACK: usize = 64 * 1024;

/// Answers the handshake of a WebSocket client for `/mqtt`.
#[expect(clippy::result_large_err, reason = "the callback's type is given")]
pub(super) async fn accept<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    max_packet: usize,
    has_auth: bool,
) -> Result<WebSocketStreamWrapper<S>, tungstenite::Error> {
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
    Ok(WebSocketStreamWrapper::new(stream))
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
