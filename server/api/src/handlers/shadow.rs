//! Device shadows in the shape of the AWS IoT data plane:
//! `GET|POST|DELETE /things/{thing}/shadow[?name=]` and `ListNamedShadowsForThing`.
//!
//! AuthRefusals have the body that MQTT has, and besides it the header by which
//! AWS's clients tell their exceptions apart. The headers of a signed request are
//! ignored; with `[auth]`, `Authorization` is as everywhere.

use axum::Json;
use axum::body::Body;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use futures::StreamExt;
use serde::Deserialize;
use serde_json::Value;
use weir_model::Timestamp;
use weir_shadow_document::{Operation, Rejected, Request};
use weir_workers::publish_shadow_answer;

use crate::api::{Api, BODY_LIMIT, Shared};

/// Bytes of a body beyond [`BODY_LIMIT`] that are read for politeness.
const DISCARD_LIMIT: usize = 16 << 20;
/// Selects the exception that AWS's clients raise.
pub(crate) const ERROR_TYPE: &str = "x-amzn-errortype";

type Thing = Result<Path<String>, PathRejection>;
type Named = Result<Query<Name>, QueryRejection>;

#[derive(Debug, Deserialize)]
pub(crate) struct Name {
    name: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Page {
    page_size: Option<usize>,
    next_token: Option<String>,
}

pub(crate) async fn get(State(api): Shared, thing: Thing, name: Named) -> Response {
    let (thing, name) = match target(thing, name) {
        Ok(target) => target,
        Err(rejected) => return refusal(&rejected),
    };
    blocking(move || {
        answer(
            api.stores
                .shadows
                .get(&thing, name.as_deref(), Timestamp::now().millis()),
        )
    })
    .await
}

pub(crate) async fn update(State(api): Shared, thing: Thing, name: Named, body: Body) -> Response {
    let (thing, name, body) = match (target(thing, name), whole(body).await) {
        (Ok((thing, name)), Ok(body)) => (thing, name, body),
        (Err(rejected), _) | (_, Err(rejected)) => return refusal(&rejected),
    };
    blocking(move || change(&api, thing, name, Operation::Update, &body)).await
}

pub(crate) async fn delete(State(api): Shared, thing: Thing, name: Named) -> Response {
    let (thing, name) = match target(thing, name) {
        Ok(target) => target,
        Err(rejected) => return refusal(&rejected),
    };
    blocking(move || change(&api, thing, name, Operation::Delete, &[])).await
}

pub(crate) async fn list_named(
    State(api): Shared,
    thing: Thing,
    page: Result<Query<Page>, QueryRejection>,
) -> Response {
    let (Path(thing), Query(page)) = match (thing, page) {
        (Ok(thing), Ok(page)) => (thing, page),
        (Err(_), _) => return refusal(&Rejected::InvalidThing),
        (_, Err(_)) => return refusal(&Rejected::InvalidPageSize),
    };
    blocking(move || {
        let size = page.page_size.unwrap_or(25);
        let listed = api.stores.shadows.list_named(
            &thing,
            size,
            page.next_token.as_deref(),
            Timestamp::now().millis(),
        );
        answer(listed)
    })
    .await
}

/// Reads a body to its end even when it is too large: a client that still sends
/// would see a broken connection in place of the answer.
async fn whole(body: Body) -> Result<Vec<u8>, Rejected> {
    let (mut kept, mut discarded) = (Vec::new(), 0);
    let mut chunks = body.into_data_stream();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| Rejected::InvalidJson)?;
        if discarded == 0 && kept.len() + chunk.len() <= BODY_LIMIT {
            kept.extend_from_slice(&chunk);
            continue;
        }
        discarded += chunk.len();
        if discarded > DISCARD_LIMIT {
            break;
        }
    }
    if discarded > 0 {
        return Err(Rejected::TooLarge);
    }
    Ok(kept)
}

/// Which shadow a request is about. What is no text names nothing.
fn target(thing: Thing, name: Named) -> Result<(String, Option<String>), Rejected> {
    let Path(thing) = thing.map_err(|_| Rejected::InvalidThing)?;
    let Query(Name { name }) = name.map_err(|_| Rejected::InvalidShadow)?;
    Ok((thing, name))
}

/// Applies a change through the same transaction as requests by MQTT, publishes
/// what MQTT watchers expect, and answers with the accepted document.
fn change(
    api: &Api,
    thing: String,
    name: Option<String>,
    operation: Operation,
    body: &[u8],
) -> Response {
    let request = Request {
        thing,
        name,
        operation,
        payload: body.to_vec(),
        publish: true,
    };
    let changed = api
        .stores
        .shadows
        .change(&request, Timestamp::now().millis());
    match changed {
        Ok(change) => {
            for message in change.answers {
                publish_shadow_answer(&api.gateways.publishers, message.topic, message.payload);
            }
            answer(change.result.map(Ok).unwrap_or_else(Err))
        }
        Err(error) => {
            tracing::error!(%error, "a shadow request failed");
            refusal(&Rejected::Internal)
        }
    }
}

fn answer(result: Result<Value, Rejected>) -> Response {
    match result {
        Ok(document) => Json(document).into_response(),
        Err(rejected) => refusal(&rejected),
    }
}

fn refusal(rejected: &Rejected) -> Response {
    let status = StatusCode::from_u16(rejected.code()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let kind = (ERROR_TYPE, HeaderValue::from_static(rejected.exception()));
    (
        status,
        [kind],
        Json(rejected.to_json(Timestamp::now().seconds(), None)),
    )
        .into_response()
}

async fn blocking(work: impl FnOnce() -> Response + Send + 'static) -> Response {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|error| {
            tracing::error!(%error, "a shadow request failed");
            refusal(&Rejected::Internal)
        })
}
