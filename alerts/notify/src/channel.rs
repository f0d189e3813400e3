//! The channels: each delivers a [`Notification`] and reports whether it was
//! delivered, may be tried again, or is refused for good.
//!
//! Calls block, up to the channel's timeout. A channel has no state and does not
//! retry: the outbox does. Secrets are read from their files once, at the start,
//! and appear in no error.

mod alertmanager;
mod email;
mod error;
mod pagerduty;
mod post;
mod slack;
mod sns;
mod text;
mod webhook;

use std::fs;
use std::path::Path;

use weir_alarms::{Links, Notification};
use weir_config::{ChannelKind, UrlSource};
use weir_http_client::Trust;
use weir_model::Timestamp;

pub use alertmanager::AlertmanagerMirror;
use email::Email;
pub use error::{ChannelError, DeliveryError, SetupError};
use pagerduty::PagerDuty;
use slack::Slack;
use sns::SnsTopic;
use webhook::Webhook;

/// One channel, ready to deliver.
#[derive(Debug)]
pub struct Channel {
    pub name: String,
    links: Links,
    transport: Transport,
}

#[derive(Debug)]
enum Transport {
    Webhook(Webhook),
    Alertmanager(AlertmanagerMirror),
    Slack(Slack),
    PagerDuty(PagerDuty),
    Email(Box<Email>),
    Sns(SnsTopic),
}

impl Channel {
    /// Reads the channel's secrets.
    pub fn open(config: &weir_config::Channel, links: &Links) -> Result<Self, ChannelError> {
        let transport = Transport::open(config, links).map_err(|reason| ChannelError {
            channel: config.name.clone(),
            reason,
        })?;
        Ok(Self {
            name: config.name.clone(),
            links: links.clone(),
            transport,
        })
    }

    /// Delivers a notification. `now` is the wall clock, for signatures.
    pub fn send(&self, notification: &Notification, now: Timestamp) -> Result<(), DeliveryError> {
        match &self.transport {
            Transport::Webhook(webhook) => webhook.send(notification, &self.links, now),
            Transport::Alertmanager(mirror) => mirror.send(notification, now),
            Transport::Slack(slack) => slack.send(notification, &self.links),
            Transport::PagerDuty(pagerduty) => pagerduty.send(notification, &self.links),
            Transport::Email(email) => email.send(notification, &self.links),
            Transport::Sns(sns) => sns.send(notification, now),
        }
    }

    /// The mirror of the open alarms, if the channel is an Alertmanager.
    pub fn mirror(&mut self) -> Option<&mut AlertmanagerMirror> {
        match &mut self.transport {
            Transport::Alertmanager(mirror) => Some(mirror),
            _ => None,
        }
    }
}

impl Transport {
    fn open(config: &weir_config::Channel, links: &Links) -> Result<Self, SetupError> {
        let trust = Trust::read(config.ca_file.as_deref())?;
        let http = || post::client(config, &trust);
        Ok(match &config.kind {
            ChannelKind::Webhook { url, secret_file } => {
                let secret = secret_file.as_deref().map(secret).transpose()?;
                Self::Webhook(Webhook::new(http(), url_of(url)?, secret)?)
            }
            ChannelKind::Alertmanager { url, resend } => {
                Self::Alertmanager(AlertmanagerMirror::new(http(), url, *resend, links))
            }
            ChannelKind::Slack { url } => Self::Slack(Slack::new(http(), url_of(url)?)),
            ChannelKind::PagerDuty {
                url,
                routing_key_file,
            } => {
                let key = secret(routing_key_file)?;
                Self::PagerDuty(PagerDuty::new(http(), url.clone(), key))
            }
            ChannelKind::Email(email) => {
                let password = email.password_file.as_deref().map(secret).transpose()?;
                Self::Email(Box::new(Email::new(email, password, config, &trust)?))
            }
            ChannelKind::Sns {
                topic_arn,
                endpoint,
                credentials_file,
            } => {
                let file = credentials_file.as_deref().map(secret).transpose()?;
                let endpoint = endpoint.as_deref();
                Self::Sns(SnsTopic::new(http(), topic_arn, endpoint, file.as_deref())?)
            }
        })
    }
}

fn url_of(url: &UrlSource) -> Result<String, SetupError> {
    let path = match url {
        UrlSource::Plain(url) => return Ok(url.clone()),
        UrlSource::File(path) => path,
    };
    let url = secret(path)?;
    if url.starts_with("https://") || url.starts_with("http://") {
        Ok(url)
    } else {
        Err(SetupError::NotAUrl { path: path.clone() })
    }
}

/// The text of a file, without surrounding white space.
fn secret(path: &Path) -> Result<String, SetupError> {
    let text = fs::read_to_string(path).map_err(|source| SetupError::SecretFile {
        path: path.to_owned(),
        source,
    })?;
    Ok(text.trim().to_owned())
}
