//! `POST /api/v2/write` and `POST /write`: line protocol, as Telegraf and
//! InfluxDB's clients send it, with `/ping`, `/health` and as much of `/query`
//! as they ask before they write.
//!
//! A body is cut between lines into messages of the journal, so that each can be
//! kept whole in the quarantine and replayed; 204 is answered after the commit of
//! the last. What is wrong with a line is found in the pipeline, like everything
//! else that is wrong: an agent that gets 400 drops its whole batch, good lines
//! too, so the good ones are taken and the bad ones are quarantined.

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use futures::StreamExt;
use serde::Deserialize;
use serde_json::json;
use tokio::sync::oneshot;
use weir_auth::Identity;
use weir_codec::split_lines;
use weir_config::Precision;
use weir_journal::AppendError;
use weir_model::{Ingress, Message, Timestamp};

use super::ingest::{Committed, PATIENCE};
use crate::api::{Api, Shared};
use crate::extract::Query;
use crate::middleware::body::{Encoding, UnpackError, encoding, unpack};

/// Bytes of lines in one message: the quarantine keeps twice as much of it.
const PIECE: usize = 32 << 10;
/// Bytes that are appended at once: less than the least `journal.max_pending`.
const APPEND: usize = 48 << 10;
/// How many times the limit is read of a body that is too large.
const DRAINED: usize = 8;

#[derive(Debug, Deserialize)]
pub(crate) struct Params {
    precision: Option<String>,
}

/// An error in the shapes of InfluxDB 1 and 2 at once.
#[derive(Debug)]
pub(crate) struct WriteError {
    status: StatusCode,
    code: &'static str,
    message: String,
}

impl WriteError {
    fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
        }
    }

    fn unavailable(message: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", message)
    }

    fn invalid(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid", message)
    }
}

impl IntoResponse for WriteError {
    fn into_response(self) -> Response {
        let body = json!({"code": self.code, "message": self.message, "error": self.message});
        let mut response = (self.status, Json(body)).into_response();
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            let headers = response.headers_mut();
            headers.insert(header::RETRY_AFTER, 5.into());
        }
        response
    }
}

/// `POST /api/v2/write` and `POST /write`. Organisation, bucket and database
/// may be anything: there is one store.
pub(crate) async fn write(
    State(api): Shared,
    Extension(identity): Extension<Identity>,
    Query(params): Query<Params>,
    headers: HeaderMap,
    body: Body,
) -> Result<StatusCode, WriteError> {
    let precision = match params.precision.as_deref() {
        None | Some("") => Precision::default(),
        Some(name) => Precision::from_name(name).ok_or_else(|| {
            WriteError::invalid(format!("precision is ns, us, ms, s, m or h, not {name:?}"))
        })?,
    };
    let place =
        tokio::time::timeout(PATIENCE, api.admission.write_bodies.clone().acquire_owned()).await;
    let Ok(Ok(_place)) = place else {
        return Err(WriteError::unavailable("too many writes at once"));
    };
    let body = lines(&api, &headers, body).await?;
    let committed =
        tokio::time::timeout(PATIENCE, append(&api, identity.name(), &body, precision)).await;
    let waiting = committed
        .map_err(|_| WriteError::unavailable("the journal has no room"))?
        .map_err(|error| WriteError::unavailable(error.to_string()))?;
    for commit in waiting {
        let commit = tokio::time::timeout(PATIENCE, commit).await;
        if !matches!(commit, Ok(Ok(()))) {
            let message = "the write was not committed in time; it may be stored all the same";
            return Err(WriteError::unavailable(message));
        }
    }
    Ok(StatusCode::NO_CONTENT)
}

/// The body, uncompressed.
async fn lines(api: &Api, headers: &HeaderMap, body: Body) -> Result<Vec<u8>, WriteError> {
    let limit = api.config.get().line_protocol.max_body;
    let most = usize::try_from(limit).unwrap_or(usize::MAX);
    let too_large = || {
        let message = format!("the body has more than {limit} bytes (line_protocol.max_body)");
        WriteError::new(StatusCode::PAYLOAD_TOO_LARGE, "request too large", message)
    };
    let encoding = encoding(headers).map_err(|error| {
        let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
        WriteError::new(status, "invalid", error.to_string())
    })?;
    let mut bytes = Vec::new();
    let mut dropped = 0;
    let mut parts = body.into_data_stream();
    while let Some(part) = parts.next().await {
        let part =
            part.map_err(|error| WriteError::invalid(format!("the body breaks off: {error}")))?;
        if bytes.len() + part.len() <= most && dropped == 0 {
            bytes.extend_from_slice(&part);
            continue;
        }
        // Read on: a client that is cut off while it sends never sees the answer,
        // and agents halve their batch when they do.
        dropped += part.len();
        if dropped > most.saturating_mul(DRAINED) {
            break;
        }
    }
    if dropped > 0 {
        return Err(too_large());
    }
    if encoding == Encoding::Plain {
        return Ok(bytes);
    }
    let unpacked = tokio::task::spawn_blocking(move || unpack(&bytes, limit)).await;
    let unpacked = unpacked.map_err(|error| WriteError::unavailable(error.to_string()))?;
    unpacked.map_err(|error| match error {
        UnpackError::TooLarge(_) => too_large(),
        UnpackError::Invalid(_) => WriteError::invalid(error.to_string()),
    })
}

