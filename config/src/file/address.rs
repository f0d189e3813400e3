//! URLs of brokers and stores, and addresses to listen on.
//!
//! What is refused is never repeated in the reason: a URL may hold a password.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use thiserror::Error;

use super::raw::Refused;

/// The parts of a broker's URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokerUrl {
    /// `mqtts://`
    pub tls: bool,
    /// A name, an IPv4 address or an IPv6 address without brackets.
    pub host: String,
    /// Default 1883, or 8883 with TLS.
    pub port: u16,
}

/// Why a text is not a URL that Weir accepts. It does not repeat the text.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{reason}")]
pub struct InvalidUrl {
    /// A predicate that follows the name of the key.
    pub reason: &'static str,
}

impl BrokerUrl {
    /// Reads `mqtt://host[:port]` or `mqtts://host[:port]`.
    pub fn parse(url: &str) -> Result<Self, InvalidUrl> {
        let refuse = |reason| Err(InvalidUrl { reason });
        let (tls, rest) = match url.split_once("://") {
            Some(("mqtt" | "tcp", rest)) => (false, rest),
            Some(("mqtts" | "ssl", rest)) => (true, rest),
            _ => return refuse("must begin with mqtt:// or mqtts://"),
        };
        if rest.contains('@') {
            return refuse("holds credentials: give username and password_file instead");
        }
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        if authority.contains(['/', '?', '#']) {
            return refuse("must end behind the host and port");
        }
        let (host, port) = split_authority(authority).map_err(|reason| InvalidUrl { reason })?;
        let port = port.unwrap_or(if tls { 8883 } else { 1883 });
        Ok(Self {
            tls,
            host: host.to_owned(),
            port,
        })
    }
}

/// `http://host[:port][/path]` or `https://…`, without a trailing slash.
pub(crate) fn parse_http_url(url: &str) -> Result<String, Refused> {
    let rest = url
        .strip_prefix("http://")
        .or_else(|| url.strip_prefix("https://"));
    let rest = rest.ok_or("must begin with http:// or https://")?;
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    if authority.contains('@') {
        return Err("holds credentials: give token_file instead".into());
    }
    if url.contains(['?', '#']) {
        return Err("must not have a query or a fragment".into());
    }
    if path.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Err("has a path with white space".into());
    }
    split_authority(authority)?;
    Ok(url.trim_end_matches('/').to_owned())
}

/// An address that others may reach. `listeners.rs` refuses it without
/// authentication and TLS, so every listener must be checked there.
pub(crate) fn parse_any_listen(text: &str) -> Result<SocketAddr, Refused> {
    let text = match text.strip_prefix("localhost:") {
        Some(port) => &format!("127.0.0.1:{port}"),
        None => text,
    };
    text.parse().map_err(|_| {
        "must be an address with a port, like \"127.0.0.1:8080\" (port 0 picks a free one)".into()
    })
}

/// An address that only this machine can reach, for a listener that has no TLS.
pub(crate) fn parse_listen(text: &str) -> Result<SocketAddr, Refused> {
    match parse_any_listen(text)? {
        address if is_loopback(address) => Ok(address),
        address => Err(format!(
            "{address} can be reached from beyond this machine, which needs TLS, and this \
             listener has none; listen on 127.0.0.1 or [::1]"
        )
        .into()),
    }
}

/// Whether only this machine can reach it.
pub(crate) fn is_loopback(address: SocketAddr) -> bool {
    address.ip().to_canonical().is_loopback()
}

