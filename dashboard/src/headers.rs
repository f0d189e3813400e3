//! The headers that are sent with the files. The policy permits nothing but the page's
//! own files and API: no inline script or style, no markup from strings (Trusted Types
//! with no policy at all), no frame around the page.

const CACHE: (&str, &str) = ("Cache-Control", "no-cache");
const NOSNIFF: (&str, &str) = ("X-Content-Type-Options", "nosniff");

/// For the document. [`CONTENT_SECURITY_POLICY`] is sent besides.
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

/// `Content-Security-Policy` of the document. The page connects to its own origin only:
/// Weir itself talks to an identity provider.
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; \
     style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; \
     form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; \
     trusted-types 'none'";

fn is_document(content_type: &str) -> bool {
    content_type.starts_with("text/html")
}
