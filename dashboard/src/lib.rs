//! The web page: its files, ready to be sent. A release build embeds them; a debug
//! build reads them from the disk, so that a reload of the page shows a change.
//!
//! The files are sent as they are written: no build step makes them. They are
//! compressed once, when they are first asked for. Everything below `/ui/` is either a
//! file or a route of the page, such as `/ui/devices/pump-1`, which is `index.html`.
//!
//! This crate knows no HTTP server: the API crate answers the requests, sends
//! [`headers`] with each file, and compares [`Asset::etag`] with `If-None-Match`.

use std::borrow::Cow;
use std::collections::HashMap;
use std::io::Write;
use std::sync::{LazyLock, Mutex, PoisonError};

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use rust_embed::{EmbeddedFile, RustEmbed};

pub use headers::{CONTENT_SECURITY_POLICY, headers};

mod headers;
#[cfg(test)]
mod tests;

#[derive(RustEmbed)]
#[folder = "ui"]
struct Files;

const DOCUMENT: &str = "index.html";

/// Folders that hold only files: what is missing in them is not a route of the page.
const FOLDERS: [&str; 3] = ["js", "css", "vendor"];

/// A file of the page, in an encoding that the client accepts.
#[derive(Clone, Debug)]
pub struct Asset {
    pub bytes: Bytes,
    /// For `Content-Type`.
    pub content_type: &'static str,
    /// For `Content-Encoding`: `gzip`, or none.
    pub encoding: Option<&'static str>,
    /// For `ETag`, quoted. It changes with the content and differs by encoding.
    pub etag: String,
}

/// The answer to `GET /ui/{path}`; `None` is 404. `accepted_encodings` is the value of
/// `Accept-Encoding`, or empty.
pub fn asset(path: &str, accepted_encodings: &str) -> Option<Asset> {
    let (name, content_type, file) = match find(path) {
        Some(found) => found,
        None if is_missing_file(path) => return None,
        None => find(DOCUMENT)?,
    };
    let hash = hex_prefix(&file.metadata.sha256_hash());
    if !accepts_gzip(accepted_encodings) {
        return Some(Asset {
            bytes: into_bytes(file.data),
            content_type,
            encoding: None,
            etag: format!("\"{hash}\""),
        });
    }
    Some(Asset {
        bytes: compressed(name, &hash, &file.data),
        content_type,
        encoding: Some("gzip"),
        etag: format!("\"{hash}-gzip\""),
    })
}

/// A file that is sent, by its exact path.
fn find(path: &str) -> Option<(&str, &'static str, EmbeddedFile)> {
    let is_plain = !path.split('/').any(|part| part.is_empty() || part == "..");
    let content_type = content_type(path)?;
    let file = is_plain.then(|| Files::get(path)).flatten()?;
    Some((path, content_type, file))
}

/// A device may be named `pump.js`: only the folders of files, and code beside the
/// document, cannot be routes.
fn is_missing_file(path: &str) -> bool {
    match path.split_once('/') {
        Some((folder, _)) => FOLDERS.contains(&folder),
        None => [".js", ".mjs", ".css"]
            .iter()
            .any(|code| path.ends_with(code)),
    }
}

/// Types of the files that are sent. The declarations for the type check are not.
fn content_type(path: &str) -> Option<&'static str> {
    let name = path.rsplit('/').next().unwrap_or(path);
    let ending = name.rsplit_once('.').map(|(_, ending)| ending);
    match ending {
        _ if name.starts_with("LICENSE") => Some("text/plain; charset=utf-8"),
        Some("html") => Some("text/html; charset=utf-8"),
        Some("js" | "mjs") => Some("text/javascript; charset=utf-8"),
        Some("css") => Some("text/css; charset=utf-8"),
        Some("svg") => Some("image/svg+xml"),
        _ => None,
    }
}

/// Compressed files by their path, each with the hash of its content.
static COMPRESSED: LazyLock<Mutex<HashMap<String, (String, Bytes)>>> =
    LazyLock::new(Mutex::default);

/// In a release build the content never changes; in a debug build the hash does.
fn compressed(name: &str, hash: &str, content: &[u8]) -> Bytes {
    let mut files = COMPRESSED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((of, bytes)) = files.get(name)
        && of == hash
    {
        return bytes.clone();
    }
    let bytes = Bytes::from(gzip(content));
    files.insert(name.to_owned(), (hash.to_owned(), bytes.clone()));
    bytes
}

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder
        .write_all(content)
        .and_then(|()| encoder.finish())
        .expect("a vector takes everything")
}

/// RFC 9110, 12.5.3: `gzip` or `*`, unless its weight is zero.
fn accepts_gzip(accepted: &str) -> bool {
    let weight = |wanted: &str| {
        accepted.split(',').find_map(|item| {
            let mut parts = item.split(';').map(str::trim);
            let name = parts.next()?;
            let weight = parts.find_map(|part| part.strip_prefix("q="));
            name.eq_ignore_ascii_case(wanted)
                .then(|| weight.map_or(1.0, |q| q.parse().unwrap_or(0.0)))
        })
    };
    weight("gzip").or_else(|| weight("*")).unwrap_or(0.0) > 0.0
}

fn into_bytes(data: Cow<'static, [u8]>) -> Bytes {
    match data {
        Cow::Borrowed(embedded) => Bytes::from_static(embedded),
        Cow::Owned(read) => Bytes::from(read),
    }
}

/// 64 bits distinguish the versions of a file.
fn hex_prefix(hash: &[u8; 32]) -> String {
    hash[..8].iter().map(|byte| format!("{byte:02x}")).collect()
}
