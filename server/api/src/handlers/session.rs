//! Sign-in of people at the identity provider of `[auth.oidc]`.
//!
//! `GET /api/v1/session` says where the page sends the browser; `POST /api/v1/session`
//! takes the code with which it comes back, and answers with a session token;
//! `POST /api/v1/session/renew` and `DELETE /api/v1/session` continue and end the session.
//! `GET /api/v1/sessions` and `DELETE /api/v1/sessions/{name}` are an admin's.

use std::sync::Arc;

use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use axum::{Extension, Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};
use tracing::{info, warn};
use weir_auth::{Access, Identity, SessionInfo, SignIn, SignInError, SignedIn};
use weir_model::{Timestamp, printable};

use crate::api::{Api, Shared};
use crate::extract::{Path, Query};
use crate::problem::Problem;

/// Where the provider sends the browser back to, below the address of Weir.
const RETURN: &str = "/ui/signed-in";
const RETRY_SECONDS: u32 = 5;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SignInBody {
    code: String,
    code_verifier: String,
    redirect_uri: String,
    nonce: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SignOutParams {
    /// Where the provider sends the browser afterwards.
    return_to: Option<String>,
}

pub(crate) fn routes() -> Router<Arc<Api>> {
    Router::new()
        .route("/api/v1/session", get(start).post(sign_in).delete(sign_out))
        .route("/api/v1/session/renew", post(renew))
        .route("/api/v1/sessions", get(list))
        .route("/api/v1/sessions/{name}", delete(revoke))
}

async fn start(State(api): Shared) -> Result<Json<Value>, Problem> {
    let start = asking(&api, |access| access.sign_in_start()).await?;
    Ok(Json(json!({
        "issuer": start.issuer,
        "clientId": start.client_id,
        "scope": start.scope,
        "authorizationEndpoint": start.authorization_endpoint,
        "redirectPath": RETURN,
    })))
}

async fn sign_in(
    State(api): Shared,
    body: Result<Json<SignInBody>, JsonRejection>,
) -> Result<Response, Problem> {
    let Json(body) = body.map_err(|error| Problem::bad_request(error.body_text()))?;
    if !body.redirect_uri.ends_with(RETURN) {
        let detail = format!("redirectUri does not end with {RETURN}");
        return Err(Problem::bad_request(detail));
    }
    let signed_in = asking(&api, move |access| {
        let sign_in = SignIn {
            code: &body.code,
            code_verifier: &body.code_verifier,
            redirect_uri: &body.redirect_uri,
            nonce: &body.nonce,
        };
        access.sign_in(sign_in, Timestamp::now())
    })
    .await?;
    let SessionInfo { name, role, .. } = &signed_in.info;
    info!(name = %printable(name), role = role.as_str(), "signed in at the identity provider");
    Ok((StatusCode::CREATED, Json(document(&signed_in))).into_response())
}

async fn renew(
    State(api): Shared,
    Extension(identity): Extension<Identity>,
) -> Result<Json<Value>, Problem> {
    let id = identity.session();
    let id = id.ok_or_else(|| Problem::bad_request("this is not the token of a session"))?;
    let renewed = asking(&api, move |access| access.renew(id, Timestamp::now())).await?;
    Ok(Json(document(&renewed)))
}

async fn sign_out(
    State(api): Shared,
    Query(params): Query<SignOutParams>,
    Extension(identity): Extension<Identity>,
) -> Result<Json<Value>, Problem> {
    if identity.session().is_none() {
        return Err(Problem::bad_request("this is not the token of a session"));
    }
    let access = api.access.clone();
    let return_to = params.return_to.unwrap_or_default();
    let sign_out = move || access.sign_out(&identity, &return_to);
    let end = tokio::task::spawn_blocking(sign_out).await;
    Ok(Json(json!({"endSession": end.map_err(Problem::internal)?})))
}

async fn list(State(api): Shared) -> Json<Value> {
    let sessions = api.access.sessions(Timestamp::now());
    let sessions: Vec<Value> = sessions.iter().map(info_document).collect();
    Json(json!({"sessions": sessions}))
}

async fn revoke(
    State(api): Shared,
    Path(name): Path<String>,
    Extension(identity): Extension<Identity>,
) -> Json<Value> {
    let revoked = api.access.revoke_sessions(&name);
    if revoked > 0 {
        let (name, by) = (printable(&name), printable(identity.name()));
        warn!(%name, %by, revoked, "sessions revoked");
    }
    Json(json!({"revoked": revoked}))
}

fn document(signed_in: &SignedIn) -> Value {
    let mut document = info_document(&signed_in.info);
    document["token"] = json!(signed_in.token);
    document
}

fn info_document(info: &SessionInfo) -> Value {
    json!({
        "name": info.name,
        "role": info.role.as_str(),
        "began": info.began.to_rfc3339(),
        "expires": info.expires.to_rfc3339(),
        "renewable": info.is_renewable,
    })
}

/// Asks the provider, a few requests at once: the thread waits for it.
async fn asking<T: Send + 'static>(
    api: &Arc<Api>,
    ask: impl FnOnce(&Access) -> Option<Result<T, SignInError>> + Send + 'static,
) -> Result<T, Problem> {
    let permit = api.admission.sign_ins.clone().try_acquire_owned();
    let permit =
        permit.map_err(|_| Problem::unavailable("too many sign-ins at once", RETRY_SECONDS))?;
    let access = api.access.clone();
    let asked = tokio::task::spawn_blocking(move || {
        let answer = ask(&access);
        drop(permit);
        answer
    });
    let answer = asked.await.map_err(Problem::internal)?;
    let answer = answer.ok_or_else(|| Problem::not_found("there is no [auth.oidc]"))?;
    answer.map_err(|error| {
        let detail = error.to_string();
        if !matches!(error, SignInError::Ended | SignInError::Malformed(_)) {
            warn!(error = %printable(&detail), "sign-in failed");
        }
        match error {
            SignInError::Provider(_) => Problem::bad_gateway(detail),
            SignInError::Malformed(_) => Problem::bad_request(detail),
            SignInError::NoRole { .. } | SignInError::NameIsTaken { .. } => {
                Problem::forbidden(detail)
            }
            SignInError::Token(_) | SignInError::Refused(_) | SignInError::Ended => {
                Problem::unauthorized(detail)
            }
        }
    })
}
