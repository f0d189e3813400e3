//! Who may call what. One layer covers every route: what is not named in
//! [`need`] is an admin's, so a route that somebody forgets to name is closed
//! rather than open. Handlers find the caller as `Extension<Identity>`.
//!
//! `Authorization: Bearer TOKEN` (or `Token TOKEN`, as InfluxDB's clients say
//! it), or Basic with a name and its password or token, or a client certificate. A bearer
//! token may also be that of a session, or one of the identity provider.

use std::net::IpAddr;
use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::RawPathParamsRejection;
use axum::extract::{MatchedPath, RawPathParams, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value;
use weir_auth::{Action, Credentials, Identity, Role, Unauthenticated};
use weir_model::Timestamp;
use weir_shadow_document::Rejected;

use super::changes::{self, Change};
use crate::api::Api;
use crate::handlers::shadow::ERROR_TYPE;
use crate::handlers::whoami;
use crate::problem::Problem;
use crate::serve::{ClientCertificate, Peer};

/// Longest `Authorization` header that is looked at, in bytes: tokens of identity
/// providers list groups.
const MAX_AUTHORIZATION: usize = 16 * 1024;

/// What a route asks of its caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Need {
    /// Nothing: probes of supervisors cannot hold secrets.
    Nothing,
    /// To be somebody; the handler looks at the rest.
    Identity,
    Action(Kind),
    /// As the parameter of the path says.
    Publish,
    /// To send readings at all: each line names a device, and the engine looks
    /// whether it is the sender's.
    Write,
    ReadShadow,
    WriteShadow,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Read,
    Operate,
    Administer,
}

impl Need {
    /// Whether it asks for a right to change what is not the caller's own.
    pub(super) fn is_of_operators(self) -> bool {
        matches!(
            self,
            Self::WriteShadow | Self::Action(Kind::Operate | Kind::Administer)
        )
    }
}

/// What each route needs. Anything else is an admin's.
pub(super) fn need(method: &Method, route: &str) -> Need {
    let reads = *method == Method::GET || *method == Method::HEAD;
    match route {
        "/healthz" | "/readyz" | "/ping" | "/health" => Need::Nothing,
        // The page holds no data, and its sign-in must be seen without a token.
        "/" | "/ui" | "/ui/" | "/ui/{*path}" if reads => Need::Nothing,
        "/api/v2/write" | "/write" => Need::Write,
        // It answers only what agents ask before they write.
        "/query" => Need::Identity,
        // An unknown path reveals only that it does not exist.
        "" => Need::Identity,
        "/api/v1/ingest/{*topic}" => Need::Publish,
        "/things/{thing}/shadow" if reads => Need::ReadShadow,
        "/things/{thing}/shadow" => Need::WriteShadow,
        "/api/things/shadow/ListNamedShadowsForThing/{thing}" => Need::ReadShadow,
        // The way to a token.
        "/api/v1/session" if reads || *method == Method::POST => Need::Nothing,
        "/api/v1/session" | "/api/v1/session/renew" => Need::Identity,
        "/api/v1/sessions" => Need::Action(Kind::Administer),
        // Who may do nothing at all still learns so.
        "/api/v1/whoami" => Need::Identity,
        "/api/v1/alarms/{id}/{action}"
        | "/api/v1/alarms/actions"
        | "/api/v1/alarms/channels/{name}/test"
        | "/api/v1/alarms/dead-letters/{n}/retry" => Need::Action(Kind::Operate),
        "/api/v1/query" | "/api/v3/query_sql" | "/metrics" => Need::Action(Kind::Read),
        _ if reads && route.starts_with("/api/") => Need::Action(Kind::Read),
        _ => Need::Action(Kind::Administer),
    }
}

