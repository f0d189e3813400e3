//! The checks that span listeners: authentication and TLS before anything listens
//! beyond loopback, one listener per address, and packets that fit the journal.

use std::net::SocketAddr;

use crate::Config;
use crate::file::address::is_loopback;
use crate::file::reader::Reader;
use crate::file::units::show_size;

pub(crate) fn check(reader: &mut Reader<'_>, config: &Config) {
    check_exposure(reader, config);
    check_packets(reader, config);
    check_addresses(reader, config);
}

/// A peer beyond this machine must authenticate, over an encrypted connection.
fn check_exposure(reader: &mut Reader<'_>, config: &Config) {
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
        let listeners: Vec<_> = std::iter::once(("listen", broker.listen))
            .chain(websocket)
            .collect();
        check("broker", &listeners, broker.tls);
    }
}

/// A packet must fit the journal's write buffer.
fn check_packets(reader: &mut Reader<'_>, config: &Config) {
    let pending = config.journal.max_pending;
    let too_large = |max_packet| {
        let (packet, pending) = (show_size(max_packet), show_size(pending));
        format!("a packet of {packet} would never fit into journal.max_pending, {pending}")
    };
    if let Some(broker) = &config.broker
        && broker.max_packet > pending
    {
        let mut section = reader.section("broker");
        section.note("max_packet", too_large(broker.max_packet));
    }
    let tables = reader.repeated("source");
    for (table, source) in tables.into_iter().zip(&config.sources) {
        if source.max_packet > pending {
            let mut section = reader.section_of("source", table);
            section.note("max_packet", too_large(source.max_packet));
        }
    }
}

/// Two listeners cannot have the same address.
fn check_addresses(reader: &mut Reader<'_>, config: &Config) {
    let is_fixed = |address: SocketAddr| address.port() != 0;
    let http = config.http.listen;
    let mut taken = vec![("http.listen", http)];
    if let Some(broker) = &config.broker {
        let mut section = reader.section("broker");
        let listen = broker.listen;
        if is_fixed(listen) && (listen == http || Some(listen) == broker.websocket_listen) {
            section.note("listen", format!("something else listens on {listen} too"));
        }
        taken.push(("broker.listen", listen));
        if let Some(websocket) = broker.websocket_listen {
            if is_fixed(websocket) && websocket == http {
                let reason = format!("HTTP listens on {websocket} too");
                section.note("websocket_listen", reason);
            }
            taken.push(("broker.websocket_listen", websocket));
        }
    }
    let sql = [
        ("flight", "flight.listen", &config.flight),
        ("postgres", "postgres.listen", &config.postgres),
    ];
    for (path, key, listener) in sql {
        let Some(listener) = listener else { continue };
        let mut taken_before = taken.iter();
        let other = taken_before.find(|(_, address)| *address == listener.listen);
        if let Some((other, address)) = other
            && is_fixed(*address)
        {
            let mut section = reader.section(path);
            section.note("listen", format!("{other} is {address} too"));
        }
        taken.push((key, listener.listen));
    }
}

#[cfg(test)]
mod tests;
