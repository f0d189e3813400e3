//! The audit of what people change by HTTP, besides alarms: one layer over all routes, so
//! that a new route that changes something is in it. Devices are not people; what they
//! send is in the journal.

use std::sync::Arc;

use axum::http::Method;
use axum::response::Response;
use weir_auth::{Identity, Role};
use weir_model::Timestamp;
use weir_notify::ChangeEntry;

use super::access::Need;
use crate::api::Api;
use crate::serve::Peer;

/// What the audit says of a request: a handler sets it as an extension of its answer.
#[derive(Clone, Debug)]
pub(crate) enum Audited {
    /// Nothing was changed.
    Nothing,
    Note(String),
}

/// A request that may change something.
#[derive(Debug)]
pub(super) struct Change {
    action: String,
    target: String,
    by: String,
    from: Option<String>,
}

impl Change {
    /// `None`: it changes nothing, or has an audit of its own.
    pub(super) fn of(
        method: &Method,
        route: &str,
        path: &str,
        need: Need,
        identity: &Identity,
        peer: Option<Peer>,
    ) -> Option<Self> {
        let action = action(method, route, need)?;
        if identity.role() == Role::Device {
            return None;
        }
        let by = match identity.name() {
            "" => "api",
            name => name,
        };
        Some(Self {
            action,
            target: path.to_owned(),
            by: by.to_owned(),
            from: peer.map(|peer| peer.0.to_string()),
        })
    }

    /// The entry of the audit, if the answer says that it was done.
    pub(super) fn done(self, answer: &Response) -> Option<ChangeEntry> {
        if !answer.status().is_success() {
            return None;
        }
        let note = match answer.extensions().get::<Audited>() {
            Some(Audited::Nothing) => return None,
            Some(Audited::Note(note)) => Some(note.clone()),
            None => None,
        };
        Some(ChangeEntry {
            action: self.action,
            target: self.target,
            by: self.by,
            from: self.from,
            at: Timestamp::now().millis(),
            note,
        })
    }
}

/// Durable on return.
pub(super) async fn record(api: Arc<Api>, entry: ChangeEntry) {
    let record = move || api.stores.alarms.record_change(&entry);
    if let Ok(Err(error)) = tokio::task::spawn_blocking(record).await {
        tracing::error!(%error, "a change is not in the audit");
    }
}

/// The name of a change. What is not named goes by its method and route.
fn action(method: &Method, route: &str, need: Need) -> Option<String> {
    let changes = matches!(
        *method,
        Method::POST | Method::PUT | Method::PATCH | Method::DELETE
    );
    if !changes || !need.is_of_operators() {
        return None;
    }
    let named = match route {
        "/api/v1/alarms/{id}/{action}" | "/api/v1/alarms/actions" => return None,
        "/api/v1/alarms/channels/{name}/test" => "test-channel",
        "/api/v1/alarms/dead-letters/{n}/retry" => "retry-dead-letter",
        "/api/v1/quarantine/replay" => "replay-quarantine",
        "/api/v1/sessions/{name}" => "revoke-sessions",
        "/things/{thing}/shadow" if *method == Method::DELETE => "delete-shadow",
        "/things/{thing}/shadow" => "update-shadow",
        _ => return Some(format!("{} {route}", method.as_str().to_lowercase())),
    };
    Some(named.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::middleware::access::need;

    #[test]
    fn every_route_that_changes_something_has_a_name_in_the_audit() {
        for (method, route, expect) in [
            (
                Method::POST,
                "/things/{thing}/shadow",
                Some("update-shadow"),
            ),
            (
                Method::DELETE,
                "/things/{thing}/shadow",
                Some("delete-shadow"),
            ),
            (Method::GET, "/things/{thing}/shadow", None),
            (
                Method::POST,
                "/api/v1/quarantine/replay",
                Some("replay-quarantine"),
            ),
            (
                Method::POST,
                "/api/v1/forgotten",
                Some("post /api/v1/forgotten"),
            ),
            (
                Method::DELETE,
                "/api/v1/sessions/{name}",
                Some("revoke-sessions"),
            ),
            // These have an audit of their own.
            (Method::POST, "/api/v1/alarms/{id}/{action}", None),
            // These only read, send readings, or end the caller's own session.
            (Method::POST, "/api/v1/query", None),
            (Method::POST, "/api/v1/ingest/{*topic}", None),
            (Method::POST, "/api/v2/write", None),
            (Method::DELETE, "/api/v1/session", None),
        ] {
            let named = action(&method, route, need(&method, route));
            assert_eq!(named.as_deref(), expect, "{method} {route}");
        }
    }
}
