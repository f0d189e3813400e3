//! `GET /api/v1/whoami`: who the caller is and what it may do.

use axum::extract::State;
use axum::{Extension, Json};
use serde_json::{Value, json};
use weir_auth::{Action, Identity};

use crate::api::{Api, Shared};

pub(crate) async fn whoami(
    State(api): Shared,
    Extension(identity): Extension<Identity>,
) -> Json<Value> {
    Json(document(&api, &identity))
}

/// Without `[auth]` everybody is an admin without a name.
pub(crate) fn document(api: &Api, identity: &Identity) -> Value {
    let has_auth = api.access.is_required();
    let rights = [
        ("read", Action::Read),
        ("operate", Action::Operate),
        ("administer", Action::Administer),
    ];
    let may: Vec<&str> = rights
        .into_iter()
        .filter(|(_, action)| api.access.allows(identity, *action))
        .map(|(name, _)| name)
        .collect();
    json!({
        "name": has_auth.then(|| identity.name()),
        "role": if has_auth { identity.role().as_str() } else { "admin" },
        "auth": has_auth,
        "may": may,
    })
}
