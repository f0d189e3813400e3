//! From the configuration to what rumqttc needs to connect: credentials, TLS,
//! limits.
//!
//! Files are read again for each connection, so that a rotated password or
//! certificate applies without a restart. Errors name the key and the file; the
//! secrets themselves are in neither errors nor logs.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rumqttc::{MqttOptions, TlsConfiguration, Transport};
use rustls::{ClientConfig, RootCertStore};
use thiserror::Error;
use weir_config::{Source, SourceTls};

use crate::pem_file::{PemFileError, read_certificates, read_private_key};

/// The largest packet in MQTT (3.1.1, section 2.2.3). rumqttc drops the connection
/// on a packet above its limit, and a persistent session delivers the same packet
/// again, for ever. So the limit here is that of the protocol, and `max_packet` is
/// checked behind the decoder.
const PROTOCOL_MAX_PACKET: usize = 268_435_455;

/// Why a source or its publisher cannot be set up.
#[derive(Debug, Error)]
pub enum SourceError {
    #[error("client_id is empty: without one the broker keeps no session")]
    EmptyClientId,
    #[error("password_file is given without a username")]
    PasswordWithoutUsername,
    #[error("cert_file and key_file go together: only one is given")]
    HalfIdentity,
    #[error("cannot read {key} {}: {source}", path.display())]
    File {
        key: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    #[error("{key} {} is not text in UTF-8", path.display())]
    NotText { key: &'static str, path: PathBuf },
    #[error(transparent)]
    Pem(#[from] PemFileError),
    #[error("a certificate in ca_file {} is not usable: {source}", path.display())]
    Root {
        path: PathBuf,
        source: rustls::Error,
    },
    #[error("cert_file {} and key_file {} are not usable: {source}", cert.display(), key.display())]
    Identity {
        cert: PathBuf,
        key: PathBuf,
        source: rustls::Error,
    },
    #[error("the system has no usable root certificates: give ca_file")]
    NoSystemRoots,
    #[error("TLS: {0}")]
    Tls(#[from] rustls::Error),
}

/// The client id, and how the broker treats its session.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    pub(crate) client_id: String,
    pub(crate) clean_session: bool,
}

/// Reads the files and returns the options. Blocks on the disk.
pub(crate) fn mqtt_options(
    config: &Source,
    identity: &Identity,
) -> Result<MqttOptions, SourceError> {
    if identity.client_id.is_empty() {
        return Err(SourceError::EmptyClientId);
    }
    let mut options = MqttOptions::new(
        identity.client_id.as_str(),
        config.host.as_str(),
        config.port,
    );
    options
        .set_clean_session(identity.clean_session)
        .set_keep_alive(keep_alive(config))
        .set_manual_acks(true)
        .set_max_packet_size(PROTOCOL_MAX_PACKET, PROTOCOL_MAX_PACKET);
    match (&config.username, &config.password_file) {
        (None, None) => {}
        (None, Some(_)) => return Err(SourceError::PasswordWithoutUsername),
        (Some(username), None) => {
            options.set_credentials(username.as_str(), "");
        }
        (Some(username), Some(file)) => {
            options.set_credentials(username.as_str(), read_password(file)?);
        }
    }
    if let Some(tls) = &config.tls {
        let tls = TlsConfiguration::Rustls(Arc::new(tls_config(tls)?));
        options.set_transport(Transport::tls_with_config(tls));
    }
    Ok(options)
}

/// As it is sent to the broker: whole seconds in 16 bits.
pub(crate) fn keep_alive(config: &Source) -> Duration {
    Duration::from_secs(config.keep_alive.as_secs().clamp(1, u64::from(u16::MAX)))
}

fn read_password(path: &Path) -> Result<String, SourceError> {
    let key = "password_file";
    let bytes = read(key, path)?;
    let text = String::from_utf8(bytes).map_err(|_| SourceError::NotText {
        key,
        path: path.to_owned(),
    })?;
    // Editors end a file with a newline; it is not part of the password.
    let text = text.strip_suffix('\n').unwrap_or(&text);
    Ok(text.strip_suffix('\r').unwrap_or(text).to_owned())
}

fn tls_config(tls: &SourceTls) -> Result<ClientConfig, SourceError> {
    // An explicit provider does not depend on the default of the process.
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots(tls.ca_file.as_deref())?);
    match (&tls.cert_file, &tls.key_file) {
        (None, None) => Ok(builder.with_no_client_auth()),
        (Some(cert), Some(key)) => {
            let chain = read_certificates("cert_file", cert)?;
            let secret = read_private_key("key_file", key)?;
            builder
                .with_client_auth_cert(chain, secret)
                .map_err(|source| SourceError::Identity {
                    cert: cert.clone(),
                    key: key.clone(),
                    source,
                })
        }
        _ => Err(SourceError::HalfIdentity),
    }
}

fn roots(ca_file: Option<&Path>) -> Result<RootCertStore, SourceError> {
    let mut roots = RootCertStore::empty();
    match ca_file {
        Some(path) => {
            for certificate in read_certificates("ca_file", path)? {
                roots.add(certificate).map_err(|source| SourceError::Root {
                    path: path.to_owned(),
                    source,
                })?;
            }
        }
        None => {
            // Single unusable certificates of the system are ignored.
            let system = rustls_native_certs::load_native_certs();
            roots.add_parsable_certificates(system.certs);
            if roots.is_empty() {
                return Err(SourceError::NoSystemRoots);
            }
        }
    }
    Ok(roots)
}

fn read(key: &'static str, path: &Path) -> Result<Vec<u8>, SourceError> {
    std::fs::read(path).map_err(|source| SourceError::File {
        key,
        path: path.to_owned(),
        source,
    })
}

#[cfg(test)]
mod tests;
