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
    let mut document = json!({
        "name": has_auth.then(|| identity.name()),
        "role": if has_auth { identity.role().as_str() } else { "admin" },
        "auth": has_auth,
        "may": may,
    });
    if let Some(provider) = provider(api) {
        document["oidc"] = provider;
    }
    document
}

/// Where people can sign in, besides tokens and passwords.
pub(crate) fn provider(api: &Api) -> Option<Value> {
    let oidc = api.access.provider()?;
    Some(json!({"issuer": oidc.issuer, "clientId": oidc.client_id}))
}
