//! `[[source]]`: an external MQTT broker.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use crate::file::address::BrokerUrl;
use crate::file::raw::{Raw, Refused};
use crate::file::reader::{Reader, Section};
use crate::file::values::{
    DAY, KIB, MAX_INFLIGHT, MAX_PACKET, MIB, SECOND, count, duration, label, size,
};

/// `[[source]]`
#[derive(Clone, Debug, PartialEq)]
pub struct Source {
    /// Unique; `client_id` of the first connection and the name in metrics.
    pub client_id: String,
    /// A name, an IPv4 address or an IPv6 address without brackets.
    pub host: String,
    /// 1 to 65,535.
    pub port: u16,
    /// Given when the URL begins with `mqtts://`.
    pub tls: Option<SourceTls>,
    pub username: Option<String>,
    /// Its first line is the password. Only with a `username`.
    pub password_file: Option<PathBuf>,
    /// 1 to 64; more than one joins `share_group`.
    pub connections: u16,
    /// One topic level without wildcards.
    pub share_group: String,
    /// Unacknowledged publishes that Weir is ready to hold per connection.
    /// 1 to 65,535.
    pub max_inflight: u16,
    /// Largest MQTT packet in bytes; larger ones are refused by the protocol.
    /// 1 KiB to 128 MiB, at most
    /// [`JournalSection::max_pending`](crate::JournalSection::max_pending).
    pub max_packet: u64,
    /// 1 to 65,535 s.
    pub keep_alive: Duration,
    /// "Connected but silent": how long without a message before `/readyz` reports
    /// it. Up to 30 days; zero turns the watchdog off.
    pub silent_after: Duration,
    /// Alerts and shadows are published to this broker too.
    pub publish: bool,
}

/// The files of a `[[source]]` with `mqtts://`.
#[derive(Clone, Debug, PartialEq)]
pub struct SourceTls {
    /// PEM; the system's roots when absent.
    pub ca_file: Option<PathBuf>,
    /// PEM: a client certificate, together with its key.
    pub cert_file: Option<PathBuf>,
    pub key_file: Option<PathBuf>,
}

impl Default for Source {
    fn default() -> Self {
        Self {
            client_id: "weir".to_owned(),
            host: "127.0.0.1".to_owned(),
            port: 1883,
            tls: None,
            username: None,
            password_file: None,
            connections: 1,
            share_group: "weir".to_owned(),
            max_inflight: 10_000,
            max_packet: 2 * MIB,
            keep_alive: Duration::from_secs(30),
            silent_after: Duration::from_secs(300),
            publish: true,
        }
    }
}

pub(crate) fn sources(reader: &mut Reader<'_>) -> Vec<Source> {
    let mut client_ids = BTreeSet::new();
    reader.each("source", |section| {
        let source = source(section);
        if !client_ids.insert(source.client_id.clone()) {
            let reason = format!(
                "another source has the client id {:?}: brokers and metrics identify sources by it",
                source.client_id
            );
            section.note("client_id", reason);
        }
        source
    })
}

fn source(section: &mut Section<'_, '_>) -> Source {
    let default = Source::default();
    // With TLS, so that no key of a source with a wrong URL is refused for its lack.
    let unknown = BrokerUrl {
        tls: true,
        host: default.host,
        port: default.port,
    };
    let url = section.required("url", broker_url).unwrap_or(unknown);
    let source = Source {
        tls: source_tls(section, url.tls),
        host: url.host,
        port: url.port,
        client_id: section.value("client_id", default.client_id, label(256)),
        username: section.optional("username", label(65_535)),
        password_file: section.file("password_file"),
        connections: section.value("connections", default.connections, count(1..=64)),
        share_group: section.value("share_group", default.share_group, topic_level),
        max_inflight: section.value(
            "max_inflight",
            default.max_inflight,
            count(1..=MAX_INFLIGHT),
        ),
        max_packet: section.value("max_packet", default.max_packet, size(KIB..=MAX_PACKET)),
        keep_alive: section.value(
            "keep_alive",
            default.keep_alive,
            // MQTT counts keep-alive seconds in 16 bits.
            duration(SECOND..=65_535 * SECOND),
        ),
        silent_after: section.value(
            "silent_after",
            default.silent_after,
            duration(Duration::ZERO..=30 * DAY),
        ),
        publish: section.value("publish", default.publish, |raw| raw.boolean()),
    };
    if section.has("password_file") && !section.has("username") {
        section.note("password_file", "needs a username beside it");
    }
    source
}

fn broker_url(raw: Raw<'_>) -> Result<BrokerUrl, Refused> {
    BrokerUrl::parse(raw.text()?).map_err(|error| error.to_string().into())
}

fn topic_level(raw: Raw<'_>) -> Result<String, Refused> {
    let level = label(256)(raw)?;
    if level.contains(['/', '+', '#']) {
        return Err("must not contain / + or #".into());
    }
    Ok(level)
}

fn source_tls(section: &mut Section<'_, '_>, tls: bool) -> Option<SourceTls> {
    if !tls {
        for key in ["ca_file", "cert_file", "key_file"] {
            if section.has(key) {
                section.note(key, "needs a url that begins with mqtts://");
            }
        }
    }
    match (section.has("cert_file"), section.has("key_file")) {
        (true, false) => section.note("cert_file", "needs a key_file beside it"),
        (false, true) => section.note("key_file", "needs a cert_file beside it"),
        _ => {}
    }
    let files = SourceTls {
        ca_file: section.file("ca_file"),
        cert_file: section.file("cert_file"),
        key_file: section.file("key_file"),
    };
    tls.then_some(files)
}
