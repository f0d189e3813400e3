//! `GET /api/openapi.json`: what this interface offers, for people and tools.

use axum::http::header;
use axum::response::IntoResponse;

/// Written by hand; a test holds its paths equal to the router's.
const DOCUMENT: &str = include_str!("openapi.json");

pub(crate) async fn openapi() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], DOCUMENT)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::DOCUMENT;
    use crate::handlers::alarms::ACTIONS;

    /// The router keeps its paths to itself, so they are read from its source.
    #[test]
    fn the_document_names_every_path_of_the_router() {
        let sources = [
            include_str!("../router.rs"),
            include_str!("alarms.rs"),
            include_str!("alarm_figures.rs"),
            include_str!("session.rs"),
        ];
        let source = sources.concat().replace(['\n', ' '], "");
        let paths = source
            .split(".route(\"")
            .skip(1)
            .map(|rest| rest.split('"').next().unwrap().replace("{*", "{"));
        // One handler has several actions, each with its own path for clients.
        let routed: BTreeSet<String> = paths
            .flat_map(|path| match path.strip_suffix("{action}") {
                Some(base) => ACTIONS
                    .map(|(action, _)| format!("{base}{action}"))
                    .to_vec(),
                None => vec![path],
            })
            .collect();
        let document: Value = serde_json::from_str(DOCUMENT).unwrap();
        let documented: BTreeSet<String> = document["paths"]
            .as_object()
            .unwrap()
            .keys()
            .cloned()
            .collect();
        assert_eq!(documented, routed);
    }
}
