//! Keeps web pages of others out. Without authentication the interface listens
//! on loopback only; a browser on the same machine could still be made to call
//! it by any page, directly (recognised by its `Origin`) or by a name that
//! is made to point here (recognised by its `Host`). With authentication a browser may hold a
//! password that pages of others must not use: their `Origin` is not this `Host`.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::api::Api;
use crate::problem::Problem;

pub(crate) async fn only_local(
    State(api): State<Arc<Api>>,
    request: Request,
    next: Next,
) -> Response {
    let has_auth = api.access.is_required();
    if has_auth && is_same_origin(request.headers()) || is_local(request.headers()) {
        return next.run(request).await;
    }
    let reason = if has_auth {
        "requests from web pages of others are refused"
    } else {
        "requests from web pages and for other host names are refused, as there is no \
         authentication: see [auth] in the configuration"
    };
    Problem::forbidden(reason).into_response()
}

/// Not from a web page, or from one of this very interface.
fn is_same_origin(headers: &HeaderMap) -> bool {
    let Some(origin) = headers.get(header::ORIGIN) else {
        return true;
    };
    let authority = origin
        .to_str()
        .ok()
        .and_then(|origin| origin.split_once("://"));
    let host = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok());
    authority.is_some_and(|(_, authority)| host == Some(authority))
}

fn is_local(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or(""));
    let host = text(header::HOST).is_none_or(is_local_authority);
    let origin = text(header::ORIGIN).is_none_or(|origin| {
        let authority = origin.split_once("://").map(|(_, authority)| authority);
        authority.is_some_and(is_local_authority)
    });
    host && origin
}

/// `localhost:8080`, `127.0.0.1`, `[::1]:8080`.
fn is_local_authority(authority: &str) -> bool {
    let name = match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or(""),
        None => authority.split(':').next().unwrap_or(""),
    };
    name.eq_ignore_ascii_case("localhost")
        || name
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(host: Option<&str>, origin: Option<&str>, expect: bool) {
        let mut headers = HeaderMap::new();
        host.map(|host| headers.insert(header::HOST, host.parse().unwrap()));
        origin.map(|origin| headers.insert(header::ORIGIN, origin.parse().unwrap()));
        assert_eq!(is_local(&headers), expect, "{host:?} {origin:?}");
    }

    #[test]
    fn with_authentication_pages_of_others_are_refused() {
        for (origin, host, expect) in [
            (None, "weir.example", true),
            (Some("https://weir.example"), "weir.example", true),
            (Some("https://weir.example:8443"), "weir.example:8443", true),
            (Some("https://evil.example"), "weir.example", false),
            (Some("null"), "weir.example", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, host.parse().unwrap());
            origin.map(|origin| headers.insert(header::ORIGIN, origin.parse().unwrap()));
            assert_eq!(is_same_origin(&headers), expect, "{host} {origin:?}");
        }
    }

    #[test]
    fn other_names_and_pages_of_others_are_refused() {
        check(None, None, true);
        for host in [
            "localhost",
            "LOCALHOST:8080",
            "127.0.0.1:80",
            "127.9.9.9",
            "[::1]:8080",
        ] {
            check(Some(host), None, true);
        }
        for host in [
            "evil.example",
            "evil.example:8080",
            "10.0.0.1",
            "",
            "[::1",
            "localhost.evil",
        ] {
            check(Some(host), None, host == "[::1");
        }
        check(Some("localhost"), Some("http://localhost:3000"), true);
        check(Some("localhost"), Some("https://evil.example"), false);
        check(Some("localhost"), Some("null"), false);
    }
}
