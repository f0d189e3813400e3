//! `[tls]`: the certificate of the listeners that speak TLS.

use std::path::PathBuf;

use crate::file::reader::Reader;

/// `[tls]`: PEM files.
#[derive(Clone, Debug, PartialEq)]
pub struct Tls {
    /// The server's certificate and its intermediate certificates.
    pub cert_file: PathBuf,
    pub key_file: PathBuf,
    /// Authorities whose client certificates authenticate by common name.
    pub client_ca_file: Option<PathBuf>,
}

pub(crate) fn tls(reader: &mut Reader<'_>) -> Option<Tls> {
    let mut section = reader.section("tls");
    if section.is_given() {
        for key in ["cert_file", "key_file"] {
            if !section.has(key) {
                section.note(key, "is missing");
            }
        }
    }
    // All of them first, so that every mistake is reported.
    let files = ["cert_file", "key_file", "client_ca_file"].map(|key| section.file(key));
    let [cert_file, key_file, client_ca_file] = files;
    Some(Tls {
        cert_file: cert_file?,
        key_file: key_file?,
        client_ca_file,
    })
}
