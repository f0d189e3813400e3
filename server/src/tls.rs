//! The certificate of the listeners, and the name in a client's.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection};
use weir_auth::common_name;
use weir_config::Tls;

/// Reads the files of `[tls]`.
pub(crate) fn server_config(tls: &Tls) -> Result<Arc<ServerConfig>> {
    let chain = certificates("cert_file", &tls.cert_file)?;
    let key = PrivateKeyDer::from_pem_file(&tls.key_file)
        .with_context(|| format!("tls.key_file {} has no key", tls.key_file.display()))?;
    let builder = ServerConfig::builder();
    let builder = match &tls.client_ca_file {
        None => builder.with_no_client_auth(),
        Some(file) => {
            let mut roots = RootCertStore::empty();
            for certificate in certificates("client_ca_file", file)? {
                roots.add(certificate).with_context(|| {
                    format!("tls.client_ca_file {} is not usable", file.display())
                })?;
            }
            // Who shows none may still have a token.
            let verifier = WebPkiClientVerifier::builder(Arc::new(roots))
                .allow_unauthenticated()
                .build()?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    let config = builder.with_single_cert(chain, key).with_context(|| {
        let (cert, key) = (tls.cert_file.display(), tls.key_file.display());
        format!("tls.cert_file {cert} and tls.key_file {key} do not go together")
    })?;
    Ok(Arc::new(config))
}

fn certificates(key: &str, file: &Path) -> Result<Vec<CertificateDer<'static>>> {
    let failed = || format!("tls.{key} {} has no certificate", file.display());
    let found: Vec<_> = CertificateDer::pem_file_iter(file)
        .and_then(Iterator::collect)
        .with_context(failed)?;
    ensure!(!found.is_empty(), failed());
    Ok(found)
}

/// The common name of the client certificate that was verified, if one was shown.
pub(crate) fn client_name(connection: &ServerConnection) -> Option<String> {
    common_name(connection.peer_certificates()?.first()?)
}
