//! The web page: `/` redirects browsers to `/ui/`, below which are its files. They hold
//! no data, so they need no credentials. `[http] page = false` turns them off.

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use weir_dashboard::{Asset, CONTENT_SECURITY_POLICY, asset, headers as page_headers};

use crate::api::{Api, Shared};
use crate::extract::Path;
use crate::problem::Problem;

const PAGE: &str = "/ui/";

/// `GET /`: a browser is sent to the page.
pub(crate) async fn root(State(api): Shared, headers: HeaderMap) -> Response {
    if is_on(&api) && accepts_html(&headers) {
        return redirect();
    }
    nothing_here()
}

/// `GET /ui`
pub(crate) async fn without_slash(State(api): Shared) -> Response {
    if is_on(&api) {
        redirect()
    } else {
        nothing_here()
    }
}

/// `GET /ui/`
pub(crate) async fn index(state: Shared, headers: HeaderMap) -> Response {
    file(state, Path(String::new()), headers).await
}

/// `GET /ui/{path}`: a file of the page, or the page itself for one of its routes.
pub(crate) async fn file(
    State(api): Shared,
    Path(path): Path<String>,
    headers: HeaderMap,
) -> Response {
    let accepted = headers.get(header::ACCEPT_ENCODING);
    let accepted = accepted.and_then(|value| value.to_str().ok());
    let found = is_on(&api).then(|| asset(&path, accepted.unwrap_or_default()));
    match found.flatten() {
        Some(asset) => answer(asset, &headers),
        None => nothing_here(),
    }
}

fn is_on(api: &Api) -> bool {
    api.config.get().http.page
}

fn nothing_here() -> Response {
    Problem::not_found("there is nothing at this path").into_response()
}

fn redirect() -> Response {
    (StatusCode::FOUND, [(header::LOCATION, PAGE)]).into_response()
}

fn accepts_html(headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT);
    accept
        .and_then(|accept| accept.to_str().ok())
        .is_some_and(|accept| accept.contains("text/html"))
}

fn answer(asset: Asset, request: &HeaderMap) -> Response {
    let has_it = request
        .get(header::IF_NONE_MATCH)
        .and_then(|tags| tags.to_str().ok())
        .is_some_and(|tags| matches_tag(tags, &asset.etag));
    let mut response = if has_it {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        asset.bytes.into_response()
    };
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static(asset.content_type),
    );
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    if let Ok(etag) = HeaderValue::from_str(&asset.etag) {
        headers.insert(header::ETAG, etag);
    }
    if let Some(encoding) = asset.encoding {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
    }
    for (name, value) in page_headers(asset.content_type) {
        if let Ok(name) = header::HeaderName::from_bytes(name.as_bytes()) {
            headers.insert(name, HeaderValue::from_static(value));
        }
    }
    if asset.content_type.starts_with("text/html") {
        let policy = HeaderValue::from_static(CONTENT_SECURITY_POLICY);
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    response
}

/// RFC 9110, 13.1.2: a list of tags, weak comparison.
fn matches_tag(tags: &str, etag: &str) -> bool {
    let mut tags = tags.split(',').map(str::trim);
    tags.any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(tag: Option<&str>) -> Response {
        let mut headers = HeaderMap::new();
        tag.map(|tag| headers.insert(header::IF_NONE_MATCH, tag.parse().unwrap()));
        answer(asset("", "").unwrap(), &headers)
    }

    #[test]
    fn the_document_is_sent_with_its_policy_and_once() {
        let first = document(None);
        assert_eq!(first.status(), StatusCode::OK);
        let header = |name: &str| first.headers()[name].to_str().unwrap();
        let policy = header("content-security-policy");
        assert!(policy.contains("require-trusted-types-for 'script'"));
        assert_eq!(header("cache-control"), "no-cache");
        assert_eq!(header("x-content-type-options"), "nosniff");
        let again = document(Some(header("etag")));
        assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
        assert_eq!(document(Some("\"other\"")).status(), StatusCode::OK);
    }

    #[test]
    fn missing_code_is_not_found_and_routes_are_the_page() {
        assert!(asset("js/missing.js", "").is_none());
        let page = asset("devices/pump-1", "").unwrap();
        assert!(page.content_type.starts_with("text/html"));
    }
}
