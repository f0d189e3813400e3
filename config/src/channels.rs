//! `[[channel]]`: the ways to tell somebody of an alarm.

use std::time::Duration;

use crate::address::parse_http_url;
use crate::alarm_sections::{Channel, ChannelKind, Email, EmailTls, UrlSource};
use crate::alarms::{DAY, HOUR, MINUTE, texts};
use crate::range::{count, duration, label};
use crate::reader::{Raw, Section};

const PAGERDUTY: &str = "https://events.pagerduty.com/v2/enqueue";
const KINDS: &str =
    "\"webhook\", \"alertmanager\", \"slack\", \"pagerduty\", \"email\" and \"sns\"";

/// Keys that only some kinds have, with those kinds.
const OF_KINDS: [(&str, &[&str]); 14] = [
    ("url", &["webhook", "alertmanager", "slack", "pagerduty"]),
    ("url_file", &["webhook", "slack"]),
    ("secret_file", &["webhook"]),
    ("resend", &["alertmanager"]),
    ("routing_key_file", &["pagerduty"]),
    ("server", &["email"]),
    ("tls", &["email"]),
    ("from", &["email"]),
    ("to", &["email"]),
    ("username", &["email"]),
    ("password_file", &["email"]),
    ("topic_arn", &["sns"]),
    ("endpoint", &["sns"]),
    ("credentials_file", &["sns"]),
];

/// A channel that is refused (its problems are noted) is a webhook to nowhere.
pub(crate) fn channel(section: &mut Section<'_, '_>) -> Channel {
    let name = section.required("name", name).unwrap_or_default();
    let kind = section.required("kind", |raw| raw.text().map(str::to_owned));
    let kind_name = kind.unwrap_or_default();
    for (key, kinds) in OF_KINDS {
        if section.has(key) && !kinds.contains(&kind_name.as_str()) && !kind_name.is_empty() {
            section.note(
                key,
                format!("is not a key of a channel of kind {kind_name:?}"),
            );
        }
    }
    let people = matches!(kind_name.as_str(), "slack" | "email");
    Channel {
        kind: kind_of(section, &kind_name),
        name,
        timeout: section.value(
            "timeout",
            Duration::from_secs(10),
            duration(Duration::from_millis(100)..=5 * MINUTE),
        ),
        allow_private: section.value("allow_private", false, |raw| raw.boolean()),
        ca_file: section.file("ca_file"),
        max_per_minute: section.value("max_per_minute", 0, count(0..=1_000_000)),
        storm_above: section.value(
            "storm_above",
            if people { 60 } else { 0 },
            count(0..=1_000_000),
        ),
        give_up_after: section.value("give_up_after", 3 * DAY, duration(MINUTE..=365 * DAY)),
    }
}

fn kind_of(section: &mut Section<'_, '_>, kind: &str) -> ChannelKind {
    let nowhere = || UrlSource::Plain(String::new());
    match kind {
        "alertmanager" => ChannelKind::Alertmanager {
            url: section.required("url", http_url).unwrap_or_default(),
            resend: section.value(
                "resend",
                Duration::from_secs(30),
                duration(Duration::from_secs(1)..=HOUR),
            ),
        },
        "slack" => ChannelKind::Slack {
            url: url_source(section),
        },
        "pagerduty" => ChannelKind::PagerDuty {
            url: section.value("url", PAGERDUTY.to_owned(), http_url),
            routing_key_file: required_file(section, "routing_key_file"),
        },
        "email" => ChannelKind::Email(email(section)),
        "sns" => ChannelKind::Sns {
            topic_arn: section.required("topic_arn", topic_arn).unwrap_or_default(),
            endpoint: section.optional("endpoint", http_url),
            credentials_file: section.file("credentials_file"),
        },
        "webhook" => ChannelKind::Webhook {
            url: url_source(section),
            secret_file: section.file("secret_file"),
        },
        other => {
            if !other.is_empty() {
                let reason = format!("there is no kind {other:?}; there are {KINDS}");
                section.note("kind", reason);
            }
            ChannelKind::Webhook {
                url: nowhere(),
                secret_file: None,
            }
        }
    }
}

