//! Keeps web pages of others out. Without authentication the interface listens
//! on loopback only; a browser on the same machine could still be made to call
//! it by any page, directly (recognised by its `Origin`) or by a name that
//! is made to point here (recognised by its `Host`). With authentication a browser may hold a
//! password that pages of others must not use: their `Origin` is not this `Host`. With the
//! web page, an `Origin` is this `Host` also without authentication: another port of
//! this machine is another page. What a browser marks as caused by another site
//! (`Sec-Fetch-Site`) is refused always, since images and forms send no `Origin`.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::api::Api;
use crate::problem::Problem;

const CROSS_ORIGIN_RESOURCE_POLICY: HeaderName =
    HeaderName::from_static("cross-origin-resource-policy");

pub(crate) async fn only_local(
    State(api): State<Arc<Api>>,
    request: Request,
    next: Next,
) -> Response {
    let headers = request.headers();
    let has_auth = api.access.is_required();
    let may_name_localhost = !api.config.get().http.page && is_local(headers);
    let is_foreign = has_auth && !is_same_origin(headers) && !may_name_localhost;
    let refusal = if is_foreign || is_foreign_fetch(&request) {
        Some("requests from web pages of others are refused")
    } else if !has_auth && !(is_local(headers) && (is_same_origin(headers) || may_name_localhost)) {
        Some(
            "requests from web pages and for other host names are refused, as there is no \
             authentication: see [auth] in the configuration",
        )
    } else {
        None
    };
    let mut response = match refusal {
        Some(reason) => Problem::forbidden(reason).into_response(),
        None => next.run(request).await,
    };
    let headers = response.headers_mut();
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (CROSS_ORIGIN_RESOURCE_POLICY, "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

/// A browser says that a page of another site caused the request (Fetch Metadata).
/// Opening the web page by a link, in a mail for example, is no such request: the page
/// holds no data.
fn is_foreign_fetch(request: &Request) -> bool {
    let text = |name: &str| {
        let value = request.headers().get(name);
        value.map(|value| value.to_str().unwrap_or("invalid"))
    };
    let is_own = matches!(text("sec-fetch-site"), None | Some("same-origin" | "none"));
    let opens_page = request.method() == Method::GET
        && text("sec-fetch-mode") == Some("navigate")
        && text("sec-fetch-dest") == Some("document")
        && (matches!(request.uri().path(), "/" | "/ui")
            || request.uri().path().starts_with("/ui/"));
    !is_own && !opens_page
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
    fn what_another_site_causes_is_refused() {
        let foreign = |path: &str, headers: &[(&str, &str)]| {
            let mut request = Request::builder().uri(path);
            for (name, value) in headers {
                request = request.header(*name, *value);
            }
            is_foreign_fetch(&request.body(axum::body::Body::empty()).unwrap())
        };
        let site = |site| ("sec-fetch-site", site);
        assert!(!foreign("/api/v1/flow", &[]));
        assert!(!foreign("/api/v1/flow", &[site("same-origin")]));
        assert!(!foreign("/api/v1/flow", &[site("none")]));
        for other in ["cross-site", "same-site", ""] {
            assert!(foreign("/api/v3/query_sql?q=SELECT+1", &[site(other)]));
        }
        let link = [
            site("cross-site"),
            ("sec-fetch-mode", "navigate"),
            ("sec-fetch-dest", "document"),
        ];
        assert!(!foreign("/ui/alarms/1", &link));
        assert!(foreign("/api/v1/alarms/1", &link));
        assert!(foreign("/ui/js/main.js", &link[..1]));
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
