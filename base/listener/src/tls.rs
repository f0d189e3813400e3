//! The certificate of the listeners, and the name in a client's.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{VerifierBuilderError, WebPkiClientVerifier};
use rustls::{RootCertStore, ServerConfig, ServerConnection};
use thiserror::Error;
use weir_auth::common_name;
use weir_config::Tls;

/// Why `[tls]` cannot be used. `key` is the configuration key of the file.
#[derive(Debug, Error)]
pub enum TlsError {
    #[error("tls.{key} {path} has no certificate")]
    NoCertificate { key: &'static str, path: PathBuf },
    #[error("tls.{key} {path} has no certificate: {source}")]
    Certificate {
        key: &'static str,
        path: PathBuf,
        source: pem::Error,
    },
    #[error("tls.key_file {path} has no key: {source}")]
    Key { path: PathBuf, source: pem::Error },
    #[error("tls.client_ca_file {path} is not usable: {source}")]
    ClientAuthority {
        path: PathBuf,
        source: rustls::Error,
    },
    #[error("tls.client_ca_file is not usable: {0}")]
    ClientVerifier(#[from] VerifierBuilderError),
    #[error("tls.cert_file {certificate} and tls.key_file {key} do not match: {source}")]
    Mismatch {
        certificate: PathBuf,
        key: PathBuf,
        source: rustls::Error,
    },
}

/// Reads the files of `[tls]`.
pub fn server_config(tls: &Tls) -> Result<Arc<ServerConfig>, TlsError> {
    let chain = certificates("cert_file", &tls.cert_file)?;
    let key = PrivateKeyDer::from_pem_file(&tls.key_file).map_err(|source| TlsError::Key {
        path: tls.key_file.clone(),
        source,
    })?;
    let builder = match &tls.client_ca_file {
        None => ServerConfig::builder().with_no_client_auth(),
        Some(file) => {
            let mut roots = RootCertStore::empty();
            for certificate in certificates("client_ca_file", file)? {
                roots
                    .add(certificate)
                    .map_err(|source| TlsError::ClientAuthority {
                        path: file.clone(),
                        source,
                    })?;
            }
            // A client without a certificate may still have a token.
            let verifier = WebPkiClientVerifier::builder(Arc::new(roots))
                .allow_unauthenticated()
                .build()?;
            ServerConfig::builder().with_client_cert_verifier(verifier)
        }
    };
    let config = builder
        .with_single_cert(chain, key)
        .map_err(|source| TlsError::Mismatch {
            certificate: tls.cert_file.clone(),
            key: tls.key_file.clone(),
            source,
        })?;
    Ok(Arc::new(config))
}

fn certificates(key: &'static str, file: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let found: Vec<_> = CertificateDer::pem_file_iter(file)
        .and_then(Iterator::collect)
        .map_err(|source| TlsError::Certificate {
            key,
            path: file.to_owned(),
            source,
        })?;
    if found.is_empty() {
        return Err(TlsError::NoCertificate {
            key,
            path: file.to_owned(),
        });
    }
    Ok(found)
}

/// The common name of the verified client certificate, if the client sent one.
pub fn client_name(connection: &ServerConnection) -> Option<String> {
    common_name(connection.peer_certificates()?.first()?)
}