/// `host[:port]` with the host of a URL: a name, an IPv4 or an IPv6 in brackets.
fn split_authority(authority: &str) -> Result<(&str, Option<u16>), &'static str> {
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (host, behind) = rest.split_once(']').ok_or("has a [ without a ]")?;
            host.parse::<Ipv6Addr>()
                .map_err(|_| "has no IPv6 address between [ and ]")?;
            (
                host,
                behind
                    .strip_prefix(':')
                    .or((!behind.is_empty()).then_some("")),
            )
        }
        None => match authority.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, None),
        },
    };
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let is_name = !host.is_empty() && host.len() <= 253 && host.chars().all(allowed);
    if !is_name && host.parse::<IpAddr>().is_err() {
        return Err("has no host");
    }
    let port = match port {
        None => None,
        Some(port) => match port.parse::<u16>() {
            Ok(port) if port > 0 => Some(port),
            _ => return Err("has no port from 1 to 65535 behind the host"),
        },
    };
    Ok((host, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broker_urls() {
        let parsed = |url| BrokerUrl::parse(url).map(|u| (u.tls, u.host, u.port));
        let ok = |tls, host: &str, port| Ok((tls, host.to_owned(), port));
        assert_eq!(parsed("mqtt://broker"), ok(false, "broker", 1883));
        assert_eq!(
            parsed("mqtts://broker.example.com/"),
            ok(true, "broker.example.com", 8883)
        );
        assert_eq!(parsed("mqtt://10.0.0.1:1884"), ok(false, "10.0.0.1", 1884));
        assert_eq!(parsed("mqtt://[::1]:1884"), ok(false, "::1", 1884));
        assert_eq!(parsed("mqtt://[::1]"), ok(false, "::1", 1883));
        for url in [
            "",
            "broker",
            "http://broker",
            "mqtt://",
            "mqtt://:1883",
            "mqtt://b:",
            "mqtt://b:0",
            "mqtt://b:65536",
            "mqtt://b:x",
            "mqtt://b/topic",
            "mqtt://b?x",
            "mqtt://[::1",
            "mqtt://[::1]x",
            "mqtt://[nope]",
            "mqtt://a b",
            "mqtt://::1",
            "mqtt://é",
        ] {
            assert!(BrokerUrl::parse(url).is_err(), "{url}");
        }
    }

    #[test]
    fn credentials_are_refused_without_being_repeated() {
        for reason in [
            BrokerUrl::parse("mqtt://user:hunter2@broker")
                .unwrap_err()
                .to_string(),
            parse_http_url("https://user:hunter2@influx")
                .unwrap_err()
                .to_string(),
        ] {
            assert!(reason.contains("credentials"), "{reason}");
            assert!(!reason.contains("hunter2"), "{reason}");
        }
    }

    #[test]
    fn http_urls() {
        let ok = |url: &str| Ok(url.to_owned());
        assert_eq!(
            parse_http_url("http://127.0.0.1:8086"),
            ok("http://127.0.0.1:8086")
        );
        assert_eq!(
            parse_http_url("https://influx/base/"),
            ok("https://influx/base")
        );
        for url in [
            "",
            "influx:8086",
            "ftp://x",
            "http://",
            "http://x?y",
            "http://x/a b",
        ] {
            assert!(parse_http_url(url).is_err(), "{url}");
        }
    }

    #[test]
    fn an_address_to_listen_on_has_a_port_and_may_be_beyond_this_machine() {
        for (text, only_here) in [
            ("127.0.0.1:0", true),
            ("127.9.9.9:1", true),
            ("[::1]:8080", true),
            ("[::ffff:127.0.0.1]:1", true),
            ("localhost:80", true),
            ("0.0.0.0:8080", false),
            ("[::]:8080", false),
            ("192.168.1.4:80", false),
            ("[::ffff:10.0.0.1]:1", false),
        ] {
            let address = parse_any_listen(text).unwrap();
            assert_eq!(is_loopback(address), only_here, "{text}");
            assert_eq!(parse_listen(text).is_ok(), only_here, "{text}");
        }
        for text in [
            "",
            "8080",
            ":8080",
            "127.0.0.1",
            "localhost",
            "example.com:80",
        ] {
            let reason = parse_any_listen(text).unwrap_err().to_string();
            assert!(reason.contains("must be"), "{text}");
        }
    }
}
