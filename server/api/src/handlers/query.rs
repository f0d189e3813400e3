//! `POST /api/v1/query`: read-only SQL, streamed in the format of `Accept`.

pub(crate) mod v3;

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::error::ArrowError;
use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use futures::{Stream, StreamExt};
use serde::Deserialize;
use weir_sql::{Dialect, Parameters, QueryError};
use weir_sql_endpoints::query_access;

use crate::api::{Api, Shared};
use crate::encode::{Encoder, Format};
use crate::problem::Problem;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Request {
    sql: String,
}

pub(crate) async fn query(
    State(api): Shared,
    headers: HeaderMap,
    body: Result<Json<Request>, JsonRejection>,
) -> Result<Response, Problem> {
    let Json(body) = body.map_err(|rejection| {
        Problem::bad_request(format!(
            "expected {{\"sql\": \"…\"}}: {}",
            rejection.body_text()
        ))
    })?;
    let format = Format::negotiate(&headers).ok_or_else(|| {
        Problem::bad_request(
            "Accept names none of application/json, application/jsonl, text/csv, \
             application/vnd.apache.arrow.stream, application/vnd.apache.parquet, text/plain",
        )
    })?;
    run(&api, &body.sql, &Parameters::None, format).await
}

/// Runs a query. Its first batch is awaited before the answer begins, so that
/// most failures still become a status; a later one cuts the body off.
pub(crate) async fn run(
    api: &Api,
    text: &str,
    parameters: &Parameters,
    format: Format,
) -> Result<Response, Problem> {
    let limits = query_access::limits(&api.config.get().query);
    let prepared = api.sql.prepare(text, Dialect::Generic, limits).await;
    let prepared = prepared.map_err(problem)?;
    let batches = api.sql.run(&prepared, parameters, limits).await;
    let mut batches = batches.map_err(problem)?;
    let schema = batches.schema();
    let mut encoder = Encoder::new(format, &schema).map_err(Problem::internal)?;
    let first = match batches.next().await {
        Some(batch) => {
            let batch: RecordBatch = batch.map_err(|error| problem(QueryError::from(error)))?;
            Some(encoder.write(&batch).map_err(unencodable)?)
        }
        None => None,
    };
    let rest = encode_rest(batches, encoder, first.unwrap_or_default());
    let content_type = [(header::CONTENT_TYPE, format.content_type())];
    Ok((content_type, Body::from_stream(rest)).into_response())
}

/// Only a table for people that is too long is the sender's fault.
fn unencodable(error: ArrowError) -> Problem {
    match error {
        ArrowError::MemoryError(detail) => Problem::unprocessable(detail),
        error => Problem::internal(error),
    }
}

fn encode_rest<S, E>(
    batches: S,
    encoder: Encoder,
    first: Vec<u8>,
) -> impl Stream<Item = Result<Vec<u8>, BoxError>>
where
    S: Stream<Item = Result<RecordBatch, E>> + Unpin,
    QueryError: From<E>,
{
    let state = (batches, Some(encoder), Some(first));
    futures::stream::unfold(state, async |(mut batches, mut encoder, mut first)| {
        if let Some(first) = first.take() {
            return Some((Ok(first), (batches, encoder, None)));
        }
        let mut writer = encoder.take()?;
        let (bytes, encoder) = match batches.next().await {
            Some(Ok(batch)) => (writer.write(&batch).map_err(Into::into), Some(writer)),
            Some(Err(error)) => {
                let error = QueryError::from(error);
                // What went over a limit is the sender's business.
                if let QueryError::Store(error) = &error {
                    tracing::warn!(%error, "the store failed under a query");
                }
                (Err(error.into()), None)
            }
            None => (writer.finish().map_err(Into::into), None),
        };
        Some((bytes, (batches, encoder, None)))
    })
}

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Collects a small result of our own making.
pub(crate) async fn collect(api: &Api, text: &str) -> Result<Vec<RecordBatch>, Problem> {
    let limits = query_access::limits(&api.config.get().query);
    let batches = api.sql.query(text, limits).await.map_err(problem)?;
    let batches: Vec<_> = batches.collect().await;
    batches
        .into_iter()
        .collect::<Result<_, _>>()
        .map_err(|error| problem(QueryError::from(error)))
}

pub(crate) fn problem(error: QueryError) -> Problem {
    match error {
        QueryError::Invalid(_)
        | QueryError::Refused { .. }
        | QueryError::TooLong { .. }
        | QueryError::Failed(_) => Problem::bad_request(error.to_string()),
        QueryError::Timeout { .. } => Problem::timeout(error.to_string()),
        QueryError::Busy { .. } => Problem::unavailable(error.to_string(), 1),
        QueryError::TooManyRows { .. } | QueryError::Memory(_) => {
            Problem::unprocessable(error.to_string())
        }
        QueryError::Store(_) => Problem::internal(error),
    }
}

/// A text as a SQL literal.
pub(crate) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// Used where a handler wants rows as JSON values.
pub(crate) fn rows(batches: &[RecordBatch]) -> Result<Vec<serde_json::Value>, Problem> {
    let Some(first) = batches.first() else {
        return Ok(Vec::new());
    };
    let mut encoder =
        Encoder::new(Format::Json, &Arc::clone(&first.schema())).map_err(Problem::internal)?;
    let mut bytes = Vec::new();
    for batch in batches {
        bytes.extend(encoder.write(batch).map_err(Problem::internal)?);
    }
    bytes.extend(encoder.finish().map_err(Problem::internal)?);
    serde_json::from_slice(&bytes).map_err(Problem::internal)
}