/// The layer. It runs inside the routes, so that it sees the route that was
/// matched and the parameters as the handler will.
pub(crate) async fn check(
    State(api): State<Arc<Api>>,
    matched: Option<MatchedPath>,
    params: Result<RawPathParams, RawPathParamsRejection>,
    mut request: Request,
    next: Next,
) -> Response {
    let route = matched.as_ref().map_or("", MatchedPath::as_str);
    let need = need(request.method(), route);
    let certificate = request.extensions().get::<ClientCertificate>().cloned();
    let peer = request.extensions().get::<Peer>().map(|peer| peer.0);
    let identity = identify(&api, request.headers(), certificate, peer).await;
    let identity = match (identity, need) {
        (Ok(identity), _) => identity,
        (Err(_), Need::Nothing) => return next.run(request).await,
        (Err(Unauthenticated::Busy), _) => return busy(route),
        (Err(error), _) => {
            if error == Unauthenticated::Wrong {
                api.admission
                    .refusals
                    .record("credentials", "", request.uri().path());
            }
            let provider = whoami::provider(&api);
            return unauthorized(route, error, is_from_page(request.headers()), provider);
        }
    };
    let param = match &params {
        Ok(params) => params.iter().next().map(|(_, value)| value.to_owned()),
        // The handler refuses it as well: it names nothing.
        Err(_) => None,
    };
    if !is_allowed(&api, &identity, need, param.as_deref()) {
        api.admission
            .refusals
            .record("request", identity.name(), request.uri().path());
        return forbidden(route, &identity);
    }
    let peer = request.extensions().get::<Peer>().copied();
    let target = request
        .uri()
        .path_and_query()
        .map_or("", |path| path.as_str());
    let change = Change::of(request.method(), route, target, need, &identity, peer);
    request.extensions_mut().insert(identity);
    let answer = next.run(request).await;
    if let Some(entry) = change.and_then(|change| change.done(&answer)) {
        changes::record(api, entry).await;
    }
    answer
}

fn is_allowed(api: &Api, identity: &Identity, need: Need, param: Option<&str>) -> bool {
    let named = param.unwrap_or_default();
    let action = match need {
        Need::Nothing | Need::Identity => return true,
        Need::Write => return matches!(identity.role(), Role::Device | Role::Admin),
        Need::Action(Kind::Read) => Action::Read,
        Need::Action(Kind::Operate) => Action::Operate,
        Need::Action(Kind::Administer) => Action::Administer,
        Need::Publish => Action::Publish { topic: named },
        Need::ReadShadow => Action::ReadShadow { thing: named },
        Need::WriteShadow => Action::WriteShadow { thing: named },
    };
    api.access.allows(identity, action)
}

async fn identify(
    api: &Arc<Api>,
    headers: &HeaderMap,
    certificate: Option<ClientCertificate>,
    peer: Option<IpAddr>,
) -> Result<Identity, Unauthenticated> {
    if !api.access.is_required() {
        return api.access.everybody();
    }
    let Some(authorization) = headers.get(header::AUTHORIZATION) else {
        return match &certificate {
            None => api.access.everybody(),
            Some(ClientCertificate(common_name)) => api
                .access
                .authenticate(Credentials::Certificate { common_name }, Timestamp::now()),
        };
    };
    if authorization.len() > MAX_AUTHORIZATION {
        return Err(Unauthenticated::Wrong);
    }
    let text = authorization.to_str().map_err(|_| Unauthenticated::Wrong)?;
    let (scheme, rest) = text.split_once(' ').ok_or(Unauthenticated::Wrong)?;
    let is = |name: &str| scheme.eq_ignore_ascii_case(name);
    if is("bearer") || is("token") {
        let credentials = Credentials::Token(rest.trim());
        return api.access.log_in(credentials, peer, Timestamp::now()).await;
    }
    if !is("basic") {
        return Err(Unauthenticated::Wrong);
    }
    let decoded = BASE64_STANDARD
        .decode(rest.trim())
        .map_err(|_| Unauthenticated::Wrong)?;
    let colon = decoded.iter().position(|byte| *byte == b':');
    let colon = colon.ok_or(Unauthenticated::Wrong)?;
    let (name, password) = (&decoded[..colon], &decoded[colon + 1..]);
    let name = std::str::from_utf8(name).map_err(|_| Unauthenticated::Wrong)?;
    let credentials = Credentials::Password { name, password };
    api.access.log_in(credentials, peer, Timestamp::now()).await
}

