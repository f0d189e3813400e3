//! The routes of the HTTP interface. Errors are RFC 9457 problem documents.

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{get, post};

use crate::api::{Api, BODY_LIMIT};
use crate::handlers::{
    alarm_figures, alarms, config, devices, explain, flow, functions, ingest, limits, metrics,
    openapi, overview, page, quarantine, query, readings, session, shadow, stream, system, whoami,
    write,
};
use crate::middleware::{access, body, compress, guard};
use crate::problem::Problem;

/// All routes, behind authentication.
pub fn router(api: Arc<Api>) -> Router {
    Router::new()
        .route("/", get(page::root))
        .route("/ui", get(page::without_slash))
        .route("/ui/", get(page::index))
        .route("/ui/{*path}", get(page::file))
        .route("/healthz", get(flow::healthz))
        .route("/readyz", get(flow::readyz))
        .route("/metrics", get(metrics::metrics))
        .route("/api/openapi.json", get(openapi::openapi))
        .route("/api/v1/whoami", get(whoami::whoami))
        .merge(session::routes())
        .route("/api/v1/overview", get(overview::overview))
        .route("/api/v1/system", get(system::system))
        .route("/api/v1/flow", get(flow::flow))
        .route("/api/v1/config", get(config::config))
        .route("/api/v1/functions", get(functions::functions))
        .route("/api/v1/functions/{name}", get(functions::one))
        .route("/api/v1/devices", get(devices::list))
        .route("/api/v1/devices/mosaic", get(devices::mosaic))
        .route("/api/v1/devices/{id}", get(devices::one))
        .route("/api/v1/devices/{id}/limits", get(limits::limits))
        .route("/api/v1/devices/{id}/readings", get(readings::readings))
        .route("/api/v1/devices/{id}/explain", get(explain::explain))
        .merge(alarms::routes())
        .merge(alarm_figures::routes())
        .route("/api/v1/quarantine", get(quarantine::list))
        .route("/api/v1/quarantine/reasons", get(quarantine::reasons))
        .route("/api/v1/quarantine/replay", post(quarantine::replay))
        .route("/api/v1/query", post(query::query))
        .route(
            "/api/v3/query_sql",
            get(query::v3::get).post(query::v3::post),
        )
        .route("/api/v1/stream", get(stream::stream))
        .route(
            "/things/{thing}/shadow",
            get(shadow::get).post(shadow::update).delete(shadow::delete),
        )
        .route(
            "/api/things/shadow/ListNamedShadowsForThing/{thing}",
            get(shadow::list_named),
        )
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .route(
            "/api/v1/ingest/{*topic}",
            // Its limit is configured, and may change: the handler keeps it.
            post(ingest::ingest).layer(DefaultBodyLimit::disable()),
        )
        // Line protocol: the handler bounds the bodies itself.
        .route("/api/v2/write", post(write::write))
        .route("/write", post(write::write))
        .route("/query", get(write::query).post(write::query))
        .route("/ping", get(write::ping))
        .route("/health", get(write::health))
        .fallback(async || Problem::not_found("there is nothing at this path"))
        .method_not_allowed_fallback(async || Problem::method_not_allowed())
        .layer(from_fn(body::only_plain))
        .layer(from_fn_with_state(api.clone(), access::check))
        .layer(from_fn(compress::json))
        .layer(from_fn_with_state(api.clone(), body::bound))
        .layer(from_fn_with_state(api.clone(), guard::only_local))
        .with_state(api)
}
