//! Email over SMTP with lettre: plain text, with the same `Message-ID` for every
//! attempt.

use std::net::{SocketAddr, ToSocketAddrs};
use std::time::Duration;

use lettre::message::header::ContentType;
use lettre::message::{Mailbox, Message};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, CertificateStore, Tls, TlsParameters};
use lettre::{SmtpTransport, Transport};
use weir_alarms::{Links, Notification};
use weir_config::EmailTls;
use weir_http_client::{Trust, check_public, with_advice};

use super::error::{DeliveryError, SetupError};

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
    ) -> Result<Self, SetupError> {
        let mailbox = |text: &String| {
            text.parse().map_err(|source| SetupError::EmailAddress {
                text: text.clone(),
                source,
            })
        };
        let parameters = || {
            parameters(&config.host, trust).map_err(|source| SetupError::EmailTls {
                host: config.host.clone(),
                source,
            })
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
        links: &Links,
    ) -> Result<(), DeliveryError> {
        let message = self.message(notification, links)?;
        let address = self.resolve()?;
        // To the address that was checked; TLS still verifies the host name.
        let mut transport = SmtpTransport::builder_dangerous(address.ip().to_string())
            .port(self.port)
            .tls(self.tls.clone())
            .timeout(Some(self.timeout));
        if let Some(credentials) = &self.credentials {
            transport = transport.credentials(credentials.clone());
        }
        match transport.build().send(&message) {
            Ok(_) => Ok(()),
            Err(error) if is_refusal(&error) => Err(DeliveryError::Refused {
                reason: format!("the mail server refused the message: {error}"),
            }),
            Err(error) => Err(DeliveryError::temporary(with_advice(format!(
                "the mail server did not accept the message: {error}"
            )))),
        }
    }

    fn resolve(&self) -> Result<SocketAddr, DeliveryError> {
        let found: Vec<SocketAddr> = (self.host.as_str(), self.port)
            .to_socket_addrs()
            .map_err(|error| {
                DeliveryError::temporary(format!(
                    "the name of the mail server cannot be resolved: {error}"
                ))
            })?
            .collect();
        if !self.allow_private {
            check_public(&found).map_err(|error| DeliveryError::temporary(error.to_string()))?;
        }
        // A server on this machine often listens on IPv4 only.
        let v4 = found.iter().find(|address| address.is_ipv4());
        v4.or(found.first())
            .copied()
            .ok_or_else(|| DeliveryError::temporary("the name of the mail server has no address"))
    }

    fn message(
        &self,
        notification: &Notification,
        links: &Links,
    ) -> Result<Message, DeliveryError> {
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
            .body(notification.text(links))
            .map_err(|error| DeliveryError::Refused {
                reason: format!("the notification cannot be written as an email: {error}"),
            })
    }
}

/// TLS with verification of this host name.
fn parameters(host: &str, trust: &Trust) -> Result<TlsParameters, lettre::transport::smtp::Error> {
    let mut builder = TlsParameters::builder(host.to_owned());
    if let Trust::Only(roots) = trust {
        builder = builder.certificate_store(CertificateStore::None);
        for root in roots {
            builder = builder.add_root_certificate(Certificate::from_der(root.to_vec())?);
        }
    }
    builder.build()
}

/// 550 to 554 refuse the message for good. Other codes, such as 535 for a wrong
/// password, come from a wrong configuration, which can be corrected.
fn is_refusal(error: &lettre::transport::smtp::Error) -> bool {
    let code = error.status().map(|code| code.to_string());
    matches!(code.as_deref(), Some("550" | "551" | "552" | "553" | "554"))
}