/// Nothing is known about the credentials yet.
fn busy(route: &str) -> Response {
    if is_aws(route) {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    Problem::unavailable(Unauthenticated::Busy.to_string(), 1).into_response()
}

/// A request of the web page, which asks for credentials itself: with a Basic challenge
/// the browser would open a box of its own.
fn is_from_page(headers: &HeaderMap) -> bool {
    let is = |name: &str, wanted: &str| {
        let value = headers.get(name).and_then(|value| value.to_str().ok());
        value.is_some_and(|value| value.contains(wanted))
    };
    let is_fetch = is("sec-fetch-mode", "cors") || is("sec-fetch-mode", "same-origin");
    is_fetch && (is("accept", "application/json") || is("accept", "text/event-stream"))
}

fn unauthorized(
    route: &str,
    error: Unauthenticated,
    is_from_page: bool,
    provider: Option<Value>,
) -> Response {
    let mut response = if is_aws(route) {
        aws(&Rejected::Unauthorized)
    } else {
        let detail =
            format!("{error}: send Authorization: Bearer with a token (`weir auth add` makes one)");
        Problem::unauthorized(detail)
            .with_provider(provider)
            .into_response()
    };
    let challenge = match error {
        Unauthenticated::Missing => "Bearer realm=\"weir\"",
        Unauthenticated::Wrong | Unauthenticated::Busy => {
            "Bearer realm=\"weir\", error=\"invalid_token\""
        }
    };
    let basic = (!is_from_page).then_some("Basic realm=\"weir\", charset=\"UTF-8\"");
    for challenge in std::iter::once(challenge).chain(basic) {
        let value = HeaderValue::from_static(challenge);
        response
            .headers_mut()
            .append(header::WWW_AUTHENTICATE, value);
    }
    response
}

fn forbidden(route: &str, identity: &Identity) -> Response {
    if is_aws(route) {
        return aws(&Rejected::Forbidden);
    }
    let (name, role) = (identity.name(), identity.role().as_str());
    Problem::forbidden(format!("{name:?}, a {role}, may not do this")).into_response()
}

/// Shadows answer as AWS's data plane does.
fn is_aws(route: &str) -> bool {
    route.starts_with("/things/") || route.starts_with("/api/things/")
}

fn aws(rejected: &Rejected) -> Response {
    let status = StatusCode::from_u16(rejected.code()).unwrap_or(StatusCode::FORBIDDEN);
    let kind = (ERROR_TYPE, HeaderValue::from_static(rejected.exception()));
    (
        status,
        [kind],
        Json(rejected.to_json(Timestamp::now().seconds(), None)),
    )
        .into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_gets_no_basic_challenge() {
        let challenges = |headers: &[(&'static str, &'static str)]| {
            let headers = headers.iter().map(|(name, value)| {
                let name = header::HeaderName::from_static(name);
                (name, HeaderValue::from_static(value))
            });
            let is_from_page = is_from_page(&headers.collect());
            let answer = unauthorized("/api/v1/flow", Unauthenticated::Missing, is_from_page, None);
            answer
                .headers()
                .get_all(header::WWW_AUTHENTICATE)
                .iter()
                .count()
        };
        let page = [("accept", "application/json"), ("sec-fetch-mode", "cors")];
        assert_eq!(challenges(&page), 1);
        assert_eq!(challenges(&page[..1]), 2);
        assert_eq!(challenges(&[]), 2);
    }

    #[test]
    fn what_is_not_named_is_an_admins() {
        for (method, route, expect) in [
            (Method::GET, "/healthz", Need::Nothing),
            (Method::GET, "/ui/{*path}", Need::Nothing),
            (Method::POST, "/ui/{*path}", Need::Action(Kind::Administer)),
            (Method::GET, "/api/v1/whoami", Need::Identity),
            (Method::GET, "/api/v1/session", Need::Nothing),
            (Method::POST, "/api/v1/session", Need::Nothing),
            (Method::DELETE, "/api/v1/session", Need::Identity),
            (Method::POST, "/api/v1/session/renew", Need::Identity),
            (
                Method::GET,
                "/api/v1/sessions",
                Need::Action(Kind::Administer),
            ),
            (
                Method::DELETE,
                "/api/v1/sessions/{name}",
                Need::Action(Kind::Administer),
            ),
            (
                Method::POST,
                "/api/v1/alarms/actions",
                Need::Action(Kind::Operate),
            ),
            (Method::GET, "/api/v1/devices", Need::Action(Kind::Read)),
            (Method::GET, "/api/v1/forgotten", Need::Action(Kind::Read)),
            (
                Method::POST,
                "/api/v1/forgotten",
                Need::Action(Kind::Administer),
            ),
            (Method::GET, "/forgotten", Need::Action(Kind::Administer)),
            (
                Method::POST,
                "/api/v1/quarantine/replay",
                Need::Action(Kind::Administer),
            ),
            (
                Method::POST,
                "/api/v1/alarms/{id}/{action}",
                Need::Action(Kind::Operate),
            ),
            (Method::DELETE, "/things/{thing}/shadow", Need::WriteShadow),
            (Method::HEAD, "/things/{thing}/shadow", Need::ReadShadow),
        ] {
            assert_eq!(need(&method, route), expect, "{method} {route}");
        }
    }
}
