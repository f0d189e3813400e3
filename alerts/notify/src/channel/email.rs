//! Mail, through lettre: plain text, with a `Message-ID` that stays the same
//! however often it is sent.

use std::net::{SocketAddr, ToSocketAddrs};
use std::time::Duration;

use lettre::message::header::ContentType;
use lettre::message::{Mailbox, Message};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, CertificateStore, Tls, TlsParameters};
use lettre::{SmtpTransport, Transport};
use weir_config::EmailTls;

use super::DeliveryError;
use super::address::refuse_private;
use super::trust::{Trust, advised};
use crate::notification::Notification;

#[derive(Debug)]
pub(super) struct Email {
    host: String,
    port: u16,
    tls: Tls,
    credentials: Option<Credentials>,
    from: Mailbox,
    to: Vec<Mailbox>,
    timeout: Duration,
    allow_private: bool,
}

impl Email {
    pub(super) fn new(
        config: &weir_config::Email,
        password: Option<String>,
        channel: &weir_config::Channel,
        trust: &Trust,
    ) -> Result<Self, String> {
        let mailbox = |text: &String| {
            text.parse()
                .map_err(|error| format!("{text:?} is not a mail address: {error}"))
        };
        let parameters = || {
            parameters(&config.host, trust)
                .map_err(|error| format!("TLS with {:?} is not possible: {error}", config.host))
        };
        let tls = match config.tls {
            EmailTls::Implicit => Tls::Wrapper(parameters()?),
            EmailTls::Starttls => Tls::Required(parameters()?),
            EmailTls::None => Tls::None,
        };
        let credentials = config.username.clone().zip(password);
        Ok(Self {
            host: config.host.clone(),
            port: config.port,
            tls,
            credentials: credentials.map(|(user, password)| Credentials::new(user, password)),
            from: mailbox(&config.from)?,
            to: config.to.iter().map(mailbox).collect::<Result<_, _>>()?,
            timeout: channel.timeout,
            allow_private: channel.allow_private,
        })
    }

    pub(super) fn send(
        &self,
        notification: &Notification,
        link: &str,
    ) -> Result<(), DeliveryError> {
        let message = self.message(notification, link)?;
        let address = self.resolve()?;
        // To the address that was checked; TLS still names the host.
        let mut transport = SmtpTransport::builder_dangerous(address.ip().to_string())
            .port(self.port)
            .tls(self.tls.clone())
            .timeout(Some(self.timeout));
        if let Some(credentials) = &self.credentials {
            transport = transport.credentials(credentials.clone());
        }
        match transport.build().send(&message) {
            Ok(_) => Ok(()),
            // Not "no such user" alone: authentication fails with a 5xx too, and
            // can be mended.
            Err(error) if is_refusal(&error) => Err(DeliveryError::Refused {
                reason: format!("the mail server refused it: {error}"),
            }),
            Err(error) => Err(DeliveryError::temporary(advised(format!(
                "the mail server did not take it: {error}"
            )))),
        }
    }

    fn resolve(&self) -> Result<SocketAddr, DeliveryError> {
        let found: Vec<SocketAddr> = (self.host.as_str(), self.port)
            .to_socket_addrs()
            .map_err(|error| {
                DeliveryError::temporary(format!("the mail server cannot be resolved: {error}"))
            })?
            .collect();
        if !self.allow_private {
            refuse_private(&found).map_err(DeliveryError::temporary)?;
        }
        // A server on this machine tends to listen on IPv4 alone.
        let v4 = found.iter().find(|address| address.is_ipv4());
        v4.or(found.first())
            .copied()
            .ok_or_else(|| DeliveryError::temporary("the mail server's name has no address"))
    }

    fn message(&self, notification: &Notification, link: &str) -> Result<Message, DeliveryError> {
        let domain = self.from.email.domain();
        let mut message = Message::builder()
            .from(self.from.clone())
            .subject(notification.title())
            .message_id(Some(format!("<{}@{domain}>", notification.id)));
        for to in &self.to {
            message = message.to(to.clone());
        }
        message
            .header(ContentType::TEXT_PLAIN)
            .body(notification.text(link))
            .map_err(|error| DeliveryError::Refused {
                reason: format!("it cannot be written as a mail: {error}"),
            })
    }
}

/// TLS to the host of this name.
fn parameters(host: &str, trust: &Trust) -> Result<TlsParameters, lettre::transport::smtp::Error> {
    let mut builder = TlsParameters::builder(host.to_owned());
    if let Trust::These(roots) = trust {
        builder = builder.certificate_store(CertificateStore::None);
        for root in roots {
            builder = builder.add_root_certificate(Certificate::from_der(root.to_vec())?);
        }
    }
    builder.build()
}

/// 550 to 554: the mail itself is refused. Others, such as 535 for a wrong
/// password, say that the channel is set up wrongly.
fn is_refusal(error: &lettre::transport::smtp::Error) -> bool {
    let code = error.status().map(|code| code.to_string());
    matches!(code.as_deref(), Some("550" | "551" | "552" | "553" | "554"))
}
