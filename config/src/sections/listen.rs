//! What the listeners have in common: their addresses and the key `tls`.

use std::net::SocketAddr;

use crate::file::address::{is_loopback, parse_any_listen, parse_listen};
use crate::file::raw::{Raw, Refused};
use crate::file::reader::Section;

pub(super) fn any_address(raw: Raw<'_>) -> Result<SocketAddr, Refused> {
    parse_any_listen(raw.text()?)
}

pub(super) fn loopback_address(raw: Raw<'_>) -> Result<SocketAddr, Refused> {
    parse_listen(raw.text()?)
}

/// `tls = true|false` of a section with these listeners. By default a listener
/// that others than this machine can reach speaks TLS.
pub(super) fn tls_of(section: &mut Section<'_, '_>, listeners: &[SocketAddr]) -> bool {
    let beyond = listeners.iter().any(|address| !is_loopback(*address));
    section.value("tls", beyond, |raw| match (raw.boolean()?, beyond) {
        (false, true) => Err(
            "must not be false where others than this machine can listen in; leave it out, or \
             listen on 127.0.0.1"
                .into(),
        ),
        (tls, _) => Ok(tls),
    })
}
