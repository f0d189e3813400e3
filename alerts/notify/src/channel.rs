//! The ways to tell somebody: each takes a [`Notification`] and says whether it
//! was delivered, may be tried again, or will never be taken.
//!
//! Calls block, up to the channel's timeout. Nothing here remembers or retries:
//! the outbox does. Secrets are read from their files once, at the start, and
//! stand in no error.

mod address;
mod alertmanager;
mod email;
mod http;
mod pagerduty;
mod slack;
mod sns;
mod trust;
mod webhook;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use thiserror::Error;
use weir_config::{ChannelKind, UrlSource};
use weir_model::Timestamp;

use crate::notification::Notification;

pub use alertmanager::AlertmanagerMirror;
use email::Email;
use http::HttpClient;
use pagerduty::PagerDuty;
use slack::Slack;
use sns::Sns;
use trust::Trust;
use webhook::Webhook;

/// Why a notification was not delivered.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum DeliveryError {
    /// It may work later.
    #[error("{reason}")]
    Temporary {
        reason: String,
        /// The other side asks not to be bothered for so long.
        retry_after: Option<Duration>,
    },
    /// It never will: the other side refuses this very notification.
    #[error("{reason}")]
    Refused { reason: String },
}

impl DeliveryError {
    fn temporary(reason: impl Into<String>) -> Self {
        Self::Temporary {
            reason: reason.into(),
            retry_after: None,
        }
    }
}

/// Why a channel cannot be used at all.
#[derive(Debug, Error)]
pub enum ChannelError {
    #[error("channel {channel}: cannot read {path}: {source}")]
    Secret {
        channel: String,
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("channel {channel}: {reason}")]
    Unusable { channel: String, reason: String },
}

/// One channel, ready to deliver.
#[derive(Debug)]
pub struct Channel {
    pub name: String,
    /// Where links lead.
    link: String,
    way: Way,
}

#[derive(Debug)]
enum Way {
    Webhook(Webhook),
    Alertmanager(AlertmanagerMirror),
    Slack(Slack),
    PagerDuty(PagerDuty),
    Email(Box<Email>),
    Sns(Sns),
}

impl Channel {
    /// Reads its secrets. `link` is the base of the links in notifications.
    pub fn open(config: &weir_config::Channel, link: &str) -> Result<Self, ChannelError> {
        let name = &config.name;
        let trust = Trust::read(name, config.ca_file.as_deref())?;
        let http = || HttpClient::new(config.timeout, config.allow_private, &trust);
        let unusable = |reason: String| ChannelError::Unusable {
            channel: name.clone(),
            reason,
        };
        let way = match &config.kind {
            ChannelKind::Webhook { url, secret_file } => {
                let secret = secret_file.as_deref().map(|path| secret(name, path));
                let webhook = Webhook::new(http(), url_of(name, url)?, secret.transpose()?);
                Way::Webhook(webhook.map_err(unusable)?)
            }
            ChannelKind::Alertmanager { url, resend } => {
                Way::Alertmanager(AlertmanagerMirror::new(http(), url, *resend, link))
            }
            ChannelKind::Slack { url } => Way::Slack(Slack::new(http(), url_of(name, url)?)),
            ChannelKind::PagerDuty {
                url,
                routing_key_file,
            } => {
                let key = secret(name, routing_key_file)?;
                Way::PagerDuty(PagerDuty::new(http(), url.clone(), key))
            }
            ChannelKind::Email(email) => {
                let password = email
                    .password_file
                    .as_deref()
                    .map(|path| secret(name, path));
                let password = password.transpose()?;
                let email = Email::new(email, password, config, &trust);
                Way::Email(Box::new(email.map_err(unusable)?))
            }
            ChannelKind::Sns {
                topic_arn,
                endpoint,
                credentials_file,
            } => {
                let file = credentials_file.as_deref().map(|path| secret(name, path));
                let sns = Sns::new(http(), topic_arn, endpoint.as_deref(), file.transpose()?);
                Way::Sns(sns.map_err(unusable)?)
            }
        };
        Ok(Self {
            name: name.clone(),
            link: link.to_owned(),
            way,
        })
    }

    /// Delivers, or says why not. `now` is the wall clock: signatures carry it.
    pub fn send(&self, notification: &Notification, now: Timestamp) -> Result<(), DeliveryError> {
        match &self.way {
            Way::Webhook(webhook) => webhook.send(notification, &self.link, now),
            Way::Alertmanager(mirror) => mirror.send(notification, now),
            Way::Slack(slack) => slack.send(notification, &self.link),
            Way::PagerDuty(pagerduty) => pagerduty.send(notification, &self.link),
            Way::Email(email) => email.send(notification, &self.link),
            Way::Sns(sns) => sns.send(notification, now),
        }
    }

    /// The mirror of the open alarms, where the channel is one.
    pub fn mirror(&mut self) -> Option<&mut AlertmanagerMirror> {
        match &mut self.way {
            Way::Alertmanager(mirror) => Some(mirror),
            _ => None,
        }
    }
}

fn url_of(channel: &str, url: &UrlSource) -> Result<String, ChannelError> {
    match url {
        UrlSource::Plain(url) => Ok(url.clone()),
        UrlSource::File(path) => {
            let url = secret(channel, path)?;
            match url.starts_with("https://") || url.starts_with("http://") {
                true => Ok(url),
                false => Err(ChannelError::Unusable {
                    channel: channel.to_owned(),
                    reason: format!("{} does not hold a URL", path.display()),
                }),
            }
        }
    }
}

/// The text of a file, without what surrounds it.
fn secret(channel: &str, path: &Path) -> Result<String, ChannelError> {
    let text = fs::read_to_string(path).map_err(|source| ChannelError::Secret {
        channel: channel.to_owned(),
        path: path.to_owned(),
        source,
    })?;
    Ok(text.trim().to_owned())
}

/// At most so many bytes of a text, cut between characters.
fn cut(text: &str, bytes: usize) -> &str {
    let mut end = bytes.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}
