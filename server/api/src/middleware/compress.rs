//! gzip for JSON that is ready as a whole. Streams go out as they are: their bytes
//! shall not wait.

use std::io::Write;

use axum::body::{Body, HttpBody, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::problem::Problem;
use axum::response::IntoResponse;

/// Below this a compressed answer is hardly smaller.
const LEAST: u64 = 1_024;
/// Above this, compressing takes so long that it is left to a thread that may block.
const QUICK: usize = 32 << 10;
const LEVEL: u32 = 5;

pub(crate) async fn json(request: Request, next: Next) -> Response {
    let is_accepted = accepts_gzip(request.headers());
    let response = next.run(request).await;
    let is_json = is_json(response.headers());
    let size = response.body().size_hint().exact();
    let Some(size) = size.filter(|size| *size >= LEAST && is_json) else {
        return response;
    };
    let (mut parts, body) = response.into_parts();
    parts
        .headers
        .append(header::VARY, HeaderValue::from_static("accept-encoding"));
    if !is_accepted {
        return Response::from_parts(parts, body);
    }
    let most = usize::try_from(size).unwrap_or(usize::MAX);
    let Ok(bytes) = to_bytes(body, most).await else {
        return Problem::internal("an answer cannot be read").into_response();
    };
    let compressed = if bytes.len() <= QUICK {
        gzip(&bytes)
    } else {
        let work = tokio::task::spawn_blocking(move || gzip(&bytes));
        match work.await {
            Ok(compressed) => compressed,
            Err(error) => return Problem::internal(error).into_response(),
        }
    };
    parts.headers.remove(header::CONTENT_LENGTH);
    parts
        .headers
        .insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    Response::from_parts(parts, Body::from(compressed))
}

fn is_json(headers: &HeaderMap) -> bool {
    let content_type = headers.get(header::CONTENT_TYPE);
    let content_type = content_type.and_then(|value| value.to_str().ok());
    let is_json = content_type.is_some_and(|content_type| {
        let content_type = content_type.split(';').next().unwrap_or_default().trim();
        content_type == "application/json" || content_type.ends_with("+json")
    });
    is_json && !headers.contains_key(header::CONTENT_ENCODING)
}

/// RFC 9110, 12.5.3. A client that says nothing gets it plain.
pub(crate) fn accepts_gzip(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(header::ACCEPT_ENCODING).iter();
    let accepted: Vec<&str> = accepted.filter_map(|value| value.to_str().ok()).collect();
    let accepted = accepted.join(",");
    let weight = |wanted: &str| {
        accepted.split(',').find_map(|item| {
            let mut parts = item.split(';').map(str::trim);
            let name = parts.next()?;
            let weight = parts.find_map(|part| part.strip_prefix("q="));
            name.eq_ignore_ascii_case(wanted)
                .then(|| weight.map_or(1.0, |weight| weight.parse().unwrap_or(0.0)))
        })
    };
    weight("gzip").or_else(|| weight("*")).unwrap_or(0.0) > 0.0
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::new(LEVEL));
    encoder
        .write_all(bytes)
        .and_then(|()| encoder.finish())
        .expect("a vector takes everything")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gzip_is_sent_to_those_who_accept_it() {
        for (accepted, expect) in [
            ("gzip, deflate, br", true),
            ("GZIP;q=0.5", true),
            ("*", true),
            ("br", false),
            ("gzip;q=0", false),
            ("gzip;q=0, *", false),
            ("identity", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT_ENCODING, accepted.parse().unwrap());
            assert_eq!(accepts_gzip(&headers), expect, "{accepted}");
        }
        assert!(!accepts_gzip(&HeaderMap::new()));
    }
}
