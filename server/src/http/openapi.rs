//! `GET /api/openapi.json`: what this interface offers, for people and tools.

use axum::http::header;
use axum::response::IntoResponse;

/// Written by hand; a test holds its paths equal to the router's.
const DOCUMENT: &str = include_str!("openapi.json");

pub(super) async fn openapi() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], DOCUMENT)
}
