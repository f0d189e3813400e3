//! The name in a client certificate, which TLS has verified.

use x509_parser::parse_x509_certificate;

/// The common name of a DER certificate's subject; `None` when there is not
/// exactly one.
pub fn common_name(certificate: &[u8]) -> Option<String> {
    let (_, certificate) = parse_x509_certificate(certificate).ok()?;
    let mut names = certificate.subject().iter_common_name();
    let name = names.next()?.as_str().ok()?.to_owned();
    names.next().is_none().then_some(name)
}

#[cfg(test)]
mod tests {
    use super::common_name;

    #[test]
    fn what_is_no_certificate_has_no_name() {
        assert_eq!(common_name(b""), None);
        assert_eq!(common_name(&[0x30, 0x82, 0xff, 0xff]), None);
    }
}
