//! Whose certificates a channel believes: those that the system trusts, or, where
//! `ca_file` is given, those of its authorities and no others.

use std::fs;
use std::path::Path;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use super::ChannelError;

/// Authorities.
#[derive(Clone, Debug)]
pub(super) enum Trust {
    System,
    These(Vec<CertificateDer<'static>>),
}

impl Trust {
    pub(super) fn read(channel: &str, ca_file: Option<&Path>) -> Result<Self, ChannelError> {
        let Some(path) = ca_file else {
            return Ok(Self::System);
        };
        let pem = fs::read(path).map_err(|source| ChannelError::Secret {
            channel: channel.to_owned(),
            path: path.to_owned(),
            source,
        })?;
        let unusable = |reason: String| ChannelError::Unusable {
            channel: channel.to_owned(),
            reason: format!("ca_file {} {reason}", path.display()),
        };
        let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
        match found {
            Ok(found) if found.is_empty() => Err(unusable("has no certificate".to_owned())),
            Ok(found) => Ok(Self::These(found)),
            Err(error) => Err(unusable(format!("is not PEM: {error}"))),
        }
    }

    /// Their certificates.
    pub(super) fn roots(&self) -> Vec<CertificateDer<'static>> {
        match self {
            Self::System => rustls_native_certs::load_native_certs().certs,
            Self::These(roots) => roots.clone(),
        }
    }
}

/// Says what to do about a certificate of an authority that is not trusted.
pub(super) fn advised(error: String) -> String {
    match error.contains("UnknownIssuer") {
        true => format!("{error}: its authority is not trusted; ca_file names those that are"),
        false => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_a_certificate_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ca.pem");
        let error = Trust::read("mail", Some(&path)).unwrap_err().to_string();
        assert!(error.starts_with("channel mail: cannot read "), "{error}");
        fs::write(&path, "no certificate").unwrap();
        let error = Trust::read("mail", Some(&path)).unwrap_err().to_string();
        assert!(error.ends_with("has no certificate"), "{error}");
    }
}
