//! `[auth]` and `[tls]`, and the rule that both are there before anything
//! listens beyond loopback.

use std::net::SocketAddr;

use crate::address::is_loopback;
use crate::reader::{Reader, Section};
use crate::{Auth, Config, Tls};

pub(crate) fn auth(reader: &mut Reader<'_>) -> Option<Auth> {
    let mut section = reader.section("auth");
    if section.is_given() && !section.has("file") {
        section.note("file", "is missing: `weir auth add` makes such a file");
    }
    Some(Auth {
        file: section.file("file")?,
    })
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
    // All of them, so that every mistake is told.
    let files = ["cert_file", "key_file", "client_ca_file"].map(|key| section.file(key));
    let [cert_file, key_file, client_ca_file] = files;
    Some(Tls {
        cert_file: cert_file?,
        key_file: key_file?,
        client_ca_file,
    })
}

/// `tls = true|false` of a listener; unless given, what can be reached from
/// beyond this machine speaks TLS.
pub(crate) fn listens_with_tls(section: &mut Section<'_, '_>, listeners: &[SocketAddr]) -> bool {
    let beyond = listeners.iter().any(|address| !is_loopback(*address));
    section.value("tls", beyond, |raw| match (raw.boolean()?, beyond) {
        (false, true) => Err(
            "must not be false where others than this machine can listen in; \
                              leave it out, or listen on 127.0.0.1"
                .to_owned(),
        ),
        (tls, _) => Ok(tls),
    })
}

/// Whoever can reach Weir from beyond this machine must show who they are, and
/// nobody on the way may read along.
pub(crate) fn check_listeners(reader: &mut Reader<'_>, config: &Config) {
    let has_auth = reader.section("auth").is_given();
    let has_tls = reader.section("tls").is_given();
    let mut check = |path: &'static str, listeners: &[(&'static str, SocketAddr)], tls: bool| {
        for (key, address) in listeners {
            if is_loopback(*address) || has_auth && has_tls {
                continue;
            }
            let missing = match (has_auth, has_tls) {
                (false, false) => "[auth] and [tls], and there is neither",
                (false, true) => "[auth], and there is none",
                (true, _) => "[tls], and there is none",
            };
            let reason = format!(
                "{address} can be reached from beyond this machine, which needs {missing}; add \
                 what is missing, or listen on 127.0.0.1 or [::1]"
            );
            reader.section(path).note(key, reason);
        }
        if tls && !has_tls && listeners.iter().all(|(_, address)| is_loopback(*address)) {
            reader
                .section(path)
                .note("tls", "needs a [tls] section with the certificate");
        }
    };
    check("http", &[("listen", config.http.listen)], config.http.tls);
    if let Some(broker) = &config.broker {
        let websocket = broker
            .websocket_listen
            .map(|address| ("websocket_listen", address));
        let listeners: Vec<_> = [("listen", broker.listen)]
            .into_iter()
            .chain(websocket)
            .collect();
        check("broker", &listeners, broker.tls);
    }
}

#[cfg(test)]
mod tests;
