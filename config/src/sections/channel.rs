//! `[[channel]]`: where notifications are sent.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use crate::file::address::parse_http_url;
use crate::file::raw::{Raw, Refused};
use crate::file::reader::{Kind, Reader, Section};
use crate::file::values::{self, DAY, HOUR, MINUTE, count, duration, label, texts};

/// `[[channel]]`
#[derive(Clone, Debug, PartialEq)]
pub struct Channel {
    /// Unique: `[a-z0-9_-]`, 1 to 64; not `mqtt`, which always exists.
    pub name: String,
    pub kind: ChannelKind,
    /// Of one delivery. 100 ms to 5 min.
    pub timeout: Duration,
    /// It may be at a loopback, private or link-local address.
    pub allow_private: bool,
    /// PEM: the only authorities that TLS trusts; `None`: the system's.
    pub ca_file: Option<PathBuf>,
    /// Notifications a minute; further ones wait. A fifth is reserved for urgent
    /// ones. 0: no limit.
    pub max_per_minute: u32,
    /// More alarms a minute than this are sent as one summary. 0: never.
    pub storm_above: u32,
    /// What could not be delivered for so long goes to the dead letters. 1 min to
    /// 365 days.
    pub give_up_after: Duration,
}

#[derive(Clone, Debug, PartialEq)]
pub enum ChannelKind {
    /// Standard Webhooks 1.0; signed when there is a secret.
    Webhook {
        url: UrlSource,
        secret_file: Option<PathBuf>,
    },
    /// Prometheus Alertmanager, API v2.
    Alertmanager {
        /// Its base, such as `http://127.0.0.1:9093`.
        url: String,
        /// Open alarms are sent again this often. 1 s to 1 h.
        resend: Duration,
    },
    /// Slack's incoming webhooks and compatible services.
    Slack {
        url: UrlSource,
    },
    /// Events API v2.
    PagerDuty {
        url: String,
        routing_key_file: PathBuf,
    },
    Email(Email),
    /// Amazon SNS.
    Sns {
        topic_arn: String,
        /// `None`: the endpoint of AWS in the ARN's region.
        endpoint: Option<String>,
        /// As `~/.aws/credentials`; `None`: the variables `AWS_ACCESS_KEY_ID`, ….
        credentials_file: Option<PathBuf>,
    },
}

impl ChannelKind {
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Webhook { .. } => "webhook",
            Self::Alertmanager { .. } => "alertmanager",
            Self::Slack { .. } => "slack",
            Self::PagerDuty { .. } => "pagerduty",
            Self::Email(_) => "email",
            Self::Sns { .. } => "sns",
        }
    }
}

/// A URL, or a file that holds one because it is a secret.
#[derive(Clone, Debug, PartialEq)]
pub enum UrlSource {
    Plain(String),
    File(PathBuf),
}

