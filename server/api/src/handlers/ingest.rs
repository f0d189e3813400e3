//! `POST /api/v1/ingest/{topic…}`: messages by HTTP, handled as by
//! MQTT: 202 only after the journal holds the message; with `?wait=processed` the
//! answer of the reference handler once its effects are decided.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::{Body, to_bytes};
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use parking_lot::Mutex;
use serde::Deserialize;
use serde_json::json;
use tokio::sync::oneshot;
use weir_auth::Identity;
use weir_journal::{AppendError, CommitListener, Journal};
use weir_model::{Ingress, Message, Position, Timestamp};

use crate::api::{Api, Shared};
use crate::extract::{Path, Query};
use crate::middleware::body::{Encoding, TooSlow, UnpackError, encoding, is_too_slow, unpack};
use crate::problem::Problem;

/// How long a request waits for room in the journal, its commit, or its effects.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Params {
    wait: Option<Wait>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Wait {
    Processed,
}

pub(crate) async fn ingest(
    State(api): Shared,
    Extension(identity): Extension<Identity>,
    Path(topic): Path<String>,
    Query(params): Query<Params>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let config = api.config.get();
    let body = payload(&headers, body, config.limits.max_payload).await?;
    if !api.gateways.topics.is_telemetry(&topic) {
        let patterns: Vec<_> = config
            .routes
            .iter()
            .map(|route| route.topic.as_str())
            .collect();
        let patterns = patterns.join(", ");
        return Err(Problem::not_found(format!(
            "no route takes {topic:?}; there are: {patterns}"
        )));
    }
    let appended = tokio::time::timeout(
        PATIENCE,
        append(&api, identity.name(), &topic, &body, params.wait),
    )
    .await
    .map_err(|_| Problem::unavailable("the journal has no room", 1))??;
    let message = "the message was not committed in time; it may be stored all the same";
    let committed = tokio::time::timeout(PATIENCE, appended.committed).await;
    if !matches!(committed, Ok(Ok(()))) {
        return Err(Problem::unavailable(message, 5));
    }
    let Some(processed) = appended.processed else {
        return Ok((StatusCode::ACCEPTED, Json(json!({"accepted": true}))).into_response());
    };
    match tokio::time::timeout(PATIENCE, processed).await {
        Ok(Ok(outcome)) => {
            let timestamp = outcome.timestamp.unwrap_or_else(Timestamp::now).millis();
            let mut answer = json!({
                "processed": outcome.readings,
                "alerts": outcome.alerts,
                "timestamp": timestamp,
            });
            if outcome.quarantined > 0 {
                answer["quarantined"] = json!(outcome.quarantined);
            }
            Ok(Json(answer).into_response())
        }
        _ => Err(Problem::unavailable(
            "the message is journaled but not processed yet",
            5,
        )),
    }
}

/// The body, uncompressed.
async fn payload(headers: &HeaderMap, body: Body, limit: u64) -> Result<Bytes, Problem> {
    let encoding =
        encoding(headers).map_err(|error| Problem::unsupported_media_type(error.to_string()))?;
    let most = usize::try_from(limit).unwrap_or(usize::MAX);
    let body = to_bytes(body, most).await.map_err(|error| {
        if is_too_slow(&error) {
            Problem::request_timeout(TooSlow.to_string())
        } else {
            Problem::too_large(format!("the body has more than {limit} bytes"))
        }
    })?;
    if encoding == Encoding::Plain {
        return Ok(body);
    }
    let unpacked = tokio::task::spawn_blocking(move || unpack(&body, limit)).await;
    match unpacked.map_err(Problem::internal)? {
        Ok(unpacked) => Ok(unpacked.into()),
        Err(error @ UnpackError::TooLarge(_)) => Err(Problem::too_large(error.to_string())),
        Err(error @ UnpackError::Invalid(_)) => Err(Problem::bad_request(error.to_string())),
    }
}

struct Pending {
    committed: oneshot::Receiver<()>,
    processed: Option<oneshot::Receiver<weir_pipeline::Processed>>,
}

/// Appends, waiting for room as long as the caller lets it.
async fn append(
    api: &Api,
    client: &str,
    topic: &str,
    payload: &[u8],
    wait: Option<Wait>,
) -> Result<Pending, Problem> {
    when_there_is_room(&*api.stores.journal, || {
        let message = Message {
            received: Timestamp::now(),
            ingress: Ingress::Http,
            client,
            topic,
            payload,
            qos: 1,
            retained: false,
            duplicate: false,
        };
        let (listener, committed) = Committed::channel();
        let append = || api.stores.journal.append(&[message], Some(&listener));
        let processed = match wait {
            Some(Wait::Processed) => Some(api.signals.processed_waiters.append(append)?),
            None => append().map(|_| None)?,
        };
        Ok(Pending {
            committed,
            processed,
        })
    })
    .await
}

/// Tries until the journal has room for it. The caller bounds the time.
pub(crate) async fn when_there_is_room<T>(
    journal: &dyn Journal,
    mut append: impl FnMut() -> Result<T, AppendError>,
) -> Result<T, Problem> {
    loop {
        match append() {
            Ok(appended) => return Ok(appended),
            Err(AppendError::Full { .. } | AppendError::Busy { .. }) => journal.room().await,
            Err(AppendError::Failed(error)) => {
                return Err(Problem::unavailable(error.to_string(), 60));
            }
        }
    }
}

/// Resolves a oneshot at the first commit after the append: it is the only one
/// that this listener made.
pub(crate) struct Committed(Mutex<Option<oneshot::Sender<()>>>);

impl Committed {
    pub(crate) fn channel() -> (Arc<dyn CommitListener>, oneshot::Receiver<()>) {
        let (sender, receiver) = oneshot::channel();
        (Arc::new(Self(Mutex::new(Some(sender)))), receiver)
    }
}

impl CommitListener for Committed {
    fn committed(&self, _: Position) {
        if let Some(sender) = self.0.lock().take() {
            // The client may have gone; its message is committed all the same.
            let _ = sender.send(());
        }
    }

    fn failed(&self) {
        self.0.lock().take();
    }
}
