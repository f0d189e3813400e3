//! Bounds of request bodies that hold for every route: how slowly they may arrive, how
//! many may arrive at once, and which encodings are understood.
//!
//! A body that arrives a byte at a time would hold its connection, and enough of them
//! all connections. So a body has a deadline that grows with what has arrived, and some
//! connections are kept for requests without a body, such as `/healthz`.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use futures::{Stream, StreamExt};
use hyper::body::Body as _;
use std::io::Read;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;

use crate::api::Api;
use crate::problem::Problem;

/// Time for a body of any size, before its rate counts.
const GRACE: Duration = Duration::from_secs(10);
/// Least bytes per second of a body after that.
const MIN_RATE: u64 = 1_024;

/// A body that was not read to its end.
#[derive(Debug, thiserror::Error)]
#[error(
    "the body arrives too slowly: at least {MIN_RATE} bytes per second after {} seconds",
    GRACE.as_secs()
)]
pub(crate) struct TooSlow;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

pub(crate) async fn bound(State(api): State<Arc<Api>>, request: Request, next: Next) -> Response {
    if !has_body(request.headers()) {
        return next.run(request).await;
    }
    let Ok(place) = api.admission.bodies.clone().try_acquire_owned() else {
        return Problem::unavailable("too many requests with a body at once", 1).into_response();
    };
    let (parts, body) = request.into_parts();
    let body = Body::from_stream(paced(body, place, Instant::now()));
    next.run(Request::from_parts(parts, body)).await
}

fn has_body(headers: &HeaderMap) -> bool {
    let length = headers.get(header::CONTENT_LENGTH);
    let is_empty = length.is_some_and(|length| length.as_bytes() == b"0");
    headers.contains_key(header::TRANSFER_ENCODING) || (length.is_some() && !is_empty)
}

/// The body, which fails when it is too slow. `place` is free once it has been read.
fn paced(
    body: Body,
    place: OwnedSemaphorePermit,
    began: Instant,
) -> impl Stream<Item = Result<Bytes, BoxError>> {
    let state = Some((body.into_data_stream(), place, 0u64));
    futures::stream::unfold(state, move |state| async move {
        let (mut parts, place, arrived) = state?;
        let deadline = began + GRACE + Duration::from_secs(arrived / MIN_RATE);
        match tokio::time::timeout_at(deadline, parts.next()).await {
            Err(_) => Some((Err(TooSlow.into()), None)),
            Ok(None) => None,
            Ok(Some(Err(error))) => Some((Err(error.into()), None)),
            Ok(Some(Ok(bytes))) => {
                let arrived = arrived + bytes.len() as u64;
                Some((Ok(bytes), Some((parts, place, arrived))))
            }
        }
    })
}

/// Whether reading a body failed because it was too slow.
pub(crate) fn is_too_slow(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if error.is::<TooSlow>() {
            return true;
        }
        cause = error.source();
    }
    false
}

/// Refuses encoded bodies where the handler would take the encoded bytes for the
/// content. The routes of ingestion decode for themselves.
pub(crate) async fn only_plain(
    matched: Option<MatchedPath>,
    request: Request,
    next: Next,
) -> Response {
    let route = matched.as_ref().map_or("", MatchedPath::as_str);
    let decodes = matches!(
        route,
        "/api/v1/ingest/{*topic}" | "/api/v2/write" | "/write"
    );
    // Some clients send the header with every request, also without a body.
    let has_body = !request.body().is_end_stream();
    if has_body && !decodes && encoding(request.headers()) != Ok(Encoding::Plain) {
        let detail = "this path takes no Content-Encoding";
        return Problem::unsupported_media_type(detail).into_response();
    }
    next.run(request).await
}

/// How a body is encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    Plain,
    Gzip,
}

/// A `Content-Encoding` that is not understood.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("Content-Encoding is gzip, identity or absent")]
pub(crate) struct UnknownEncoding;

pub(crate) fn encoding(headers: &HeaderMap) -> Result<Encoding, UnknownEncoding> {
    let Some(encoding) = headers.get(header::CONTENT_ENCODING) else {
        return Ok(Encoding::Plain);
    };
    let encoding = encoding.to_str().map_err(|_| UnknownEncoding)?.trim();
    let is = |name: &str| encoding.eq_ignore_ascii_case(name);
    if encoding.is_empty() || is("identity") {
        Ok(Encoding::Plain)
    } else if is("gzip") || is("x-gzip") {
        Ok(Encoding::Gzip)
    } else {
        Err(UnknownEncoding)
    }
}

/// Why a compressed body was not unpacked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UnpackError {
    #[error("the body has more than {0} bytes")]
    TooLarge(u64),
    #[error("the body is not gzip, as its Content-Encoding says: {0}")]
    Invalid(std::io::Error),
}

/// Unpacks gzip. A few bytes may become very many: no more than `limit` and one are
/// ever made. Blocks.
pub(crate) fn unpack(bytes: &[u8], limit: u64) -> Result<Vec<u8>, UnpackError> {
    let mut unpacked = Vec::new();
    let mut decoder = MultiGzDecoder::new(bytes).take(limit.saturating_add(1));
    decoder
        .read_to_end(&mut unpacked)
        .map_err(UnpackError::Invalid)?;
    if unpacked.len() as u64 > limit {
        return Err(UnpackError::TooLarge(limit));
    }
    Ok(unpacked)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;
    use tokio::sync::Semaphore;

    use super::*;

    #[test]
    fn gzip_is_unpacked_up_to_the_limit() {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(&[b'1'; 100_000]).unwrap();
        let packed = encoder.finish().unwrap();
        assert_eq!(unpack(&packed, 100_000).unwrap(), [b'1'; 100_000]);
        assert!(matches!(
            unpack(&packed, 99_999),
            Err(UnpackError::TooLarge(99_999))
        ));
        assert!(matches!(
            unpack(b"{\"t\":1}", 100),
            Err(UnpackError::Invalid(_))
        ));
        assert!(matches!(
            unpack(&packed[..packed.len() - 9], 100_000),
            Err(UnpackError::Invalid(_))
        ));
    }

    #[test]
    fn other_encodings_are_named_unknown() {
        let encoding = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_ENCODING, text.parse().unwrap());
            encoding(&headers)
        };
        assert_eq!(encoding("GZIP"), Ok(Encoding::Gzip));
        assert_eq!(encoding("identity"), Ok(Encoding::Plain));
        for unknown in ["br", "deflate", "zstd", "gzip, gzip"] {
            assert_eq!(encoding(unknown), Err(UnknownEncoding), "{unknown}");
        }
    }

    /// A byte per second.
    fn drip() -> Body {
        Body::from_stream(futures::stream::unfold((), |()| async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            Some((Ok::<_, BoxError>(Bytes::from_static(b"x")), ()))
        }))
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_drips_is_cut_off_and_its_place_is_free_again() {
        let places = Arc::new(Semaphore::new(1));
        let place = places.clone().try_acquire_owned().unwrap();
        let began = Instant::now();
        let body = Body::from_stream(paced(drip(), place, began));
        let error = axum::body::to_bytes(body, 1_000).await.unwrap_err();
        assert!(is_too_slow(&error));
        assert_eq!(began.elapsed().as_secs(), GRACE.as_secs());
        assert_eq!(places.available_permits(), 1);
    }
}