/// A mail server and the recipients.
#[derive(Clone, Debug, PartialEq)]
pub struct Email {
    pub host: String,
    pub port: u16,
    pub tls: EmailTls,
    pub from: String,
    /// At least one.
    pub to: Vec<String>,
    pub username: Option<String>,
    /// Only with a `username`.
    pub password_file: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EmailTls {
    /// From the first byte.
    Implicit,
    Starttls,
    /// For a relay on this machine or a trusted network.
    None,
}

const PAGERDUTY: &str = "https://events.pagerduty.com/v2/enqueue";

const KINDS: &[Kind<ChannelKind>] = &[
    Kind {
        name: "webhook",
        read: |section| ChannelKind::Webhook {
            url: url_source(section),
            secret_file: section.file("secret_file"),
        },
    },
    Kind {
        name: "alertmanager",
        read: |section| ChannelKind::Alertmanager {
            url: section.required("url", http_url).unwrap_or_default(),
            resend: section.value(
                "resend",
                Duration::from_secs(30),
                duration(Duration::from_secs(1)..=HOUR),
            ),
        },
    },
    Kind {
        name: "slack",
        read: |section| ChannelKind::Slack {
            url: url_source(section),
        },
    },
    Kind {
        name: "pagerduty",
        read: |section| ChannelKind::PagerDuty {
            url: section.value("url", PAGERDUTY.to_owned(), http_url),
            routing_key_file: required_file(section, "routing_key_file"),
        },
    },
    Kind {
        name: "email",
        read: |section| ChannelKind::Email(email(section)),
    },
    Kind {
        name: "sns",
        read: |section| ChannelKind::Sns {
            topic_arn: section.required("topic_arn", topic_arn).unwrap_or_default(),
            endpoint: section.optional("endpoint", http_url),
            credentials_file: section.file("credentials_file"),
        },
    },
];

pub(crate) fn channels(reader: &mut Reader<'_>) -> Vec<Channel> {
    let mut names = BTreeSet::new();
    reader.each("channel", |section| {
        let channel = channel(section);
        if !channel.name.is_empty() && !names.insert(channel.name.clone()) {
            let reason = format!("another channel is named {:?}", channel.name);
            section.note("name", reason);
        }
        channel
    })
}

/// A channel with problems, which are noted, is a webhook without a URL.
fn channel(section: &mut Section<'_, '_>) -> Channel {
    let name = section.required("name", name).unwrap_or_default();
    let kind = section.required("kind", kind);
    section.record_kinds(KINDS);
    if let Some(kind) = kind {
        let (foreign, _) = section.keys_of_other_kinds(kind.name);
        for key in foreign {
            let reason = format!("is not a key of a channel of kind {:?}", kind.name);
            section.note(key, reason);
        }
    }
    let is_for_people = kind.is_some_and(|kind| matches!(kind.name, "slack" | "email"));
    let unknown = ChannelKind::Webhook {
        url: UrlSource::Plain(String::new()),
        secret_file: None,
    };
    Channel {
        kind: kind.map_or(unknown, |kind| (kind.read)(section)),
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
            if is_for_people { 60 } else { 0 },
            count(0..=1_000_000),
        ),
        give_up_after: section.value("give_up_after", 3 * DAY, duration(MINUTE..=365 * DAY)),
    }
}

fn kind(raw: Raw<'_>) -> Result<&'static Kind<ChannelKind>, Refused> {
    let name = raw.text()?;
    let known = KINDS.iter().find(|kind| kind.name == name);
    known.ok_or_else(|| {
        let names: Vec<String> = KINDS
            .iter()
            .map(|kind| format!("{:?}", kind.name))
            .collect();
        let (last, others) = names.split_last().expect("there are kinds");
        let others = others.join(", ");
        format!("there is no kind {name:?}; there are {others} and {last}").into()
    })
}

fn http_url(raw: Raw<'_>) -> Result<String, Refused> {
    parse_http_url(raw.text()?)
}

fn url_source(section: &mut Section<'_, '_>) -> UrlSource {
    let url = section.optional("url", url_with_query);
    let file = section.file("url_file");
    match (section.has("url"), section.has("url_file")) {
        (true, false) => UrlSource::Plain(url.unwrap_or_default()),
        (false, true) => UrlSource::File(file.unwrap_or_default()),
        _ => {
            section.note_table("needs url or url_file, and not both");
            UrlSource::Plain(String::new())
        }
    }
}

/// As [`parse_http_url`], and a query may follow.
fn url_with_query(raw: Raw<'_>) -> Result<String, Refused> {
    let text = raw.text()?;
    let (base, query) = text.split_once('?').unwrap_or((text, ""));
    parse_http_url(base)?;
    if query.contains(|c: char| c.is_whitespace() || c.is_control() || c == '#') {
        return Err("has a query with white space or a fragment".into());
    }
    Ok(text.to_owned())
}

fn required_file(section: &mut Section<'_, '_>, key: &'static str) -> PathBuf {
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
        other => {
            Err(format!("must be \"starttls\", \"implicit\" or \"none\", not {other:?}").into())
        }
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

/// The mail library checks the whole address at the start.
fn mailbox(raw: Raw<'_>) -> Result<String, Refused> {
    let text = label(256)(raw)?;
    if !text.contains('@') {
        return Err(format!("must be a mail address, not {text:?}").into());
    }
    Ok(text)
}

/// `arn:aws:sns:eu-central-1:123456789012:alarms`
pub(crate) fn topic_arn(raw: Raw<'_>) -> Result<String, Refused> {
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
        _ => Err("must be like \"arn:aws:sns:eu-central-1:123456789012:alarms\"".into()),
    }
}

fn name(raw: Raw<'_>) -> Result<String, Refused> {
    if raw.text()? == "mqtt" {
        let reason = "\"mqtt\" is the topics alerts/…, which always exist: choose another name";
        return Err(reason.into());
    }
    values::name(raw)
}

#[cfg(test)]
mod tests;
