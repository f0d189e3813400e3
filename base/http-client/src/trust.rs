//! The certificate authorities that a client trusts: those of the system, or only
//! those of a `ca_file`.

use std::fs;
use std::path::{Path, PathBuf};

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::{Error as PemError, PemObject};
use thiserror::Error;

/// The trusted authorities.
#[derive(Clone, Debug)]
pub enum Trust {
    System,
    /// These and no others.
    Only(Vec<CertificateDer<'static>>),
}

/// Why a `ca_file` cannot be used.
#[derive(Debug, Error)]
pub enum TrustError {
    #[error("cannot read {path}: {source}")]
    Read {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("ca_file {path} is not PEM: {source}")]
    NotPem { path: PathBuf, source: PemError },
    #[error("ca_file {path} has no certificate")]
    NoCertificate { path: PathBuf },
}

impl Trust {
    /// The authorities in `ca_file`; those of the system if there is none.
    pub fn read(ca_file: Option<&Path>) -> Result<Self, TrustError> {
        let Some(path) = ca_file else {
            return Ok(Self::System);
        };
        let path_buf = || path.to_owned();
        let pem = fs::read(path).map_err(|source| TrustError::Read {
            path: path_buf(),
            source,
        })?;
        let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
        match found {
            Ok(found) if found.is_empty() => Err(TrustError::NoCertificate { path: path_buf() }),
            Ok(found) => Ok(Self::Only(found)),
            Err(source) => Err(TrustError::NotPem {
                path: path_buf(),
                source,
            }),
        }
    }

    /// The certificates of the authorities.
    pub fn roots(&self) -> Vec<CertificateDer<'static>> {
        match self {
            Self::System => rustls_native_certs::load_native_certs().certs,
            Self::Only(roots) => roots.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_a_certificate_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ca.pem");
        let error = Trust::read(Some(&path)).unwrap_err().to_string();
        assert!(error.starts_with("cannot read "), "{error}");
        fs::write(&path, "no certificate").unwrap();
        let error = Trust::read(Some(&path)).unwrap_err().to_string();
        assert!(error.ends_with("has no certificate"), "{error}");
    }
}
