//! The headers that are sent with the files. The policy permits nothing but the page's
//! own files and API: no inline script or style, no markup from strings (Trusted Types
//! with no policy at all), no frame around the page.

const CACHE: (&str, &str) = ("Cache-Control", "no-cache");
const NOSNIFF: (&str, &str) = ("X-Content-Type-Options", "nosniff");

/// For the document. [`content_security_policy`] is sent besides.
const DOCUMENT: [(&str, &str); 4] = [
    CACHE,
    NOSNIFF,
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
];
/// For code, styles and pictures, to which a policy does not apply.
const OTHER: [(&str, &str); 2] = [CACHE, NOSNIFF];

/// Headers besides `Content-Type`, `Content-Encoding`, `ETag` and `Vary: Accept-Encoding`.
/// With `no-cache` a browser asks each time, so an upgrade shows at once; the `ETag`
/// makes the answer 304 otherwise.
pub fn headers(content_type: &str) -> &'static [(&'static str, &'static str)] {
    match is_document(content_type) {
        true => &DOCUMENT,
        false => &OTHER,
    }
}

/// For `Content-Security-Policy` of the document. The page connects to its own origin,
/// and to `origins`: those of an identity provider (issuer and token endpoint), such as
/// `https://login.example`. What is not a plain origin is left out.
pub fn content_security_policy(origins: &[&str]) -> String {
    let more: String = origins
        .iter()
        .filter(|origin| is_origin(origin))
        .map(|origin| format!(" {origin}"))
        .collect();
    format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
         connect-src 'self'{more}; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
    )
}

fn is_document(content_type: &str) -> bool {
    content_type.starts_with("text/html")
}

/// A scheme and an authority, with nothing that could begin another directive.
fn is_origin(text: &str) -> bool {
    let authority = text
        .strip_prefix("https://")
        .or_else(|| text.strip_prefix("http://"));
    authority.is_some_and(|authority| {
        !authority.is_empty()
            && authority
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte))
    })
}