/// Appends all of it, waiting for room as long as the caller lets it.
async fn append(
    api: &Api,
    client: &str,
    body: &[u8],
    precision: Precision,
) -> Result<Vec<oneshot::Receiver<()>>, AppendError> {
    let received = Timestamp::now();
    let message = |payload| Message {
        received,
        ingress: Ingress::Http,
        client,
        topic: precision.write_topic(),
        payload,
        qos: 1,
        retained: false,
        duplicate: false,
    };
    let mut waiting = Vec::new();
    let pieces = split_lines(body, PIECE);
    let mut rest = pieces.as_slice();
    while !rest.is_empty() {
        let (mut bytes, mut count) = (0, 0);
        while let Some(piece) = rest.get(count)
            && (count == 0 || bytes + piece.len() <= APPEND)
        {
            bytes += piece.len();
            count += 1;
        }
        let messages: Vec<_> = rest[..count].iter().map(|piece| message(piece)).collect();
        loop {
            let (listener, committed) = Committed::channel();
            match api.stores.journal.append(&messages, Some(&listener)) {
                Ok(_) => {
                    waiting.push(committed);
                    break;
                }
                Err(AppendError::Full { .. } | AppendError::Busy { .. }) => {
                    api.stores.journal.room().await;
                }
                Err(error) => return Err(error),
            }
        }
        rest = &rest[count..];
    }
    Ok(waiting)
}

#[derive(Debug, Deserialize)]
pub(crate) struct PingParams {
    verbose: Option<String>,
}

/// `GET` and `HEAD /ping`: 204; with `verbose` 200 and the version, as InfluxDB 1
/// answers.
pub(crate) async fn ping(Query(params): Query<PingParams>) -> Response {
    let version = concat!("weir-", env!("CARGO_PKG_VERSION"));
    let headers = [
        ("x-influxdb-version", version),
        ("x-influxdb-build", "Weir"),
    ];
    let verbose = params.verbose.as_deref().unwrap_or_default();
    match verbose {
        "" | "0" | "false" => (StatusCode::NO_CONTENT, headers).into_response(),
        _ => (headers, Json(json!({"version": version}))).into_response(),
    }
}

/// `GET /health`, as InfluxDB 2 answers: whether writes are taken.
pub(crate) async fn health(State(api): Shared) -> Response {
    let stalled = api.stores.journal.status().stalled;
    let status = match stalled {
        None => StatusCode::OK,
        Some(_) => StatusCode::SERVICE_UNAVAILABLE,
    };
    let document = json!({
        "name": "weir",
        "status": if stalled.is_none() { "pass" } else { "fail" },
        "message": stalled.unwrap_or_else(|| "ready for writes".to_owned()),
        "checks": [],
        "version": env!("CARGO_PKG_VERSION"),
    });
    (status, Json(document)).into_response()
}

#[derive(Debug, Deserialize)]
pub(crate) struct Statement {
    q: Option<String>,
}

/// `/query` of InfluxDB 1: agents create their database before they write.
pub(crate) async fn query(
    Query(statement): Query<Statement>,
    body: String,
) -> Result<Json<serde_json::Value>, WriteError> {
    let form = || {
        let statement = body.strip_prefix("q=")?;
        Some(statement.split('&').next()?.replace(['+', '%'], " "))
    };
    let text = statement.q.or_else(form).unwrap_or_default();
    let text = text.trim_start().to_ascii_uppercase();
    if text.starts_with("CREATE DATABASE") || text.starts_with("CREATE 20DATABASE") {
        return Ok(Json(json!({"results": [{"statement_id": 0}]})));
    }
    let message = "there is no InfluxQL here; SQL is at /api/v1/query";
    Err(WriteError::invalid(message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn ping_has_a_document_where_it_is_asked_for() {
        for (verbose, expect) in [
            (None, StatusCode::NO_CONTENT),
            (Some("false"), StatusCode::NO_CONTENT),
            (Some("0"), StatusCode::NO_CONTENT),
            (Some("true"), StatusCode::OK),
            (Some("1"), StatusCode::OK),
        ] {
            let verbose = verbose.map(str::to_owned);
            let answer = ping(Query(PingParams { verbose })).await;
            assert_eq!(answer.status(), expect);
            assert!(answer.headers().contains_key("x-influxdb-version"));
        }
    }
}
