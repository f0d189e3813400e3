//! Certificates and private keys from PEM files, with errors that name the key of
//! the configuration and the file. The content is in neither errors nor logs.

use std::io;
use std::path::{Path, PathBuf};

use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use thiserror::Error;

/// Why a PEM file cannot be used.
#[derive(Debug, Error)]
pub enum PemFileError {
    #[error("cannot read {key} {}: {source}", path.display())]
    Read {
        key: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    #[error("{key} {} holds no usable PEM section: {source}", path.display())]
    Pem {
        key: &'static str,
        path: PathBuf,
        source: pem::Error,
    },
    #[error(
        "{key} {} holds an encrypted private key, and Weir has no passphrase for it: decrypt it, \
         for example with `openssl pkey -in ENCRYPTED -out PLAIN`, and make the file readable by \
         Weir only",
        path.display()
    )]
    Encrypted { key: &'static str, path: PathBuf },
}

/// The certificates in a file, at least one. `key` is the key of the configuration
/// that names the file.
pub fn read_certificates(
    key: &'static str,
    path: &Path,
) -> Result<Vec<CertificateDer<'static>>, PemFileError> {
    let failed = |source| PemFileError::Pem {
        key,
        path: path.to_owned(),
        source,
    };
    let found = CertificateDer::pem_slice_iter(&read(key, path)?)
        .collect::<Result<Vec<_>, _>>()
        .map_err(failed)?;
    if found.is_empty() {
        return Err(failed(pem::Error::NoItemsFound));
    }
    Ok(found)
}

/// The first private key in a file.
pub fn read_private_key(
    key: &'static str,
    path: &Path,
) -> Result<PrivateKeyDer<'static>, PemFileError> {
    let content = read(key, path)?;
    PrivateKeyDer::from_pem_slice(&content).map_err(|source| {
        let path = path.to_owned();
        if is_encrypted(&content) {
            PemFileError::Encrypted { key, path }
        } else {
            PemFileError::Pem { key, path, source }
        }
    })
}

/// Whether a file without a usable key holds an encrypted one: in PKCS #8 (RFC
/// 7468, section 11), or as OpenSSL writes it in the older formats (RFC 1421).
fn is_encrypted(content: &[u8]) -> bool {
    let text = String::from_utf8_lossy(content);
    let mut lines = text.lines().map(str::trim);
    lines.any(|line| {
        line == "-----BEGIN ENCRYPTED PRIVATE KEY-----"
            || line
                .strip_prefix("Proc-Type:")
                .is_some_and(|kind| kind.trim().ends_with("ENCRYPTED"))
    })
}

fn read(key: &'static str, path: &Path) -> Result<Vec<u8>, PemFileError> {
    std::fs::read(path).map_err(|source| PemFileError::Read {
        key,
        path: path.to_owned(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Only the armour counts: neither is read further.
    const PKCS8: &str = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIBvTBXBgk=\n-----END ENCRYPTED PRIVATE KEY-----\n";
    const OPENSSL: &str = "-----BEGIN RSA PRIVATE KEY-----\r\nProc-Type: 4,ENCRYPTED\r\n\
        DEK-Info: AES-256-CBC,00112233445566778899AABBCCDDEEFF\r\n\r\nAAAA\r\n\
        -----END RSA PRIVATE KEY-----\r\n";

    #[test]
    fn an_encrypted_key_is_reported_as_encrypted() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("client.key");
        for encrypted in [PKCS8, OPENSSL] {
            std::fs::write(&path, encrypted).unwrap();
            let error = read_private_key("key_file", &path).unwrap_err();
            assert!(matches!(error, PemFileError::Encrypted { .. }), "{error}");
            let text = error.to_string();
            for part in ["key_file", "client.key", "encrypted", "openssl pkey"] {
                assert!(text.contains(part), "{text}");
            }
        }
        std::fs::write(&path, "no key").unwrap();
        let error = read_private_key("key_file", &path).unwrap_err();
        assert!(matches!(error, PemFileError::Pem { .. }), "{error}");
    }

    #[test]
    fn a_plain_key_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("client.key");
        let identity = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        std::fs::write(&path, identity.signing_key.serialize_pem()).unwrap();
        assert!(read_private_key("key_file", &path).is_ok());
    }
}