fn http_url(raw: Raw<'_>) -> Result<String, String> {
    parse_http_url(raw.text()?)
}

fn url_source(section: &mut Section<'_, '_>) -> UrlSource {
    match (section.has("url"), section.has("url_file")) {
        (true, false) => {
            UrlSource::Plain(section.optional("url", url_with_query).unwrap_or_default())
        }
        (false, true) => UrlSource::File(section.file("url_file").unwrap_or_default()),
        _ => {
            section.note_table("needs url or url_file, and not both");
            UrlSource::Plain(String::new())
        }
    }
}

/// As [`parse_http_url`], and a query may follow.
fn url_with_query(raw: Raw<'_>) -> Result<String, String> {
    let text = raw.text()?;
    let (base, query) = text.split_once('?').unwrap_or((text, ""));
    parse_http_url(base)?;
    match query.contains(|c: char| c.is_whitespace() || c.is_control() || c == '#') {
        true => Err("has a query with white space or a fragment".to_owned()),
        false => Ok(text.to_owned()),
    }
}

fn required_file(section: &mut Section<'_, '_>, key: &'static str) -> std::path::PathBuf {
    if !section.has(key) {
        section.note(key, "is missing");
    }
    section.file(key).unwrap_or_default()
}

fn email(section: &mut Section<'_, '_>) -> Email {
    let tls = section.value("tls", EmailTls::Starttls, |raw| match raw.text()? {
        "implicit" => Ok(EmailTls::Implicit),
        "starttls" => Ok(EmailTls::Starttls),
        "none" => Ok(EmailTls::None),
        other => Err(format!(
            "must be \"starttls\", \"implicit\" or \"none\", not {other:?}"
        )),
    });
    let server = section.required("server", label(256)).unwrap_or_default();
    let default_port = match tls {
        EmailTls::Implicit => 465,
        EmailTls::Starttls => 587,
        EmailTls::None => 25,
    };
    let (host, port) = match server.rsplit_once(':') {
        Some((host, port)) => match port.parse() {
            Ok(port) => (host.to_owned(), port),
            Err(_) => {
                section.note("server", "must be a host, or host:port");
                (host.to_owned(), default_port)
            }
        },
        None => (server, default_port),
    };
    let to = section.required("to", texts).unwrap_or_default();
    if to.is_empty() && section.has("to") {
        section.note("to", "names nobody");
    }
    let (username, password_file) = (
        section.optional("username", label(256)),
        section.file("password_file"),
    );
    if username.is_some() != section.has("password_file") {
        section.note(
            "username",
            "and password_file are given together or not at all",
        );
    }
    Email {
        host,
        port,
        tls,
        from: section.required("from", mailbox).unwrap_or_default(),
        to,
        username,
        password_file,
    }
}

/// Whether it is an address in full, the mail library decides at the start.
fn mailbox(raw: Raw<'_>) -> Result<String, String> {
    let text = label(256)(raw)?;
    match text.contains('@') {
        true => Ok(text),
        false => Err(format!("must be a mail address, not {text:?}")),
    }
}

/// `arn:aws:sns:eu-central-1:123456789012:alarms`
fn topic_arn(raw: Raw<'_>) -> Result<String, String> {
    let text = label(256)(raw)?;
    let parts: Vec<&str> = text.split(':').collect();
    match parts.as_slice() {
        ["arn", partition, "sns", region, account, topic]
            if [partition, region, account, topic]
                .iter()
                .all(|p| !p.is_empty()) =>
        {
            Ok(text)
        }
        _ => Err("must be like \"arn:aws:sns:eu-central-1:123456789012:alarms\"".to_owned()),
    }
}

fn name(raw: Raw<'_>) -> Result<String, String> {
    let name = label(64)(raw)?;
    if name == "mqtt" {
        let reason = "\"mqtt\" is the topics alerts/…, which are always there: take another name";
        return Err(reason.to_owned());
    }
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'-');
    match name.bytes().all(allowed) {
        true => Ok(name),
        false => Err("may contain only a-z, 0-9, _ and -".to_owned()),
    }
}
