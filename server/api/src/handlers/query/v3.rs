//! `/api/v3/query_sql`: the query interface of InfluxDB 3, for its clients. The
//! database that they name is not looked at: Weir has one.
//!
//! Errors carry their sentence as `error` too, where those clients look for it.

use axum::Json;
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Map, Value};
use weir_sql_endpoints::query_access;

use super::run;
use crate::api::{Api, Shared};
use crate::encode::Format;
use crate::problem::Problem;

#[derive(Debug, Deserialize)]
pub(crate) struct Request {
    q: String,
    #[serde(rename = "db")]
    _database: Option<String>,
    format: Option<String>,
    #[serde(default)]
    params: Map<String, Value>,
}

/// The same in the query of a URL, where `params` is JSON in a text.
#[derive(Debug, Deserialize)]
pub(crate) struct UrlRequest {
    q: String,
    #[serde(rename = "db")]
    _database: Option<String>,
    format: Option<String>,
    params: Option<String>,
}

pub(crate) async fn get(
    State(api): Shared,
    headers: HeaderMap,
    request: Result<Query<UrlRequest>, QueryRejection>,
) -> Response {
    let request = match request {
        Ok(Query(request)) => request,
        Err(rejection) => return refused(Problem::bad_request(rejection.body_text())),
    };
    let params = match request
        .params
        .as_deref()
        .map(serde_json::from_str)
        .transpose()
    {
        Ok(params) => params.unwrap_or_default(),
        Err(error) => {
            let detail = format!("params is not a JSON object: {error}");
            return refused(Problem::bad_request(detail));
        }
    };
    let request = Request {
        q: request.q,
        _database: None,
        format: request.format,
        params,
    };
    answer(&api, &headers, request)
        .await
        .unwrap_or_else(refused)
}

pub(crate) async fn post(
    State(api): Shared,
    headers: HeaderMap,
    request: Result<Json<Request>, JsonRejection>,
) -> Response {
    match request {
        Ok(Json(request)) => answer(&api, &headers, request)
            .await
            .unwrap_or_else(refused),
        Err(rejection) => refused(Problem::bad_request(format!(
            "expected {{\"db\": \"…\", \"q\": \"SELECT …\"}}: {}",
            rejection.body_text()
        ))),
    }
}

async fn answer(api: &Api, headers: &HeaderMap, request: Request) -> Result<Response, Problem> {
    let format = match request.format.as_deref() {
        Some(name) => Format::by_name(name),
        None => Format::negotiate(headers),
    };
    let format = format.ok_or_else(|| {
        Problem::bad_request("format is none of json, jsonl, csv, parquet, pretty")
    })?;
    let parameters = query_access::named(request.params)
        .map_err(|error| Problem::bad_request(error.to_string()))?;
    run(api, &request.q, &parameters, format).await
}

fn refused(problem: Problem) -> Response {
    problem.with_error_member().into_response()
}
