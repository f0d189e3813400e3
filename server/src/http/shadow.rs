//! Device shadows in the shape of the AWS IoT data plane:
//! `GET|POST|DELETE /things/{thing}/shadow[?name=]` and `ListNamedShadowsForThing`.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::Value;
use weir_shadows::{Operation, Rejected, Request};

use super::{Api, Problem, Shared};
use crate::shadow_worker::publish;
use crate::store_worker::now;

#[derive(Debug, Deserialize)]
pub(super) struct Name {
    name: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Page {
    page_size: Option<usize>,
    next_token: Option<String>,
}

pub(super) async fn get(
    State(api): Shared,
    Path(thing): Path<String>,
    Query(Name { name }): Query<Name>,
) -> Result<Response, Problem> {
    blocking(move || answer(api.shadows.get(&thing, name.as_deref(), now().millis()))).await
}

pub(super) async fn update(
    State(api): Shared,
    Path(thing): Path<String>,
    Query(Name { name }): Query<Name>,
    body: Bytes,
) -> Result<Response, Problem> {
    blocking(move || change(&api, thing, name, Operation::Update, &body)).await
}

pub(super) async fn delete(
    State(api): Shared,
    Path(thing): Path<String>,
    Query(Name { name }): Query<Name>,
) -> Result<Response, Problem> {
    blocking(move || change(&api, thing, name, Operation::Delete, &[])).await
}

pub(super) async fn list_named(
    State(api): Shared,
    Path(thing): Path<String>,
    Query(page): Query<Page>,
) -> Result<Response, Problem> {
    blocking(move || {
        let size = page.page_size.unwrap_or(25);
        let listed =
            api.shadows
                .list_named(&thing, size, page.next_token.as_deref(), now().millis());
        answer(listed)
    })
    .await
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
    let changed = api.shadows.change(&request, now().millis());
    match changed {
        Ok(change) => {
            for message in change.answers {
                publish(&api.outlets, message.topic, message.payload);
            }
            answer(change.result.map(Ok).unwrap_or_else(Err))
        }
        Err(error) => Problem::internal(error).into_response(),
    }
}

fn answer(result: Result<Value, Rejected>) -> Response {
    match result {
        Ok(document) => Json(document).into_response(),
        Err(rejected) => {
            let status =
                StatusCode::from_u16(rejected.code()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            (status, Json(rejected.to_json(now().seconds(), None))).into_response()
        }
    }
}

async fn blocking(work: impl FnOnce() -> Response + Send + 'static) -> Result<Response, Problem> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(Problem::internal)
}
